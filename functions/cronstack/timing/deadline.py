"""How much of an invocation is left: at least, for what it still begins, and at most, for its lease.

Lambda's context tells the seconds until the deadline. In today's Python runtime it computes them by the wall clock, and
AWS promises nothing about that. A clock that is ahead makes them too few, at worst 0. One that is behind makes them too
many. The declared timeout and the monotonic clock do not depend on the wall clock, so they bound what the context says:

    at the start   the context's seconds; the timeout, if these are none or more than that
    since then     what has passed by the slower of both clocks has passed for sure, and by the faster one perhaps

``left`` is what the handler and the requests may count on. ``left_at_most`` is when Lambda has killed the invocation
for sure. A lease that ended before that would let another attempt begin beside this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LONGEST_TIMEOUT: Final = 900.0
"""Seconds; Lambda allows no longer one."""


class Deadline:
    """The deadline of one invocation, in seconds from now."""

    __slots__ = ("_began", "_given", "_monotonic", "_remaining", "_timeout", "_whole")

    def __init__(self, remaining: Callable[[], float], monotonic: Callable[[], float], timeout: float) -> None:
        """remaining: what the context says. monotonic: seconds from any start. timeout: as the job declares it."""
        self._remaining, self._monotonic, self._timeout = remaining, monotonic, timeout
        self._began, self._given = monotonic(), remaining()
        self._whole = min(self._given, timeout) if self._given > 0 else timeout

    def left(self) -> float:
        """Return the seconds that are left at least."""
        by_monotonic, by_wall = self._passed()
        # The deadline has passed by the wall clock, and the invocation still runs: that clock is ahead, or was set.
        if by_wall >= self._whole:
            return max(0.0, self._timeout - by_monotonic)
        return max(0.0, self._whole - max(by_monotonic, by_wall))

    def left_at_most(self, wall_error: float) -> float:
        """Return the seconds after which Lambda has ended the invocation for sure.

        wall_error: the seconds that the wall clock is behind, negative if it is ahead; 0 if that is not known.
        """
        passed, remaining = max(0.0, min(self._passed())), self._remaining()
        # A function can be given more time by hand than its job declares: then the context says so.
        by_context = min(remaining - wall_error, LONGEST_TIMEOUT - passed) if remaining > 0 else 0.0
        return max(0.0, self._timeout - passed, by_context)

    def _passed(self) -> tuple[float, float]:
        """The seconds since the start by the monotonic and by the wall clock."""
        return self._monotonic() - self._began, self._given - self._remaining()
