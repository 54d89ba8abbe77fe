"""Compares an event of Scheduler with the declared schedules of its job. Pure.

A template has no StartDate, no EndDate and no at(), because AWS refuses past times when a schedule is created, updated
or rolled back. So a schedule also fires outside its ``start`` and ``end``, and an ``at()`` is deployed as a yearly
cron. ``is_outside`` detects these events:

    a schedule of the job fires at the instant, within its bounds         inside: it runs
    schedules fire then, but all outside their bounds                     outside: it is skipped
    no schedule fires then                                                an event of an earlier deploy: it runs

A rate() fires at any instant, because only Scheduler knows its instants.

For a flexible window, it is undocumented whether Scheduler reports the instant or the time at which it started.
``nominal`` returns the instant in both cases, so that the occurrence has one id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from cronstack.occurrence import to_datetime, to_milliseconds

if TYPE_CHECKING:
    from cronstack.timetable.instants import Schedule

_BEFORE_ALL: Final = datetime(1, 1, 2, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_PRECISION: Final = timedelta(minutes=1)
"""Scheduler starts a target within a minute, in addition to a flexible window."""
_KINDS: Final = ("cron(", "rate(", "at(")


class When(Protocol):
    """The attributes of a declared schedule that this module reads (see ``declaration``)."""

    def __hash__(self) -> int: ...
    @property
    def expression(self) -> str: ...
    @property
    def timezone(self) -> str | None: ...
    @property
    def start(self) -> datetime | None: ...
    @property
    def end(self) -> datetime | None: ...
    @property
    def window(self) -> int | None: ...


def is_outside(schedules: Sequence[When], due: int) -> bool:
    """Return whether schedules of the job fire at ``due`` (epoch milliseconds), but all outside their bounds."""
    instant, declared = to_datetime(due), _declared(schedules)
    if all(_is_well_within(when, instant) for when in declared):
        return False  # without importing the timetable, which would lengthen the cold start
    fires = False
    for when in declared:
        if _read(when).has(instant):
            return False
        fires = fires or _fires_without_bounds(when, instant)
    return fires


def nominal(schedules: Sequence[When], due: int, number: int) -> int:
    """Return the instant of the timetable to which an event's time (epoch milliseconds) belongs, or that time.

    ``number``: of the schedule that sent the event, counted from 1, or 0 if unknown. It decides if several schedules
    match, but it is not trusted: the schedules may have been declared in another order when the event was sent.
    """
    instant, declared = to_datetime(due), _declared(schedules)
    sender = declared[number - 1 : number] if number else []
    for candidates in (sender, declared):
        if any(_fires_without_bounds(when, instant) for when in candidates):
            return due
        floors = [floor for when in candidates if (floor := _floor(when, instant)) is not None]
        if floors:
            return to_milliseconds(max(floors))
    return due


def _declared(schedules: Sequence[When]) -> list[When]:
    """Return all schedules except ``once()``, which has no timetable."""
    return [when for when in schedules if when.expression.startswith(_KINDS)]


def _is_well_within(when: When, instant: datetime) -> bool:
    """Return whether the instant is within the bounds by at least a day, so that no change of clocks matters."""
    if when.expression.startswith("at("):
        return False
    has_started = when.start is None or instant - when.start >= _DAY
    return has_started and (when.end is None or when.end - instant >= _DAY)


def _fires_without_bounds(when: When, instant: datetime) -> bool:
    """Return whether the deployed schedule, which has no bounds, fires at an instant."""
    schedule = _read(when, bounded=False)
    if schedule.kind != "at":
        return schedule.has(instant)
    (only,) = schedule.after(_BEFORE_ALL)
    return (only.month, only.day, only.time()) == (instant.month, instant.day, instant.time())


def _floor(when: When, instant: datetime) -> datetime | None:
    """Return the schedule's last instant up to this one, if its window includes this one. Else None."""
    if not when.window:
        return None
    last = next(iter(_read(when, bounded=False).before(instant + _MICROSECOND)), None)
    reach = timedelta(minutes=when.window) + _PRECISION
    return last if last is not None and instant - last <= reach else None


@lru_cache(maxsize=64)
def _read(when: When, *, bounded: bool = True) -> Schedule:
    from cronstack.timetable.instants import parse

    zone = when.timezone or "UTC"
    if not bounded:
        return parse(when.expression, timezone=zone)
    return parse(when.expression, timezone=zone, start=when.start, end=when.end)
