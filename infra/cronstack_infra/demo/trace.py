"""The events of the local cloud. Threads wait for events without polling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Condition
from typing import Any

Event = Mapping[str, Any]


class EventTrace:
    """All events so far. The local cloud calls ``record``; ``wait_for`` also returns earlier events."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._changed = Condition()
        self._closed = False

    def record(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def all(self, matches: Callable[[Event], bool]) -> list[Event]:
        """Return the matching events so far, oldest first."""
        with self._changed:
            return [event for event in self._events if matches(event)]

    def wait_for(self, matches: Callable[[Event], bool], seconds: float) -> Event | None:
        """Return the first matching event. Return None after ``seconds``, or when the trace is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or any(map(matches, self._events)), seconds)
            return next(filter(matches, self._events), None)

    def close(self) -> None:
        """Wake all waiting threads when the demo stops."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
