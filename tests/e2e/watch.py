"""Waiting for events of a local cloud, up to a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]


class Watch:
    """Collector of the events of a ``LocalCloud`` (pass it as ``on_event``), which waits for conditions on them."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._changed = threading.Condition(threading.RLock())

    def __call__(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def all(self, kind: str, **fields: Any) -> list[Event]:
        """Return the events of a kind whose fields have these values. A callable value is a predicate."""
        with self._changed:
            events = list(self._events)
        return [event for event in events if event["event"] == kind and _fits(event, fields)]

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Return when ``condition()`` holds. It is evaluated after each event. Fail after ``seconds``."""
        with self._changed:
            if not self._changed.wait_for(condition, seconds):
                last = "\n".join(str(event) for event in self._events[-15:])
                raise AssertionError(f"{what} did not happen within {seconds:g} s; the last events:\n{last}")


def _fits(event: Event, fields: dict[str, Any]) -> bool:
    return all(
        value(event.get(name)) if callable(value) else event.get(name) == value for name, value in fields.items()
    )
