"""The virtual clock of one history, and the heap of its actions."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

SECOND: Final = 1000
MINUTE: Final = 60_000
HOUR: Final = 3_600_000
DAY: Final = 86_400_000


class VirtualTime:
    """Epoch milliseconds that pass only when the next action is due."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._due: list[tuple[int, int, Callable[[], object]]] = []
        self._number = 0

    def at(self, moment: int, action: Callable[[], object]) -> None:
        """Call ``action`` at a moment, or now if that is past. Actions of one moment keep their order."""
        self._number += 1
        heappush(self._due, (max(self.now, moment), self._number, action))

    def after(self, milliseconds: int, action: Callable[[], object]) -> None:
        self.at(self.now + milliseconds, action)

    def run_until(self, moment: int) -> None:
        """Carry out all actions up to a moment, then set the clock to it."""
        due = self._due
        while due and due[0][0] <= moment:
            self.now, _, action = heappop(due)
            action()
        self.now = max(self.now, moment)
