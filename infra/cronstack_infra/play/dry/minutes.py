"""A timetable as one number: bit n is the nth minute of a span, set if the schedule fires in it.

Scheduler ignores seconds: an occurrence starts somewhere within its minute. So the minute is the unit, and a year of
minutes is a number of 64 KB. With such numbers, whole timetables are joined, shifted and counted at once. A job of
every minute costs no more than a yearly one.

The minutes of a cron are set on the wall clock, day by day. Then each stretch between two clock changes of its zone is
moved to UTC. A wall-clock time that is in no stretch is skipped; one in two stretches counts in the first. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from cronstack.timetable.expressions import At, Cron, Rate, month_shape
from cronstack.timetable.instants import Schedule
from cronstack.timetable.zones import zone
from cronstack_infra.play.dry.changes import changes

MINUTES: Final = 1440
"""Minutes of a day."""
BYTES: Final = MINUTES // 8
_NO_DAY: Final = bytes(BYTES)
_MINUTE: Final = timedelta(minutes=1)
_SECOND: Final = timedelta(seconds=1)
_MARGIN: Final = timedelta(days=3)
"""More than any wall clock differs from UTC, and more than any clock change."""


class Span(NamedTuple):
    """A span from ``first`` to before ``last``, both whole minutes in UTC."""

    first: datetime
    last: datetime

    @property
    def origin(self) -> datetime:
        """Return the start of minute 0: midnight, so that the minutes of a day are whole bytes."""
        return self.first.replace(hour=0, minute=0)

    @property
    def days(self) -> int:
        return -((self.origin - self.last) // timedelta(days=1))

    @property
    def mask(self) -> int:
        """Return the bits of all minutes of the span."""
        return _ones(self.minute(self.first), self.minute(self.last))

    def minute(self, moment: datetime) -> int:
        """Return the number of the minute that contains an instant."""
        return (moment - self.origin) // _MINUTE

    def instant(self, minute: int) -> datetime:
        return self.origin + minute * _MINUTE


def firings(schedule: Schedule, span: Span, *, anchor: datetime) -> int:
    """Return the minutes of the span in which a schedule fires. A rate without start counts from ``anchor``."""
    first = span.first if schedule.start is None else max(span.first, schedule.start)
    last = span.last if schedule.end is None else min(span.last, schedule.end)
    match schedule.value:
        case Cron():
            # A cron fires on whole minutes, so never in a minute that started before ``first``.
            begin, end = -((span.origin - first) // _MINUTE), -((span.origin - last) // _MINUTE)
            return _cron(schedule, schedule.value, span) & _ones(begin, end)
        case Rate():
            return _rate(schedule, schedule.value, span, anchor, last)
        case At():
            due = schedule.due(schedule.value)
            return 1 << span.minute(due) if span.first <= due < span.last else 0


def fires_in(minute: datetime, schedule: Schedule, *, anchor: datetime) -> bool:
    """Return whether a schedule fires in one minute, without computing the others."""
    if isinstance(schedule.value, Cron):
        return schedule.has(minute)
    return firings(schedule, Span(minute, minute + _MINUTE), anchor=anchor) > 0


def days_of(bits: int) -> list[int]:
    """Return the bits of each day."""
    count = -(-bits.bit_length() // MINUTES)
    whole = bits.to_bytes(count * BYTES, "little")
    return [int.from_bytes(whole[at : at + BYTES], "little") for at in range(0, len(whole), BYTES)]


def join_days(days: list[int]) -> int:
    """Join the bits of days: the inverse of ``days_of``."""
    return int.from_bytes(b"".join([day.to_bytes(BYTES, "little") for day in days]), "little")


def lowest(bits: int) -> int:
    """Return the number of the lowest bit that is set."""
    return (bits & -bits).bit_length() - 1


def spread(bits: int, length: int) -> int:
    """Return the bits with the ``length - 1`` bits after each of them set, too."""
    reached = 1
    while reached < length:
        step = min(reached, length - reached)
        bits |= bits << step
        reached += step
    return bits


def _ones(begin: int, end: int) -> int:
    """Return the bits from ``begin`` to before ``end``."""
    begin = max(0, begin)
    return ((1 << (end - begin)) - 1) << begin if end > begin else 0


def _rate(schedule: Schedule, rate: Rate, span: Span, anchor: datetime, last: datetime) -> int:
    """Return the minutes of a rate, by doubling a repeated pattern."""
    period = timedelta(seconds=rate.seconds)
    grid = schedule.start if schedule.start is not None else anchor + period
    begin = grid if grid >= span.first else grid - (grid - span.first) // period * period
    count = -((begin - last) // period)
    if count <= 0:
        return 0
    stride = period // _MINUTE
    bits, reached = 1, 1
    while reached < count:
        step = min(reached, count - reached)
        bits |= bits << step * stride
        reached += step
    return bits << span.minute(begin)


def _cron(schedule: Schedule, cron: Cron, span: Span) -> int:
    begin = span.origin - _MARGIN
    walls = _wall_clock(cron, begin.date(), span.days + 2 * _MARGIN.days)
    where = zone(schedule.timezone)
    if where is UTC:
        return walls >> _MARGIN // _MINUTE
    bits, shown = 0, 0
    for start, end, offset in _stretches(schedule.timezone, begin, span.last + _MARGIN):
        low, high = max(shown, _minutes_up(start - begin + offset)), _minutes_up(end - begin + offset)
        if high > low:
            of_stretch = (walls >> low) & ((1 << (high - low)) - 1)
            to_utc = low + (-_MARGIN - offset) // _MINUTE
            bits |= of_stretch << to_utc if to_utc >= 0 else of_stretch >> -to_utc
            shown = high
    return bits


def _wall_clock(cron: Cron, first: date, days: int) -> int:
    """Return the minutes that the cron's fields name, from the first date's midnight on, without time zones."""
    of_hour = sum(1 << minute for minute in cron.minutes)
    of_day = sum(of_hour << 60 * hour for hour in cron.hours)
    by_day, day = [_NO_DAY] * days, of_day.to_bytes(BYTES, "little")
    end = first + timedelta(days=days)
    for year, month in cron.months_from(first.year, first.month):
        if (year, month) > (end.year, end.month):
            break
        before = (date(year, month, 1) - first).days - 1
        for number in cron.days(*month_shape(year, month)):
            if 0 <= before + number < days:
                by_day[before + number] = day
    return int.from_bytes(b"".join(by_day), "little")


def _stretches(name: str, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield the stretches between a zone's clock changes: first instant, end (exclusive), offset."""
    start, offset = begin, begin.astimezone(zone(name)).utcoffset() or timedelta()
    for change in changes(name, begin, end):
        yield start, change.at, offset
        start, offset = change.at, change.after
    yield start, end, offset


def _minutes_up(length: timedelta) -> int:
    """Return the length in whole minutes, rounded up."""
    return -(-length // _MINUTE)
