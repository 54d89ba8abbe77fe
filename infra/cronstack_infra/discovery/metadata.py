"""Return the metadata of a declared job, which ``aws`` writes into the template. Pure."""

from __future__ import annotations

from datetime import datetime

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.timetable.instants import Schedule
from cronstack_infra.discovery.discover import DeclaredJob


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
