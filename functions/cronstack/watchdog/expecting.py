"""Which instants are expected: those on which the last pass, the template and Scheduler agree. Pure.

    the schedule                                          its watch
    is new, or was enabled                                begins now: earlier instants are never expected
    is as before                                          goes on
    was updated since the last pass (also to the same)    ends before the update; a new one begins after it
    was removed, disabled, or edited by hand              ends at the last pass

Near a change, it is unknown whether Scheduler still fires an instant, also one whose flexible window has begun. So a
watch ends a window and a minute before the change. What was expected stays expected after later deploys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.errors import ScheduleError
from cronstack.occurrence import to_datetime, to_milliseconds
from cronstack.timetable.expressions import Rate
from cronstack.timetable.instants import Schedule, parse
from cronstack.watchdog.scene import MINUTE, SECOND
from cronstack.watchdog.snapshot import Watch

MARGIN: Final = 2 * MINUTE
"""Milliseconds after the start deadline before an occurrence counts as missed."""
MOST: Final = 100
"""Most instants of a job that are looked at in one pass. The next pass continues after them."""


class Active(NamedTuple):
    """A schedule that equals its declaration and is enabled. ``modified``: epoch milliseconds."""

    job: str
    number: int
    """Its place in the declaration, from 1."""
    modified: int


class Limits(NamedTuple):
    """The times of a job, in milliseconds after the due time of an occurrence."""

    late: int
    missed: int
    window: int

    @classmethod
    def of(cls, job: JobMetadata) -> Limits:
        """Return the times of a job. Like the guard's deadline, they count from the end of its longest window."""
        window = max((schedule.window for schedule in job.schedules), default=0) * MINUTE
        return cls(window + job.late_after * SECOND, window + job.start_deadline * SECOND + MARGIN, window)


def next_watches(
    before: Iterable[Watch], jobs: Mapping[str, JobMetadata], active: Iterable[Active], *, last: int, now: int
) -> tuple[Watch, ...]:
    """Return the watches after this pass. ``last``: epoch milliseconds of the last pass, 0 if there was none."""
    present: dict[tuple[object, ...], tuple[Watch, int]] = {}
    for schedule in active:
        declared = jobs[schedule.job].schedules[schedule.number - 1]
        watch = Watch(schedule.job, *declared, since=now)
        _, modified = present.get(watch.schedule, (watch, 0))
        present[watch.schedule] = watch, max(modified, schedule.modified)
    watches = [watch for watch in before if watch.until and watch.job in jobs]
    for old in (watch for watch in before if not watch.until and watch.job in jobs):
        new, modified = present.pop(old.schedule, (None, 0))
        if new is not None and modified + MINUTE <= old.since:
            watches.append(old)
            continue
        ends = last if new is None else min(last, modified)
        watches.append(old._replace(until=max(old.since, ends - (old.window + 1) * MINUTE)))
        if new is not None:
            watches.append(new._replace(since=modified + MINUTE))
    watches += [watch._replace(since=max(now, modified + MINUTE)) for watch, modified in present.values()]
    return tuple(watches)


def kept(watches: Iterable[Watch], checked: Mapping[str, int]) -> tuple[Watch, ...]:
    """Return the watches without those that have ended and whose instants were all looked at."""
    return tuple(
        watch for watch in watches if not watch.until or (not watch.is_rate and watch.until > checked.get(watch.job, 0))
    )


def due_of(watches: Iterable[Watch], first: int, last: int) -> list[int]:
    """Return the due times after ``first`` up to ``last``, the earliest first, ``MOST`` at most. Without rates."""
    due: set[int] = set()
    for watch in watches:
        if not watch.is_rate:
            end = min(watch.until or last, last)
            due.update(_first_of(watch, max(first, watch.since), end))
    return sorted(due)[:MOST]


def period_of(watch: Watch) -> int:
    """Return the period of a rate() in milliseconds."""
    value = schedule_of(watch).value
    assert isinstance(value, Rate), "only a rate has a period"
    return value.seconds * SECOND


def _first_of(watch: Watch, first: int, last: int) -> Iterator[int]:
    if last <= first:
        return
    for number, instant in enumerate(schedule_of(watch).after(to_datetime(first))):
        due = to_milliseconds(instant)
        if due > last or number >= MOST:
            return
        yield due


def is_valid(job: str, expression: str, timezone: str, start: str | None, end: str | None, window: int) -> bool:
    """Return whether this version can read a declared schedule."""
    try:
        _parse(expression, timezone, start, end, window)
    except (ScheduleError, ValueError):
        return False
    return True


def schedule_of(watch: Watch) -> Schedule:
    return _parse(watch.expression, watch.timezone, watch.start, watch.end, watch.window)


@lru_cache(maxsize=512)
def _parse(expression: str, timezone: str, start: str | None, end: str | None, window: int) -> Schedule:
    bounds = {
        name: datetime.fromisoformat(value) if value else None for name, value in (("start", start), ("end", end))
    }
    return parse(expression, timezone=timezone, window=window, **bounds)
