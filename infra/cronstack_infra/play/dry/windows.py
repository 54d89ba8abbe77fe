"""Effects of flexible windows on crowded minutes. Pure.

Scheduler starts an occurrence somewhere in its window and guarantees no more. This module counts an even spread: an
occurrence with a window of 15 minutes is a 15th of a start in each of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from cronstack_infra.play.dry.minutes import Span, lowest, spread
from cronstack_infra.play.dry.tally import Tally

WHOLE: Final = 1 << 16
"""One start, in the units of the counts."""


class Spread(NamedTuple):
    """The minute with the most starts, without the windows and with them."""

    without: int
    without_at: datetime
    evenly: float
    """Starts in the fullest minute when each window is used evenly."""
    evenly_at: datetime


def spread_of(firings: Iterable[tuple[int, int]], span: Span) -> Spread | None:
    """Return the effect of windows, None without any. ``firings``: minutes in which a job fires, with its window."""
    plain, even, windowed = Tally(), Tally(), False
    for minutes, window in firings:
        plain.add(minutes)
        if not window:
            even.add(minutes, WHOLE)
            continue
        windowed = windowed or bool(minutes)
        even.add(spread(minutes, window), round(WHOLE / window))
    (most, at), (share, evenly_at) = plain.peak(), even.peak()
    if not windowed:
        return None
    return Spread(most, span.instant(lowest(at)), share / WHOLE, span.instant(lowest(evenly_at)))
