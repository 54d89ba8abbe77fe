"""The local cloud's events, as numbered JSON lines: written to the parent, and kept for later readers."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any, Final

MAX_EVENTS: Final = 100_000
"""Events kept for later readers; the oldest are dropped first. Defaults to 100,000."""


class Events:
    """The newest events. ``write`` is called with each event as a line of JSON."""

    def __init__(self, now: Callable[[], datetime], write: Callable[[str], None]) -> None:
        self._now = now
        self._write = write
        self._lock = Lock()
        self._kept: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self._seq = 0

    def emit(self, event: dict[str, Any]) -> None:
        """Number an event, add the time if it has none, keep it and write it."""
        with self._lock:
            self._seq += 1
            numbered = {"at": self._now().isoformat(), **event, "seq": self._seq}
            self._kept.append(numbered)
            self._write(json.dumps(numbered, default=str))

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the events after number ``seq``, oldest first."""
        with self._lock:
            return [event for event in self._kept if event["seq"] > seq]
