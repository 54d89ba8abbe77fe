"""Record in the template which Cronstack has made it, and by which time zone data. ``cronstack doctor`` compares it.

CloudFormation stores the metadata of a template, and does not change a stack because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import TZPATH

from aws_cdk import Stack

from cronstack import clock
from cronstack.deployed.job_metadata import METADATA
from cronstack.timetable.zones import zone
from cronstack_infra.discovery.metadata import metadata_of
from cronstack_infra.ops.doctor import zone_rules

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

_VERSION_LINE: Final = "# version "


def record(stack: Stack, jobs: Sequence[DeclaredJob]) -> None:
    """Write the metadata of a stack's template. Keep what the project has written."""
    names = zone_rules.zones_of(metadata_of(declared) for declared in jobs)
    zones = zone_rules.recorded({name: zone(name) for name in names}, clock.now().year, source())
    about: dict[str, Any] = {"version": metadata.version("cronstack"), "zones": zones}
    stack.template_options.metadata = {**(stack.template_options.metadata or {}), METADATA: about}


def source() -> str:
    """Return the version of the time zone data that Python uses here, such as "2026a"; "unknown" without one."""
    for folder in TZPATH:
        file = Path(folder, "tzdata.zi")
        if file.is_file():
            with file.open(encoding="utf-8") as lines:
                first = lines.readline().strip()
            return first.removeprefix(_VERSION_LINE) if first.startswith(_VERSION_LINE) else "unknown"
    try:
        return f"{metadata.version('tzdata')} (package)"
    except metadata.PackageNotFoundError:
        return "unknown"
