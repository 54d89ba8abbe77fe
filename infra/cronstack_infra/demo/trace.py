"""The events of the local cloud: kept, and awaited without polling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Condition
from typing import Any

Event = Mapping[str, Any]


class Trace:
    """Keeps every event. The local cloud calls ``hear``; ``wait_for`` returns an earlier or a later event."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._news = Condition()
        self._closed = False

    def hear(self, event: Event) -> None:
        with self._news:
            self._events.append(event)
            self._news.notify_all()

    def all(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """Return the wanted events so far, oldest first."""
        with self._news:
            return [event for event in self._events if wanted(event)]

    def wait_for(self, wanted: Callable[[Event], bool], seconds: float) -> Event | None:
        """Return the first wanted event. None if it did not come within ``seconds``, or the trace was closed."""
        with self._news:
            self._news.wait_for(lambda: self._closed or any(map(wanted, self._events)), seconds)
            return next(filter(wanted, self._events), None)

    def close(self) -> None:
        """Wake all waiting threads, because the demo stops."""
        with self._news:
            self._closed = True
            self._news.notify_all()
