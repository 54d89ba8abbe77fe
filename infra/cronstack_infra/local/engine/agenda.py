"""The heap of due things: what comes first is what is due first, and of equals what was noted first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any


class Agenda:
    """Also the engine's outbox: effects wait here for the next step."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Any]] = []
        self._noted = 0
        self.effects: list[Any] = []

    def note(self, due: datetime, thing: Any) -> None:
        self._noted += 1
        heapq.heappush(self._heap, (due, self._noted, thing))

    def next_due(self) -> datetime | None:
        return self._heap[0][0] if self._heap else None

    def move(self, by: timedelta, which: Callable[[Any], bool]) -> None:
        """Change when some of the things are due."""
        self._heap = [(due + by if which(thing) else due, number, thing) for due, number, thing in self._heap]
        heapq.heapify(self._heap)

    def due(self, now: datetime) -> Iterator[Any]:
        """Take out what is due, also what becomes due meanwhile."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]
