"""Scheduler's quota of invocations per second. Pure.

Up to the quota, invocations start at once. Further invocations follow in order, at the quota's rate; none is lost.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000


class Pace:
    """A token bucket that holds one second's invocations."""

    def __init__(self) -> None:
        self._quota = 0
        self._full = 0
        """Time at which the bucket is full again, in microseconds times the quota: an integer for any quota."""

    def wait(self, quota: int, now: datetime) -> timedelta:
        """Take one token. Return how long its invocation must wait."""
        at = (now - _EPOCH) // _MICROSECOND * quota
        if quota != self._quota:
            self._quota, self._full = quota, at
        self._full = max(self._full, at) + _SECOND
        over = self._full - at - _SECOND * quota
        return timedelta(microseconds=-(-over // quota)) if over > 0 else timedelta()

    def reset(self) -> None:
        """Start with a full bucket, after the clock was set back."""
        self._quota = 0
