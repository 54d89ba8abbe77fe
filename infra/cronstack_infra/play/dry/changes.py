"""When the clocks of a zone are changed, and by how much. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from cronstack.timetable.zones import zone

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


class Change(NamedTuple):
    """The clocks of a zone are changed at an instant, from one offset to another."""

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
        """The wall-clock times (naive; the first inside, the last not) that the day lacks, or has twice."""
        wall = self.at.replace(tzinfo=None)
        return (wall + min(self.before, self.after), wall + max(self.before, self.after))


@lru_cache(maxsize=512)
def changes(name: str, first: datetime, last: datetime) -> tuple[Change, ...]:
    """Changes of a zone's clocks at or after ``first`` and before ``last``, in order.

    It looks once a day: no zone has changed its clocks and changed them back within one.
    """
    where = zone(name)
    if where is UTC:
        return ()
    found = []
    here, end = int((first - _EPOCH) / _SECOND) - 1, int((last - _EPOCH) / _SECOND) - 1
    before = _offset(where, here)
    while here < end:
        there = min(here + 86400, end)
        after = _offset(where, there)
        if after != before:
            found.append(Change(name, _EPOCH + timedelta(seconds=_found(where, here, there)), before, after))
        here, before = there, after
    return tuple(found)


def _found(where: tzinfo, low: int, high: int) -> int:
    """The second with which the offset of ``high`` begins."""
    before = _offset(where, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(where, middle) == before else (low, middle)
    return high


def _offset(where: tzinfo, second: int) -> timedelta:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(where).utcoffset()
    assert offset is not None
    return offset
