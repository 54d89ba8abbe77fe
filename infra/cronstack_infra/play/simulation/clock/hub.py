"""Virtual time and what waits in it: a clock that jumps, timers, and greenlets that sleep.

One thread, and one greenlet runs at a time: the *hub* (the code that advances the clock) or a handler. A handler that
sleeps switches to the hub, which switches back at the handler's time. So handlers overlap in virtual time as processes
do in real time. Only the hub moves the clock, and a sleeper before whose time nothing else is due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from greenlet import greenlet

from cronstack.occurrence import print_instant
from cronstack_infra.play.looks import MOST_LOOKS

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SHORTEST: Final = 50
"""Microseconds that the shortest sleep takes, as on Linux: a loop that sleeps for zero seconds comes to an end."""
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Since the epoch, exactly."""
    return (instant - EPOCH) // _MICROSECOND


def length(seconds: float) -> int:
    """Microseconds of a sleep. The shortest one lets some time pass: who waits in small steps would wait for ever."""
    return max(round(seconds * 1_000_000), 1) if seconds > 0 else 0


def stamp(us: int) -> str:
    """ "2013-01-01T05:00:00.123Z"."""
    return print_instant(EPOCH + timedelta(microseconds=us))


class Timer:
    """Something to be done at a time; ``call`` is None when it was cancelled or done."""

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
        """How often the code that runs has read a clock since time last moved; being resumed counts as well."""
        self.most_looks = MOST_LOOKS
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
        """Count a clock read. Return True when it is one too many."""
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
        """Have something called by the hub at a time; at once is the end of what is due now."""
        self._timer_count += 1
        timer = Timer(call)
        heapq.heappush(self._timers, (max(us, self.us), self._timer_count, timer))
        return timer

    def pending_timers(self) -> int:
        """Timers that wait."""
        return sum(timer.call is not None for _, _, timer in self._timers)

    def reset(self, us: int) -> None:
        """Another time, and nothing planned."""
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
        """Do the first thing that is due now; whether there was one."""
        due = self.next_due()
        if due is None or due > self.us:
            return False
        timer = heapq.heappop(self._timers)[2]
        call, timer.call = timer.call, None
        assert call is not None
        call()
        return True

    def is_idle_until(self, us: int) -> bool:
        """Whether nothing else is due by then, so that a sleeper may go on at once."""
        due = self.next_due()
        return us <= self._limit and (due is None or due > us) and not self._busy_before(us)

    def suspend(self) -> None:
        """Of a handler's greenlet: the hub goes on, until it resumes this one."""
        assert self.greenlet is not None, "a handler waits while the clock is not advanced"
        self.greenlet.switch()
