"""Virtual time and who waits in it: a clock that jumps, timers, and greenlets that sleep.

One thread, and one greenlet runs at a time: the *hub* (whoever advances the clock) or a handler. A handler that sleeps
hands over to the hub and is switched to again at its time, so that handlers overlap in virtual time as processes do in
real time. Nothing moves the clock but the hub, and a sleeper before whose time nothing else is due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from greenlet import greenlet

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


class Timer:
    """Something to be done at a time; ``call`` is None when it was cancelled or done."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object] | None) -> None:
        self.call = call

    def cancel(self) -> None:
        self.call = None


class Hub:
    """``busy_before`` returns whether anything else is due by that time."""

    def __init__(self, start: datetime) -> None:
        self.us = microseconds(start)
        self.busy_before: Callable[[int], bool] = lambda us: False
        self.limit = self.us
        """How far the hub was asked to advance."""
        self.looks = 0
        """How often the code that runs has read a clock since time last moved; being resumed counts as well."""
        self.most_looks = MOST_LOOKS
        self.busy: Callable[[], None] = lambda: None
        """Called when there are more. Raises."""
        self.greenlet: greenlet | None = None
        """To which a handler hands over: whoever resumed it."""
        self._timers: list[tuple[int, int, Timer]] = []
        self._noted = 0

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.us)

    @property
    def ms(self) -> int:
        return self.us // 1000

    def look(self) -> int:
        """Return the time in microseconds to code that reads a clock."""
        self.looks += 1
        if self.looks > self.most_looks:
            self.looks = 0
            self.busy()
        return self.us

    def move(self, us: int) -> None:
        if us > self.us:
            self.us = us
            self.looks = 0

    def at(self, us: int, call: Callable[[], object]) -> Timer:
        """Have something called by the hub at a time; at once is the end of what is due now."""
        self._noted += 1
        timer = Timer(call)
        heapq.heappush(self._timers, (max(us, self.us), self._noted, timer))
        return timer

    def planned(self) -> int:
        """Timers that wait."""
        return sum(timer.call is not None for _, _, timer in self._timers)

    def reset(self, us: int) -> None:
        """Another time, and nothing planned."""
        self.us = self.limit = us
        self.looks = 0
        self._timers.clear()

    def soon(self, call: Callable[[], object]) -> Timer:
        return self.at(self.us, call)

    def next_due(self) -> int | None:
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def fire(self) -> bool:
        """Do the first thing that is due now; whether there was one."""
        due = self.next_due()
        if due is None or due > self.us:
            return False
        timer = heapq.heappop(self._timers)[2]
        call, timer.call = timer.call, None
        assert call is not None
        call()
        return True

    def alone_until(self, us: int) -> bool:
        """Whether nothing else is due by then, so that whoever sleeps may go on at once."""
        due = self.next_due()
        return us <= self.limit and (due is None or due > us) and not self.busy_before(us)

    def hand_over(self) -> None:
        """Of a handler's greenlet: the hub goes on, until it resumes this one."""
        assert self.greenlet is not None, "nobody advances the clock"
        self.greenlet.switch()
