"""Probes of moto's defects: each returns True while the installed moto, without our patches, has the defect.

A probe calls moto's API, or the member that a patch replaces. It runs under ``mock_aws``, in a process without
patches. ``@probe`` registers it; a test compares the registered probes with the table.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

Probe = Callable[[], bool]

_PROBES: Final[dict[str, Probe]] = {}


def probe(function: Probe) -> Probe:
    """Register a probe by its name. Raise ValueError for a second probe of that name."""
    if function.__name__ in _PROBES:
        raise ValueError(f"two probes are named {function.__name__}")
    _PROBES[function.__name__] = function
    return function


def load() -> Mapping[str, Probe]:
    """Import every module of probes and return all probes by name."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return _PROBES
