"""A schedule, a time zone and a span become instants. Pure; nothing here reads a clock.

Instants are aware datetimes in UTC, in order, made one at a time and never without end (the last year is 2199).

    cron   wall-clock times of its zone. A time that a day lacks (the clocks are put forward over it) is skipped on
           that day; a time that a day has twice (the clocks are put back) counts once, at its first pass.
    rate   elapsed time: ``start``, ``start`` + period, and so on; without ``start`` there is no grid of its own, so
           it counts from the instant asked from, as AWS counts from the schedule's creation.
    at     one local time, whatever ``start`` and ``end`` say (AWS ignores them for at()). AWS does not say what it
           means by a time that the day lacks or has twice: here the offset of before the change counts, so the
           former is moved forward by what the clocks were, and the latter is its first pass.

``start`` belongs to the span (on or after), ``end`` does not (before).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, NoReturn

from cronstack.errors import ScheduleError
from cronstack.timetable import expressions
from cronstack.timetable.cron_fields import LAST_YEAR
from cronstack.timetable.expressions import At, Cron, Rate
from cronstack.timetable.zones import bound, zone

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = date(1970, 1, 1)
_LAST_DAY: Final = date(LAST_YEAR, 12, 31)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_ZERO: Final = timedelta()
_EVERY_FOURTH_DAY: Final = tuple(timedelta(days=days) for days in (*range(4, 28, 4), 28, 31))
_FEW: Final = 5


def parse(
    expression: str,
    *,
    timezone: str = "UTC",
    start: datetime | None = None,
    end: datetime | None = None,
    window: int = 0,
) -> Schedule:
    """Read one of EventBridge Scheduler's own expressions.

    timezone: IANA name of the zone whose wall clock ``cron`` and ``at`` mean; ``rate`` has no use for it.
    start, end: aware datetimes; it fires on or after ``start`` and before ``end``. ``at`` ignores them. A local time
        that the clocks skip means the instant of the change.
    window: minutes after each instant within which Scheduler may start it. It changes no instant, and is not judged.

    Raises ScheduleError, and nothing else, whatever it is given.
    """
    value = expressions.read(expression)
    where = zone(timezone)
    since = None if start is None else _bound(start, "start")
    until = None if end is None else _bound(end, "end")
    if since is not None and until is not None and until <= since:
        why = f"end {until.isoformat()} is not after start {since.isoformat()}"
        raise ScheduleError(why, remedy="Between them it would never fire.")
    return Schedule(value, timezone, where, since, until, window)


class Schedule:
    """An expression in its time zone and span; made by ``parse``. Equal schedules have the same instants."""

    __slots__ = ("_months", "_offsets", "_zone", "end", "start", "timezone", "value", "window")

    value: Cron | Rate | At
    timezone: str
    start: datetime | None
    """In UTC, as is ``end``."""
    end: datetime | None
    window: int
    """Minutes of its flexible window; 0: none."""

    def __init__(
        self,
        value: Cron | Rate | At,
        timezone: str,
        where: tzinfo,
        start: datetime | None,
        end: datetime | None,
        window: int = 0,
    ) -> None:
        self.value, self.timezone, self.start, self.end, self.window = value, timezone, start, end, window
        self._zone = where
        self._offsets: list[timedelta] | None = None
        self._months: dict[tuple[int, int], list[timedelta]] = {}

    @property
    def expression(self) -> str:
        """The expression in its normal form, which AWS accepts."""
        return str(self.value)

    @property
    def kind(self) -> str:
        """ "cron", "rate" or "at"."""
        return type(self.value).__name__.lower()

    @property
    def has_grid(self) -> bool:
        """Whether its instants are known by themselves; those of a ``rate`` without ``start`` depend on who asks."""
        return self.start is not None or not isinstance(self.value, Rate)

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Instants strictly later than ``instant`` (aware), in order, in UTC."""
        asked = _instant(instant, "the instant")
        match self.value:
            case Cron():
                return self._cron_after(self.value, asked)
            case Rate():
                return self._rate_after(self.value, asked)
            case At():
                due = self.due(self.value)
                return iter((due,) if due > asked else ())

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Instants strictly earlier than ``instant``, the latest first. A ``rate`` without ``start`` has none."""
        asked = _instant(instant, "the instant")
        match self.value:
            case Cron():
                return self._cron_before(self.value, asked)
            case Rate():
                return self._rate_before(self.value, asked)
            case At():
                due = self.due(self.value)
                return iter((due,) if due < asked else ())

    def has(self, instant: datetime) -> bool:
        """Whether it fires at an instant (aware). Of a ``rate`` without ``start`` any instant may be one."""
        asked = _instant(instant, "the instant")
        if isinstance(self.value, At):
            return asked == self.due(self.value)
        if (self.start is not None and asked < self.start) or (self.end is not None and asked >= self.end):
            return False
        if isinstance(self.value, Rate):
            return self.start is None or (asked - self.start) % timedelta(seconds=self.value.seconds) == _ZERO
        wall = asked.astimezone(self._zone)
        return not (wall.second or wall.microsecond or wall.fold) and self.value.has(wall)  # fold: the second pass

    def is_possible(self) -> bool:
        """Whether it could ever fire; a cron for 30 February could not, which AWS does not say."""
        return not isinstance(self.value, Cron) or self.value.is_possible()

    def due(self, at: At) -> datetime:
        """The instant of a local time in this schedule's zone."""
        local = at.local.replace(tzinfo=self._zone)
        return (at.local - _offset(local)).replace(tzinfo=UTC)

    def _rate_after(self, rate: Rate, asked: datetime) -> Iterator[datetime]:
        period = rate.seconds * 1_000_000
        since = asked if self.start is None else self.start
        grid, passed = _micros(since), _micros(asked)
        number = 0 if passed < grid else (passed - grid) // period + 1
        limit = _micros(_END_OF_TIME if self.end is None else min(self.end, _END_OF_TIME))
        moment = grid + number * period
        while moment < limit:
            yield _EPOCH + timedelta(microseconds=moment)
            moment += period

    def _rate_before(self, rate: Rate, asked: datetime) -> Iterator[datetime]:
        if self.start is None:
            return
        period, grid = rate.seconds * 1_000_000, _micros(self.start)
        limit = min(asked, self.end or asked, _END_OF_TIME)
        moment = grid + (_micros(limit) - 1 - grid) // period * period
        while moment >= grid:
            yield _EPOCH + timedelta(microseconds=moment)
            moment -= period

    def _cron_after(self, cron: Cron, asked: datetime) -> Iterator[datetime]:
        first = min(asked, _END_OF_TIME + _DAY) + _MICROSECOND
        if self.start is not None and self.start > asked:
            first = min(self.start, _END_OF_TIME + _DAY)
        last = self.end
        begun = first + 2 * _DAY  # a stretch whose midnight is later has nothing before ``first``
        for midnight, deltas in self._stretches(cron, _local_date(first, self._zone), backwards=False):
            if midnight < begun:
                deltas = deltas[bisect_left(deltas, first - midnight) :]
            if last is not None and deltas and midnight + deltas[-1] >= last:
                yield from map(midnight.__add__, deltas[: bisect_left(deltas, last - midnight)])
                return
            yield from map(midnight.__add__, deltas)

    def _cron_before(self, cron: Cron, asked: datetime) -> Iterator[datetime]:
        limit = asked if self.end is None else min(asked, self.end)
        first = self.start
        for midnight, deltas in self._stretches(cron, _local_date(limit, self._zone), backwards=True):
            for delta in reversed(deltas[: bisect_left(deltas, limit - midnight)]):
                moment = midnight + delta
                if first is not None and moment < first:
                    return
                yield moment

    def _stretches(
        self, cron: Cron, origin: date, *, backwards: bool
    ) -> Iterator[tuple[datetime, Sequence[timedelta]]]:
        """Local days of the fields, singly or by the month: an instant, and how long after it each firing is.

        Where the clocks do not change (nearly always) that instant is the local midnight and all wall-clock times
        have one offset. Whole months are looked at together if there is more to them than to a few days.
        """
        where = self._zone
        deltas = self._deltas(cron)
        by_month = len(deltas) <= _FEW
        for year, month in cron.months_from(origin.year, origin.month, backwards=backwards):
            shape = expressions.month_shape(year, month)
            days = cron.days(*shape)
            if by_month and len(days) > _FEW and (offset := self._steady(year, month)) is not None:
                yield datetime(year, month, 1, tzinfo=UTC) - offset, self._month(cron, shape)
                continue
            if not backwards and (year, month) == (origin.year, origin.month):
                days = tuple(day for day in days if day >= origin.day)
            for day in reversed(days) if backwards else days:
                midnight = datetime(year, month, day, tzinfo=UTC)
                if where is UTC:
                    yield midnight, deltas
                    continue
                local = midnight.replace(tzinfo=where)
                offset = local.utcoffset() or _ZERO
                if offset == (local + _DAY).utcoffset():
                    yield midnight - offset, deltas
                else:
                    yield midnight, self._changing_day(cron, midnight)

    def _steady(self, year: int, month: int) -> timedelta | None:
        """The offset of all wall-clock times of a month; None if the clocks change in it.

        No zone has changed its clocks twice within five days since 1970, so every fourth midnight tells.
        """
        if self._zone is UTC:
            return _ZERO
        midnight = datetime(year, month, 1, tzinfo=self._zone)
        offset = midnight.utcoffset()
        if any((midnight + step).utcoffset() != offset for step in _EVERY_FOURTH_DAY):
            return None
        return offset

    def _changing_day(self, cron: Cron, midnight: datetime) -> list[timedelta]:
        """A day on which the clocks change, wall-clock time by wall-clock time: gaps left out, first passes only."""
        deltas = []
        for delta in self._deltas(cron):
            local = (midnight + delta).replace(tzinfo=self._zone)
            first_pass, second_pass = _offset(local), _offset(local.replace(fold=1))
            if first_pass >= second_pass:  # a gap is where "before the change" is less than "after it" (PEP 495)
                deltas.append(delta - first_pass)
        return deltas

    def _deltas(self, cron: Cron) -> list[timedelta]:
        """Times of day at which it fires; made when first needed, for ``*`` means 1440 of them."""
        if self._offsets is None:
            self._offsets = [timedelta(seconds=seconds) for seconds in cron.offsets()]
        return self._offsets

    def _month(self, cron: Cron, shape: tuple[int, int]) -> list[timedelta]:
        """Firings of a whole month, as times after its first midnight; there are 28 shapes of months."""
        table = self._months.get(shape)
        if table is None:
            days = (timedelta(days=day - 1) for day in cron.days(*shape))
            table = self._months[shape] = [day + delta for day in days for delta in self._deltas(cron)]
        return table

    def _key(self) -> tuple[Any, ...]:
        return (self.value, self.timezone, self.start, self.end)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Schedule) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        span = "".join(
            f", {name}={moment.isoformat()}" for name, moment in (("start", self.start), ("end", self.end)) if moment
        )
        return f"Schedule({self.expression!r}, timezone={self.timezone!r}{span})"


