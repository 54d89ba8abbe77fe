"""The heap of due things: the earliest comes first. Of things due at one instant those marked ``early`` come first,
then those that were noted first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any


class Agenda:
    """Also the engine's outbox: effects wait here for the next step."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, bool, int, Any]] = []
        self._noted = 0
        self.effects: list[Any] = []

    def note(self, due: datetime, thing: Any, *, early: bool = False) -> None:
        self._noted += 1
        heapq.heappush(self._heap, (due, not early, self._noted, thing))

    def next_due(self) -> datetime | None:
        return self._heap[0][0] if self._heap else None

    def move(self, by: timedelta, which: Callable[[Any], bool]) -> None:
        """Change when some of the things are due."""
        self._heap = [(due + by if which(thing) else due, *rest, thing) for due, *rest, thing in self._heap]
        heapq.heapify(self._heap)

    def due(self, now: datetime) -> Iterator[Any]:
        """Take out what is due, also what becomes due meanwhile."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[3]
