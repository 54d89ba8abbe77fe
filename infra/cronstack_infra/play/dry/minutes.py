"""A timetable as one number: bit n is the nth minute of a span, set if it fires in it.

Scheduler keeps no seconds: what is due within a minute starts somewhere in that minute. So the minute is what can be
played, and a year of minutes is a number of 64 KB. On such numbers whole timetables are join_days, shifted and counted
at once, and a job of every minute costs what a yearly one costs.

A cron is laid out on the wall clock, day by day, and then moved to UTC, stretch by stretch between the changes of its
zone's clocks. A wall-clock time that no stretch has is skipped; one that two have counts in the first. Pure.
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
"""Of a day."""
BYTES: Final = MINUTES // 8
_NO_DAY: Final = bytes(BYTES)
_MINUTE: Final = timedelta(minutes=1)
_SECOND: Final = timedelta(seconds=1)
_MARGIN: Final = timedelta(days=3)
"""More than wall clocks differ from UTC anywhere, and more than they were ever put."""


class Span(NamedTuple):
    """From ``first`` to before ``last``, both whole minutes in UTC."""

    first: datetime
    last: datetime

    @property
    def origin(self) -> datetime:
        """The beginning of minute 0: midnight, so that the minutes of a day are whole bytes."""
        return self.first.replace(hour=0, minute=0)

    @property
    def days(self) -> int:
        return -((self.origin - self.last) // timedelta(days=1))

    @property
    def mask(self) -> int:
        """All its minutes."""
        return _ones(self.minute(self.first), self.minute(self.last))

    def minute(self, moment: datetime) -> int:
        """Number of the minute in which an instant is."""
        return (moment - self.origin) // _MINUTE

    def instant(self, minute: int) -> datetime:
        return self.origin + minute * _MINUTE


def firings(schedule: Schedule, span: Span, *, anchor: datetime) -> int:
    """Minutes of the span in which a schedule fires. A rate without start counts from ``anchor``."""
    first = span.first if schedule.start is None else max(span.first, schedule.start)
    last = span.last if schedule.end is None else min(span.last, schedule.end)
    match schedule.value:
        case Cron():
            # On whole minutes, so a minute that began before ``first`` has none.
            begin, end = -((span.origin - first) // _MINUTE), -((span.origin - last) // _MINUTE)
            return _cron(schedule, schedule.value, span) & _ones(begin, end)
        case Rate():
            return _rate(schedule, schedule.value, span, anchor, last)
        case At():
            due = schedule.due(schedule.value)
            return 1 << span.minute(due) if span.first <= due < span.last else 0


def fires_in(minute: datetime, schedule: Schedule, *, anchor: datetime) -> bool:
    """Whether a schedule fires in one minute; the bit of it, without the others."""
    if isinstance(schedule.value, Cron):
        return schedule.has(minute)
    return firings(schedule, Span(minute, minute + _MINUTE), anchor=anchor) > 0


def days_of(bits: int) -> list[int]:
    """The bits day by day."""
    count = -(-bits.bit_length() // MINUTES)
    whole = bits.to_bytes(count * BYTES, "little")
    return [int.from_bytes(whole[at : at + BYTES], "little") for at in range(0, len(whole), BYTES)]


def join_days(days: list[int]) -> int:
    """``days_of`` the other way round."""
    return int.from_bytes(b"".join([day.to_bytes(BYTES, "little") for day in days]), "little")


def lowest(bits: int) -> int:
    """Number of the first bit that is set."""
    return (bits & -bits).bit_length() - 1


def spread(bits: int, length: int) -> int:
    """Each bit and the ``length - 1`` bits behind it."""
    reached = 1
    while reached < length:
        step = min(reached, length - reached)
        bits |= bits << step
        reached += step
    return bits


def _ones(begin: int, end: int) -> int:
    """Bits from ``begin`` to before ``end``."""
    begin = max(0, begin)
    return ((1 << (end - begin)) - 1) << begin if end > begin else 0


def _rate(schedule: Schedule, rate: Rate, span: Span, anchor: datetime, last: datetime) -> int:
    """Instant by instant where they are few, else as a repeated pattern."""
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
    for here, there, offset in _stretches(schedule.timezone, begin, span.last + _MARGIN):
        low, high = max(shown, _minutes_up(here - begin + offset)), _minutes_up(there - begin + offset)
        if high > low:
            of_stretch = (walls >> low) & ((1 << (high - low)) - 1)
            to_utc = low + (-_MARGIN - offset) // _MINUTE
            bits |= of_stretch << to_utc if to_utc >= 0 else of_stretch >> -to_utc
            shown = high
    return bits


def _wall_clock(cron: Cron, first: date, days: int) -> int:
    """Minutes that the cron's fields name, from the first date's midnight on, in a world without zones."""
    of_hour = sum(1 << minute for minute in cron.minutes)
    of_day = sum(of_hour << 60 * hour for hour in cron.hours)
    laid, day = [_NO_DAY] * days, of_day.to_bytes(BYTES, "little")
    end = first + timedelta(days=days)
    for year, month in cron.months_from(first.year, first.month):
        if (year, month) > (end.year, end.month):
            break
        before = (date(year, month, 1) - first).days - 1
        for number in cron.days(*month_shape(year, month)):
            if 0 <= before + number < days:
                laid[before + number] = day
    return int.from_bytes(b"".join(laid), "little")


def _stretches(name: str, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Between the changes of a zone's clocks: first instant, first instant no more, offset."""
    here, offset = begin, begin.astimezone(zone(name)).utcoffset() or timedelta()
    for change in changes(name, begin, end):
        yield here, change.at, offset
        here, offset = change.at, change.after
    yield here, end, offset


def _minutes_up(length: timedelta) -> int:
    """Whole minutes; what is begun counts."""
    return -(-length // _MINUTE)
