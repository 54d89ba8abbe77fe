"""The only module of the product that reads a clock or sleeps. All other code receives the time, or a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Return the wall clock in epoch milliseconds, the unit of leases and of the ledger's times."""
    return time.time_ns() // 1_000_000


def now() -> datetime:
    """Return the wall clock as an aware datetime in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds from an arbitrary start; never steps back. Use it to measure durations."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    time.sleep(seconds)
