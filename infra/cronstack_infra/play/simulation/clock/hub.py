"""Virtual time: a clock that jumps, timers, and greenlets that sleep.

One thread, and one greenlet runs at a time: the *hub* (the code that advances the clock) or a handler. A handler that
sleeps switches to the hub, which switches back at the handler's time. So handlers overlap in virtual time as processes
do in real time. The hub moves the clock. A sleeper moves it only if nothing else is due before its own time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from greenlet import greenlet

from cronstack.occurrence import print_instant
from cronstack_infra.play.looks import MAX_CLOCK_READS

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SHORTEST: Final = 50
"""Microseconds of the shortest sleep, as on Linux: a loop that sleeps for zero seconds ends."""
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Return the microseconds since the epoch, exactly."""
    return (instant - EPOCH) // _MICROSECOND


def length(seconds: float) -> int:
    """Return the microseconds of a sleep, at least 1: with 0, a loop that waits in tiny steps would never end."""
    return max(round(seconds * 1_000_000), 1) if seconds > 0 else 0


def stamp(us: int) -> str:
    """Return the instant in ISO format: "2013-01-01T05:00:00.123Z"."""
    return print_instant(EPOCH + timedelta(microseconds=us))


class Timer:
    """A call at a time. ``call`` is None after it ran or was cancelled."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object] | None) -> None:
        self.call = call

    def cancel(self) -> None:
        self.call = None


class Hub:
    """The clock in microseconds since the epoch, and the timers."""

    def __init__(self, start: datetime) -> None:
        self.us = microseconds(start)
        self._limit = self.us
        """How far the hub was asked to advance."""
        self._busy_before: Callable[[int], bool] = lambda us: False
        self.clock_reads = 0
        """Clock reads of the running code since time last moved. Being resumed counts as one."""
        self.most_looks = MAX_CLOCK_READS
        self.greenlet: greenlet | None = None
        """The greenlet that resumed the running handler, to which the handler switches when it waits."""
        self._timers: list[tuple[int, int, Timer]] = []
        self._timer_count = 0

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.us)

    @property
    def ms(self) -> int:
        return self.us // 1000

    def count_clock_read(self) -> bool:
        """Count a clock read. Return True when it exceeds the limit."""
        self.clock_reads += 1
        if self.clock_reads <= self.most_looks:
            return False
        self.clock_reads = 0
        return True

    @contextmanager
    def advancing(self, until: int, busy_before: Callable[[int], bool]) -> Iterator[None]:
        """Allow sleepers to move the clock up to ``until``.

        busy_before: returns whether anything but a timer is due by a time.
        """
        before = self._limit, self._busy_before
        self._limit, self._busy_before = max(until, self.us), busy_before
        try:
            yield
        finally:
            self._limit, self._busy_before = before

    def move(self, us: int) -> None:
        if us > self.us:
            self.us = us
            self.clock_reads = 0

    def at(self, us: int, call: Callable[[], object]) -> Timer:
        """Make the hub call ``call`` at a time. A time that is not later than now means after what is due now."""
        self._timer_count += 1
        timer = Timer(call)
        heapq.heappush(self._timers, (max(us, self.us), self._timer_count, timer))
        return timer

    def pending_timers(self) -> int:
        """Return the number of timers that wait."""
        return sum(timer.call is not None for _, _, timer in self._timers)

    def reset(self, us: int) -> None:
        """Set another time and delete all timers."""
        self.us = self._limit = us
        self.clock_reads = 0
        self._timers.clear()

    def call_soon(self, call: Callable[[], object]) -> Timer:
        return self.at(self.us, call)

    def next_due(self) -> int | None:
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run_next(self) -> bool:
        """Run the first call that is due now. Return whether there was one."""
        due = self.next_due()
        if due is None or due > self.us:
            return False
        timer = heapq.heappop(self._timers)[2]
        call, timer.call = timer.call, None
        assert call is not None
        call()
        return True

    def is_idle_until(self, us: int) -> bool:
        """Return whether nothing else is due by then, so that a sleeper may continue at once."""
        due = self.next_due()
        return us <= self._limit and (due is None or due > us) and not self._busy_before(us)

    def suspend(self) -> None:
        """Suspend the calling handler's greenlet until the hub resumes it."""
        assert self.greenlet is not None, "a handler waits while the clock is not advanced"
        self.greenlet.switch()
