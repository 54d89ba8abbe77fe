"""Computes the instants of a schedule from its expression, time zone and span. Pure.

Instants are aware datetimes in UTC, in order. They are generated one by one, up to the last year, 2199.

    cron   wall-clock times of its zone. A time that a day lacks (the clocks go forward over it) is skipped on that
           day; a time that a day has twice (the clocks go back) counts once, at its first pass.
    rate   elapsed time: ``start``, ``start`` + period, and so on. Without ``start`` it counts from the instant given
           to ``after``, as AWS counts from the schedule's creation.
    at     one local time. ``start`` and ``end`` have no effect, as in AWS. AWS does not document a time that the day
           lacks or has twice. Here the offset before the change counts: a lacking time moves forward by the length of
           the gap, and a double time is its first pass.

``start`` is inclusive, ``end`` is exclusive.
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
    """Parse one of EventBridge Scheduler's own expressions.

    timezone: IANA name of the zone of ``cron`` and ``at``; ``rate`` ignores it.
    start, end: aware datetimes; it fires on or after ``start`` and before ``end``. ``at`` ignores them. A local time
        that the clocks skip means the instant of the change.
    window: minutes after each instant within which Scheduler may start it. It is not validated.

    Raise ScheduleError for any invalid value.
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
    """An expression with its time zone and span. Create it with ``parse``. Equal schedules have the same instants."""

    __slots__ = ("_months", "_offsets", "_zone", "end", "start", "timezone", "value", "window")

    value: Cron | Rate | At
    timezone: str
    start: datetime | None
    """In UTC, as is ``end``."""
    end: datetime | None
    window: int
    """Minutes of its flexible window, or 0."""

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
        """Whether its instants are fixed. Those of a ``rate`` without ``start`` depend on the argument of ``after``."""
        return self.start is not None or not isinstance(self.value, Rate)

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Return the instants strictly later than ``instant`` (aware), in order, in UTC."""
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
        """Return the instants strictly before ``instant``, the latest first. A ``rate`` without ``start`` has none."""
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
        """Return whether it fires at an instant (aware). A ``rate`` without ``start`` may fire at any instant."""
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
        """Return whether it can ever fire. A cron for 30 February cannot, but AWS accepts it."""
        return not isinstance(self.value, Cron) or self.value.is_possible()

    def due(self, at: At) -> datetime:
        """Return the instant of a local time in this schedule's zone."""
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
        complete_from = first + 2 * _DAY  # a stretch with a later midnight has no instant before ``first``
        for midnight, deltas in self._stretches(cron, _local_date(first, self._zone), backwards=False):
            if midnight < complete_from:
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
        """Yield the local days of the fields, by day or by month: an instant, and the time from it to each firing.

        On days without a clock change, that instant is the local midnight and all wall-clock times have one offset.
        Months with more than a few days are yielded as a whole, which is faster.
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
        """Return the offset of all wall-clock times of a month; None if the clocks change in it.

        No zone has changed its clocks twice within five days since 1970, so comparing every fourth midnight suffices.
        """
        if self._zone is UTC:
            return _ZERO
        midnight = datetime(year, month, 1, tzinfo=self._zone)
        offset = midnight.utcoffset()
        if any((midnight + step).utcoffset() != offset for step in _EVERY_FOURTH_DAY):
            return None
        return offset

    def _changing_day(self, cron: Cron, midnight: datetime) -> list[timedelta]:
        """Return the firings of a day with a clock change, without skipped times and second passes."""
        deltas = []
        for delta in self._deltas(cron):
            local = (midnight + delta).replace(tzinfo=self._zone)
            first_pass, second_pass = _offset(local), _offset(local.replace(fold=1))
            if first_pass >= second_pass:  # in a gap, the offset of fold=0 is smaller than that of fold=1 (PEP 495)
                deltas.append(delta - first_pass)
        return deltas

    def _deltas(self, cron: Cron) -> list[timedelta]:
        """Return the times of day at which it fires. Cached, because ``* *`` has 1440 of them."""
        if self._offsets is None:
            self._offsets = [timedelta(seconds=seconds) for seconds in cron.offsets()]
        return self._offsets

    def _month(self, cron: Cron, shape: tuple[int, int]) -> list[timedelta]:
        """Return the firings of a month, as times after its first midnight. Cached: there are 28 shapes of months."""
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
        _refuse_instant(f"{what} cannot be converted to UTC: {type(error).__name__}: {error}")


def _instant(value: datetime, what: str) -> datetime:
    """Return ``value`` in UTC. Raise ScheduleError for anything but an aware datetime."""
    if not isinstance(value, datetime):
        _refuse_instant(f"{what} must be a datetime, not {type(value).__name__}")
    try:
        if value.utcoffset() is None:
            _refuse_instant(f"{what} {value.isoformat()} has no time zone")
        wall = datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, tzinfo=UTC)
        return wall + timedelta(microseconds=value.microsecond) - _offset(value)
    except ScheduleError:
        raise
    except Exception as error:  # a user's tzinfo may raise any exception
        _refuse_instant(f"{what} cannot be converted to UTC: {type(error).__name__}: {error}")


def _refuse_instant(why: str) -> NoReturn:
    raise ScheduleError(why, remedy="Give an aware datetime, such as datetime(2026, 12, 24, 18, tzinfo=UTC).")


def _offset(local: datetime) -> timedelta:
    offset = local.utcoffset()
    assert offset is not None, "zones of zones.zone() always have an offset"
    return offset


def _local_date(moment: datetime, where: tzinfo) -> date:
    """Return the local date of an instant, limited to the years of a timetable."""
    if moment < _EPOCH - 2 * _DAY:
        return _FIRST_DAY - _DAY
    if moment >= _END_OF_TIME + 2 * _DAY:
        return _LAST_DAY + _DAY
    return moment.astimezone(where).date()


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
