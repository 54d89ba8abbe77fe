"""Lambda's metrics are judged by the hours that were read."""

from __future__ import annotations

import pytest

from cronstack.watchdog.checks import services
from cronstack.watchdog.scene import HOUR, MINUTE

NOW = 1_800_000_000_000

TIMETABLE = {
    "100 in 65 minutes": (65 * MINUTE, "Throttles", 100, ["throttled"]),
    "40 an hour for 3 hours": (3 * HOUR, "Throttles", 120, []),
    "100 an hour for 3 hours": (3 * HOUR, "Throttles", 300, ["throttled"]),
    "an event dropped in 3 hours": (3 * HOUR, "AsyncEventsDropped", 1, ["undelivered"]),
}
"""Milliseconds that were read, a metric and its value, and the causes found."""


@pytest.mark.parametrize(("read", "name", "value", "expected"), TIMETABLE.values(), ids=TIMETABLE)
def test_metrics_of_several_hours(read: int, name: str, value: float, expected: list[str]) -> None:
    found = services.check_metrics({"stats": {name: value}}, NOW - read, NOW)
    assert [finding.cause for finding in found] == expected
    assert all(finding.facts["hours"] == round(read / HOUR) for finding in found)
