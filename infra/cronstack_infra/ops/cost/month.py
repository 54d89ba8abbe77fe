"""The occurrences of a month. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.errors import OperationError
from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.ops.cost.assumptions import WARM_FOR

DAYS: Final = 30
LAST_YEAR: Final = 9998
"""The year after it must be one that Python knows, also in other time zones."""
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Month:
    """A span of time. ``first`` is inclusive, ``last`` exclusive."""

    first: datetime
    last: datetime
    name: str = ""

    @property
    def days(self) -> float:
        return (self.last - self.first) / timedelta(days=1)

    @property
    def hours(self) -> float:
        return self.days * 24


@dataclass(frozen=True)
class Starts:
    """The starts of a job in a month."""

    count: int = 0
    cold: int = 0
    """Starts so long after the one before that Lambda has no sandbox left."""
    hours: frozenset[int] = frozenset()
    """Hours with a start, counted from the first one of the month."""


def month_of(text: str) -> Month:
    """Return a month such as "2027-02", in UTC. Raise OperationError for any other text."""
    found = _MONTH.fullmatch(text)
    is_known_year = found is not None and 1 <= int(found[1]) <= LAST_YEAR
    if found is None or not is_known_year:
        raise OperationError(f"{text!r} is not a month", remedy="Write the year and the month, such as 2027-02.")
    year, month = int(found[1]), int(found[2])
    first = datetime(year, month, 1, tzinfo=UTC)
    return Month(first, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC), text)


def next_days(now: datetime) -> Month:
    """Return the next 30 days, from the next full hour on."""
    first = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return Month(first, first + timedelta(days=DAYS), f"the next {DAYS} days")


def starts_of(job: JobMetadata, month: Month) -> Starts:
    """Return the starts of a job by its schedules. Two schedules at one instant are one occurrence."""
    return _starts(job.schedules, month) if job.enabled else Starts()


@lru_cache(maxsize=1000)
def _starts(schedules: tuple[ScheduleMetadata, ...], month: Month) -> Starts:
    """Return the starts of some schedules. Cached: many jobs of a stack have the same schedule."""
    if len(schedules) == 1:
        return of_instants(_instants(_schedule(schedules[0]), month), month)
    return of_instants(sorted({at for given in schedules for at in _instants(_schedule(given), month)}), month)


def of_instants(instants: Iterable[datetime], month: Month) -> Starts:
    """Return the starts at some instants, in order. The first one is cold."""
    count = cold = 0
    before, hours, first = -WARM_FOR, set[int](), month.first
    for instant in instants:
        passed = instant - first
        seconds = passed.days * 86400 + passed.seconds
        count += 1
        cold += seconds - before >= WARM_FOR
        hours.add(seconds // 3600)
        before = seconds
    return Starts(count, cold, frozenset(hours))


def _instants(schedule: Schedule, month: Month) -> Iterable[datetime]:
    if schedule.kind == "rate" and schedule.start is None:  # it counts from its creation: any start gives the number
        schedule = parse(schedule.expression, start=month.first, end=schedule.end)
    for instant in schedule.after(month.first - timedelta(microseconds=1)):
        if instant >= month.last:
            return
        yield instant


def _schedule(given: ScheduleMetadata) -> Schedule:
    start, end = (datetime.fromisoformat(bound) if bound else None for bound in (given.start, given.end))
    return parse(given.expression, timezone=given.timezone, start=start, end=end, window=given.window)
