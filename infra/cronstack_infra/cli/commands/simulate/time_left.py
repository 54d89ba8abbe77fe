"""An estimate of the time that a simulation still takes."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter  # the real clock: a simulation replaces time.perf_counter, not this name
from typing import Final

MEASURED: Final = 1.0
"""Seconds of simulation before the first estimate."""
LONG: Final = 5.0
"""Least seconds left for which a simulation without a terminal prints the estimate."""


class Left:
    """Estimate of the seconds left, from the simulated share of the span."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._began: float | None = None
        self._share = 0.0

    def after(self, share: float) -> float | None:
        """Return the seconds left after a share of the span. Return None until they can be estimated."""
        now = self._clock()
        if self._began is None:
            self._began, self._share = now, share
        passed, played = now - self._began, share - self._share
        if passed < MEASURED or played <= 0 or share >= 1:
            return None
        return passed / played * (1 - share)


def duration(seconds: float) -> str:
    """Return "40 s", "11 min" or "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
