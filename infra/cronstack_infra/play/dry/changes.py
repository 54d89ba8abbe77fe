"""Clock changes of time zones: when, and by how much. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from cronstack.timetable.zones import zone

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


class ClockChange(NamedTuple):
    """A clock change of a zone at an instant, from one offset to another."""

    zone: str
    at: datetime
    """In UTC: the first instant with the new offset."""
    before: timedelta
    after: timedelta

    @property
    def forward(self) -> bool:
        return self.after > self.before

    @property
    def stretch(self) -> tuple[datetime, datetime]:
        """Return the wall-clock times (naive; end exclusive) that the day lacks or has twice."""
        wall = self.at.replace(tzinfo=None)
        return (wall + min(self.before, self.after), wall + max(self.before, self.after))


@lru_cache(maxsize=512)
def changes(name: str, first: datetime, last: datetime) -> tuple[ClockChange, ...]:
    """Return the clock changes of a zone at or after ``first`` and before ``last``, in order.

    The offset is compared once a day: no zone has changed its clocks twice within a day.
    """
    where = zone(name)
    if where is UTC:
        return ()
    in_order = []
    here, end = int((first - _EPOCH) / _SECOND) - 1, int((last - _EPOCH) / _SECOND) - 1
    before = _offset(where, here)
    while here < end:
        there = min(here + 86400, end)
        after = _offset(where, there)
        if after != before:
            in_order.append(
                ClockChange(name, _EPOCH + timedelta(seconds=_first_second(where, here, there)), before, after)
            )
        here, before = there, after
    return tuple(in_order)


def _first_second(where: tzinfo, low: int, high: int) -> int:
    """Return the second at which the offset of ``high`` starts."""
    before = _offset(where, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(where, middle) == before else (low, middle)
    return high


def _offset(where: tzinfo, second: int) -> timedelta:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(where).utcoffset()
    assert offset is not None
    return offset
