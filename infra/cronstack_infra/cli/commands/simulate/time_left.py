"""How long a simulation still takes, by what it has taken so far."""

from __future__ import annotations

from time import perf_counter  # the machine's, by a name that no simulation replaces
from typing import Final

MEASURED: Final = 1.0
"""Seconds of playing before the first estimate."""
LONG: Final = 5.0
"""Seconds from which on a simulation that is not shown on a terminal reports how long it takes."""


class Left:
    """An estimate of the seconds that are left."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._share = 0.0

    def after(self, share: float) -> float | None:
        """Return the seconds left when that share of the span is played; None until they can be estimated."""
        now = perf_counter()
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
