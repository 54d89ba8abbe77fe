"""One side of a comparison: a job as it is deployed, or as the project declares it. Pure.

The two sides have the same form, so that a comparison needs neither the cloud nor the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.timetable.expressions import Rate
from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.play.dry.minutes import Span, firings

WATCHDOG: Final = "watchdog"
"""The kit's own job. A project does not declare it."""


@dataclass(frozen=True)
class TimedSchedule:
    """A schedule of a job with its number."""

    number: int
    """From 1. CloudFormation knows a schedule by the name of its job and this number."""
    schedule: Schedule
    enabled: bool = True
    since: datetime | None = None
    """Instant from which a rate counts, at which it also fires. None: the deployment."""

    @property
    def is_rate(self) -> bool:
        return not self.schedule.has_grid

    def minutes(self, span: Span, deployment: datetime) -> int:
        """Return the minutes of a span in which it fires, as bits."""
        if not self.enabled:
            return 0
        anchor = self.since or deployment
        if isinstance(self.schedule.value, Rate):
            anchor -= timedelta(seconds=self.schedule.value.seconds)
        return firings(self.schedule, span, anchor=anchor)


@dataclass(frozen=True)
class JobSide:
    """A job on one side."""

    job: JobMetadata
    schedules: tuple[TimedSchedule, ...]
    input: str | None = None
    """JSON with sorted keys. None: unknown."""
    has_policies: bool = True
    """False: the template has no metadata, so the policies are unknown."""

    @property
    def name(self) -> str:
        return self.job.job


@dataclass(frozen=True)
class DeployedJobSide:
    """A deployed job: what its template declares, and its schedules as Scheduler stores them."""

    declared: JobSide
    found: tuple[TimedSchedule, ...]
    """Without schedules that were deleted by hand."""

    @property
    def actual(self) -> JobSide:
        return replace(self.declared, schedules=self.found)


def side_of(metadata: JobMetadata, input: Mapping[str, Any] | None = None) -> JobSide:
    """Return the side of a declaration. Raise ScheduleError for a schedule that this version cannot read."""
    schedules = tuple(
        TimedSchedule(number, schedule_of(given), metadata.enabled)
        for number, given in enumerate(metadata.schedules, start=1)
    )
    return JobSide(metadata, schedules, None if input is None else sorted_json(input))


def schedule_of(given: ScheduleMetadata) -> Schedule:
    start, end = (None if text is None else datetime.fromisoformat(text) for text in (given.start, given.end))
    return parse(given.expression, timezone=given.timezone, start=start, end=end, window=given.window)


def sorted_json(input: Mapping[str, Any]) -> str:
    return json.dumps(input, sort_keys=True)


def by_number(schedules: Sequence[TimedSchedule]) -> dict[int, TimedSchedule]:
    return {timed.number: timed for timed in schedules}
