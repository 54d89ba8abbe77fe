"""Lengths of time and instants as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronstack_infra.cli.output.spans import iso, local, span, utc

WORDS = {
    timedelta(microseconds=1): "0s",
    timedelta(seconds=-5): "0s",
    timedelta(seconds=59.9): "59s",
    timedelta(minutes=1): "1min",
    timedelta(minutes=12, seconds=4): "12min 4s",
    timedelta(hours=3, minutes=12, seconds=59): "3h 12min",
    timedelta(hours=3, seconds=59): "3h",
    timedelta(days=1, hours=4): "1 day 4h",
    timedelta(days=364, hours=23): "364 days 23h",
    timedelta(days=365): "1 year",
    timedelta(days=3 * 365 + 12): "3 years 12 days",
}


@pytest.mark.parametrize(("length", "words"), WORDS.items(), ids=str)
def test_the_two_largest_units(length: timedelta, words: str) -> None:
    assert span(length) == words


def test_instants() -> None:
    moment = datetime(2026, 3, 29, 4, 0, 7, tzinfo=UTC)
    assert local(moment, "Europe/Berlin") == "Sun 2026-03-29 06:00:07 CEST"
    assert local(moment.replace(second=0), "Europe/Berlin") == "Sun 2026-03-29 06:00 CEST"
    assert utc(moment) == "2026-03-29 04:00:07"
    assert iso(moment) == "2026-03-29T04:00:07Z"
    assert iso(None) is None