def _bound(value: datetime, what: str) -> datetime:
    """Return the bound of a span in UTC. Raise ScheduleError for anything but an aware datetime."""
    _instant(value, what)
    try:
        return bound(value)
    except Exception as error:  # a user's tzinfo may raise any exception
        _refuse_instant(f"{what} cannot be told in UTC: {type(error).__name__}: {error}")


def _instant(value: datetime, what: str) -> datetime:
    """``value`` in UTC. Raises ScheduleError for anything but an aware datetime."""
    if not isinstance(value, datetime):
        _refuse_instant(f"{what} is a datetime, not {type(value).__name__}")
    try:
        if value.utcoffset() is None:
            _refuse_instant(f"{what} {value.isoformat()} has no time zone, so it is no instant")
        wall = datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, tzinfo=UTC)
        return wall + timedelta(microseconds=value.microsecond) - _offset(value)
    except ScheduleError:
        raise
    except Exception as error:  # a user's tzinfo may raise any exception
        _refuse_instant(f"{what} cannot be told in UTC: {type(error).__name__}: {error}")


def _refuse_instant(why: str) -> NoReturn:
    raise ScheduleError(why, remedy="Give an aware datetime, such as datetime(2026, 12, 24, 18, tzinfo=UTC).")


def _offset(local: datetime) -> timedelta:
    offset = local.utcoffset()
    assert offset is not None, "zones of zones.zone() always know their offset"
    return offset


def _local_date(moment: datetime, where: tzinfo) -> date:
    """The local date of an instant, kept within the years of a timetable."""
    if moment < _EPOCH - 2 * _DAY:
        return _FIRST_DAY - _DAY
    if moment >= _END_OF_TIME + 2 * _DAY:
        return _LAST_DAY + _DAY
    return moment.astimezone(where).date()


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
