"""The heap of due items, earliest first. At one instant, ``early`` items come first, then in order of ``add``."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any


class Agenda:
    """Due items, and the engine's outbox: effects wait here for the next step."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, bool, int, Any]] = []
        self._added = 0
        self.effects: list[Any] = []

    def add(self, due: datetime, item: Any, *, early: bool = False) -> None:
        self._added += 1
        heapq.heappush(self._heap, (due, not early, self._added, item))

    def next_due(self) -> datetime | None:
        return self._heap[0][0] if self._heap else None

    def move(self, by: timedelta, which: Callable[[Any], bool]) -> None:
        """Shift the due time of some items."""
        self._heap = [(due + by if which(item) else due, *rest, item) for due, *rest, item in self._heap]
        heapq.heapify(self._heap)

    def due(self, now: datetime) -> Iterator[Any]:
        """Remove and yield the items that are due, also those added meanwhile."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[3]
