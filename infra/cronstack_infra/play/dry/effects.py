"""Effects of a clock change on a schedule, as in EventBridge Scheduler.

    forward   the wall clock skips a stretch: a cron's times in it are left out; if those were all its times of that
              day, it does not fire that day at all. An at() in it fires later, by the length of the stretch.
    back      the wall clock shows a stretch twice: a cron's times in it fire once, at the first pass. The second pass
              stays silent. Nothing fires twice.

Every other cron of the zone keeps its local time and moves in UTC. rate() counts elapsed time and has no effect.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from cronstack.timetable.expressions import At, Cron, month_shape
from cronstack.timetable.instants import Schedule
from cronstack_infra.play.dry.changes import ClockChange
from cronstack_infra.play.dry.minutes import Span, firings, lowest

Kind = Literal["not at all", "left out", "once", "shifted", "moved"]
"""In this order: does not fire that day at all; some of its times of that day are left out; fires once, at the first
pass; is shifted to a later local time; keeps its local time and moves in UTC."""

_DAY: Final = timedelta(days=1)
_AROUND: Final = 2 * _DAY
_MICROSECOND: Final = timedelta(microseconds=1)


class Effect(NamedTuple):
    """The effect of a change on one schedule."""

    kind: Kind
    times: tuple[datetime, ...]
    """Its wall-clock times (naive) in the stretch; none if it only moves."""
    of: int
    """Number of its times on the dates of the stretch."""
    fires: tuple[datetime, ...]
    """When those times fire, in UTC, without those that are left out."""
    silent: tuple[datetime, ...]
    """Second passes in UTC, at which it does not fire."""
    last: datetime | None
    """Its last firing before the change."""
    next: datetime | None
    """Its next firing from the change on."""


def effect(change: ClockChange, schedule: Schedule) -> Effect | None:
    """Return the effect of ``change`` on a schedule of its zone, None if it has none."""
    match schedule.value:
        case Cron():
            return _of_cron(change, schedule, schedule.value)
        case At():
            return _of_at(change, schedule, schedule.value)
    return None


def _of_cron(change: ClockChange, schedule: Schedule, cron: Cron) -> Effect | None:
    first, last = change.stretch
    times, of = [], 0
    for day in _dates(first, last):
        if _names_date(cron, day):
            midnight = datetime(day.year, day.month, day.day)
            begin, end = (first - midnight).total_seconds(), (last - midnight).total_seconds()
            walls = [midnight + timedelta(seconds=s) for s in cron.offsets() if begin <= s < end]
            times += [wall for wall in walls if _is_within(schedule, _utc(wall, change.before))]
            of += len(cron.hours) * len(cron.minutes)
    before, after = _neighbours(change, schedule)
    if not times:
        return None if after is None else Effect("moved", (), of, (), (), before, after)
    if change.forward:
        kind: Kind = "not at all" if len(times) == of else "left out"
        return Effect(kind, tuple(times), of, (), (), before, after)
    fires = tuple(_utc(wall, change.before) for wall in times)
    silent = tuple(_utc(wall, change.after) for wall in times)
    return Effect("once", tuple(times), of, fires, silent, before, after)


def _of_at(change: ClockChange, schedule: Schedule, at: At) -> Effect | None:
    first, last = change.stretch
    if not first <= at.local < last:
        return None
    due = schedule.due(at)
    if change.forward:
        return Effect("shifted", (at.local,), 1, (due,), (), None, due)
    return Effect("once", (at.local,), 1, (due,), (_utc(at.local, change.after),), due, None)


def _neighbours(change: ClockChange, schedule: Schedule) -> tuple[datetime | None, datetime | None]:
    """Return the last firing before the change and the next one from it on. First look within two days, then search."""
    around = Span(_minute(change.at - _AROUND), _minute(change.at + _AROUND))
    fires, now = firings(schedule, around, anchor=around.first), around.minute(change.at)
    passed, coming = fires & ((1 << now) - 1), fires >> now << now
    before = around.instant(passed.bit_length() - 1) if passed else next(schedule.before(change.at), None)
    after = around.instant(lowest(coming)) if coming else next(schedule.after(change.at - _MICROSECOND), None)
    return before, after


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _is_within(schedule: Schedule, moment: datetime) -> bool:
    """Return whether this instant is within the schedule's own start and end."""
    return (schedule.start is None or moment >= schedule.start) and (schedule.end is None or moment < schedule.end)


def _dates(first: datetime, last: datetime) -> Iterator[date]:
    day = first.date()
    while datetime(day.year, day.month, day.day) < last:
        yield day
        day += _DAY


def _names_date(cron: Cron, day: date) -> bool:
    """Return whether the cron's fields name this date."""
    named = day.year in cron.years and day.month in cron.months
    return named and day.day in cron.days(*month_shape(day.year, day.month))


def _utc(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)
