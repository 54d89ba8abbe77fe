"""The time left of an invocation: a lower bound for its requests and its handler, an upper bound for its lease.

Lambda's context returns the seconds until the deadline. Today's Python runtime computes them by the wall clock, about
which AWS guarantees nothing. A clock that is ahead makes them too few, at worst 0. A clock that is behind makes them
too many. The declared timeout and the monotonic clock do not depend on the wall clock, so they bound these seconds:

    at the start   the context's seconds; the timeout, if these are 0 or more than the timeout
    since then     the time by the slower clock has certainly passed, the time by the faster clock perhaps

The handler and the requests can rely on ``left``. After ``left_at_most``, Lambda has certainly killed the invocation. A
lease must not end earlier, or another attempt could start while this one still runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LONGEST_TIMEOUT: Final = 900.0
"""Seconds: Lambda's limit."""


class Deadline:
    """The deadline of one invocation."""

    __slots__ = ("_context_left", "_monotonic", "_remaining", "_started", "_timeout", "_whole")

    def __init__(self, remaining: Callable[[], float], monotonic: Callable[[], float], timeout: float) -> None:
        """Start now. remaining: the context's seconds. monotonic: seconds from any start. timeout: the job's."""
        self._remaining, self._monotonic, self._timeout = remaining, monotonic, timeout
        self._started, self._context_left = monotonic(), remaining()
        self._whole = min(self._context_left, timeout) if self._context_left > 0 else timeout

    def left(self) -> float:
        """Return the seconds that are at least left."""
        by_monotonic, by_wall = self._passed()
        # By the wall clock the deadline has passed, but the invocation still runs: that clock is ahead, or was set.
        if by_wall >= self._whole:
            return max(0.0, self._timeout - by_monotonic)
        return max(0.0, self._whole - max(by_monotonic, by_wall))

    def left_at_most(self, wall_error: float) -> float:
        """Return the seconds after which Lambda has certainly ended the invocation.

        wall_error: the seconds that the wall clock is behind, negative if it is ahead; 0 if unknown.
        """
        passed, remaining = max(0.0, min(self._passed())), self._remaining()
        # A function's timeout can be raised by hand above the declared one: the context then returns more.
        by_context = min(remaining - wall_error, LONGEST_TIMEOUT - passed) if remaining > 0 else 0.0
        return max(0.0, self._timeout - passed, by_context)

    def _passed(self) -> tuple[float, float]:
        """Return the seconds since the start, by the monotonic and by the wall clock."""
        return self._monotonic() - self._started, self._context_left - self._remaining()
