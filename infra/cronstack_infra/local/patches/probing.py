"""A program that examines the moto of its own process: signatures of members, and the probes of defects.

It reads a request as JSON from standard input and writes the answer as JSON to standard output. ``report`` starts it,
optionally with another version of moto first on the path. No patch is applied in its process.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import version
from typing import Any

PRESENT = "present"
GONE = "gone"


def examine(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return signatures of members, results of probes, and faults of modules that cannot be imported, each by name."""
    return {
        "moto": version("moto"),
        "signatures": {f"{owner}.{name}": _signature(owner, name) for owner, name in request["members"]},
        "probes": {name: _result(name) for name in request["probes"]},
        "modules": {name: fault for name in request["modules"] if (fault := _import_fault(name))},
    }


def _signature(owner: str, name: str) -> str:
    from cronstack_infra.local.moto.patch import resolve, signature_of

    try:
        return signature_of(resolve(owner), name)
    except (ImportError, AttributeError) as fault:
        return f"no owner: {fault}"


def _result(name: str) -> str:
    """Return PRESENT or GONE, or the exception that the probe raised."""
    try:
        from moto import mock_aws

        from cronstack_infra.local.patches.probes import load

        with mock_aws():
            return PRESENT if load()[name]() else GONE
    except Exception as fault:  # of any type: moto's, botocore's or the probe's own
        return f"{type(fault).__name__}: {fault}"


def _import_fault(name: str) -> str:
    """Return why a module of patches cannot be imported; "" if it can."""
    try:
        import_module(name)
    except Exception as fault:  # an ImportError, or any exception of the module's own code
        return f"{type(fault).__name__}: {fault}"
    return ""


def main() -> None:
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):  # moto prints
        answer = examine(request)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
