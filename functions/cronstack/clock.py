"""The only place where the product reads a clock or sleeps. Everything else is handed the time, or a ``Clock``."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """The wall clock in epoch milliseconds: what leases and the ledger's times are told in."""
    return time.time_ns() // 1_000_000


def now() -> datetime:
    """The wall clock as an aware datetime in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds from an arbitrary start; never steps back. Durations are measured with it."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    time.sleep(seconds)
