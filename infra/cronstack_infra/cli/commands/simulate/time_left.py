"""An estimate of the time that a simulation still takes."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter  # the real clock: a simulation replaces time.perf_counter, not this name
from typing import Final

MEASURED: Final = 1.0
"""Seconds of play before the first estimate."""
LONG: Final = 5.0
"""Seconds after which a simulation without a terminal reports how long it takes."""


class Left:
    """Estimates the seconds that are left from the share that was played."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._began: float | None = None
        self._share = 0.0

    def after(self, share: float) -> float | None:
        """Return the seconds left after a share of the span. None until they can be estimated."""
        now = self._clock()
        if self._began is None:
            self._began, self._share = now, share
        passed, played = now - self._began, share - self._share
        if passed < MEASURED or played <= 0 or share >= 1:
            return None
        return passed / played * (1 - share)


def duration(seconds: float) -> str:
    """ "40 s", "11 min", "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
