"""The events of the local cloud, kept, and waited for without polling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Condition
from typing import Any

Event = Mapping[str, Any]


class Trace:
    """Give ``hear`` to the local cloud; ask ``wait_for`` for an event that came or will come."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._news = Condition()
        self._closed = False

    def hear(self, event: Event) -> None:
        with self._news:
            self._events.append(event)
            self._news.notify_all()

    def all(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """What has come of the wanted, oldest first."""
        with self._news:
            return [event for event in self._events if wanted(event)]

    def wait_for(self, wanted: Callable[[Event], bool], seconds: float) -> Event | None:
        """The first wanted event; None when ``seconds`` went by without it, or nothing comes any more."""
        with self._news:
            self._news.wait_for(lambda: self._closed or any(map(wanted, self._events)), seconds)
            return next(filter(wanted, self._events), None)

    def close(self) -> None:
        """Nobody shall wait any longer: the demo is being stopped."""
        with self._news:
            self._closed = True
            self._news.notify_all()
