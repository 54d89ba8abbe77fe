"""Speed of timetables, as ratios to a minimum: one ``datetime`` and one ``ZoneInfo`` conversion for each firing.

    python -m tests.bench.timetable

Below 1.00 is faster than converting each wall-clock time separately. On a shared machine, ratios of medians are more
reliable than seconds. The measurements take turns in one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from statistics import median
from zoneinfo import ZoneInfo

from cronstack import parse

ROUNDS = 5
SINCE = datetime(2026, 1, 1, tzinfo=UTC)

MANY = {
    "every minute": ("cron(* * * * ? *)", 200_000),
    "every quarter of working hours": ("cron(0/15 8-17 ? * MON-FRI *)", 40_000),
    "daily": ("cron(0 6 * * ? *)", 20_000),
    "last Friday of the month": ("cron(0 6 ? * 6L *)", 2_000),
    "leap days": ("cron(0 0 29 2 ? *)", 40),
}
ZONES = ("UTC", "Europe/Berlin", "America/New_York")


def floor(zone: ZoneInfo, count: int) -> float:
    """Return the seconds to create ``count`` local datetimes and convert them to UTC."""
    started = time.process_time()
    for number in range(count):
        datetime(2026, 1 + number % 12, 1 + number % 28, number % 24, number % 60, tzinfo=zone).astimezone(UTC)
    return time.process_time() - started


def firings(expression: str, zone: str, count: int) -> float:
    """Return the seconds to parse and to compute ``count`` instants."""
    started = time.process_time()
    taken = sum(1 for _ in islice(parse(expression, timezone=zone).after(SINCE), count))
    assert taken == count, f"{expression} has only {taken} instants"
    return time.process_time() - started


def first(expression: str, zone: str) -> float:
    """Return the seconds to parse and to compute the first instant, as the mean of a hundred."""
    started = time.process_time()
    for _ in range(100):
        next(parse(expression, timezone=zone).after(SINCE))
    return (time.process_time() - started) / 100


def in_turns(*measured: Callable[[], float]) -> list[float]:
    """Return the median of each function, measured round by round."""
    rounds = [[measure() for measure in measured] for _ in range(ROUNDS)]
    return [median(column) for column in zip(*rounds, strict=True)]


def main() -> None:
    print(f"{'':32}{'zone':18}{'firings/s':>12}{'of the floor':>14}{'parse + first':>16}")
    for name, (expression, count) in MANY.items():
        for zone in ZONES:
            taken, least, start = in_turns(
                lambda: firings(expression, zone, count),  # noqa: B023
                lambda: floor(ZoneInfo(zone), count),  # noqa: B023
                lambda: first(expression, zone),  # noqa: B023
            )
            per_firing = least / count
            print(f"{name:32}{zone:18}{count / taken:>12,.0f}{taken / least:>14.2f}{start / per_firing:>14.0f} x")


if __name__ == "__main__":
    main()
