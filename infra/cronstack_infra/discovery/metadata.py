"""Return the metadata of a declared job and of the synthesis, which ``aws`` writes into the template."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from zoneinfo import TZPATH

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.timetable.instants import Schedule
from cronstack.timetable.zones import zone
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.ops.doctor import zone_rules

_VERSION_LINE: Final = "# version "


def metadata_of(declared: DeclaredJob) -> JobMetadata:
    """Return the values of a declaration that tools read from the template."""
    job = declared.job
    return JobMetadata(
        job=job.name,
        schedules=tuple(map(_schedule, declared.schedules)),
        enabled=job.enabled,
        by_code=job.by_code,
        overlap=job.overlap,
        retries=job.retries,
        timeout=job.timeout,
        memory=job.memory,
        start_deadline=job.start_deadline,
        on_missed=job.on_missed,
        alert_after=job.alert_after,
        late_after=job.late_after,
        overrun_after=job.overrun_after,
        where=declared.where,
    )


def _schedule(schedule: Schedule) -> ScheduleMetadata:
    return ScheduleMetadata(
        expression=schedule.expression,
        timezone=schedule.timezone,
        start=_iso(schedule.start),
        end=_iso(schedule.end),
        window=schedule.window,
    )


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def metadata_of_synthesis(jobs: Sequence[DeclaredJob], year: int) -> dict[str, Any]:
    """Return which Cronstack synthesizes, and by which time zone data, for ``cronstack doctor``.

    CloudFormation stores the metadata of a template, and does not change a stack because of it. ``year``: the first
    one whose clock changes are recorded.
    """
    names = zone_rules.zones_of(metadata_of(declared) for declared in jobs)
    zones = zone_rules.recorded({name: zone(name) for name in names}, year, zone_source())
    return {"version": metadata.version("cronstack"), "zones": zones}


def zone_source() -> str:
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
