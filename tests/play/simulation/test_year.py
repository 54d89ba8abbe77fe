"""The acceptance of the virtual clock in small: the first week of the year that ``tests.bench.year`` plays whole."""

from __future__ import annotations

import pytest

from tests.bench import year


def test_every_day_of_the_week_is_counted_as_the_file_has_it_and_a_wrong_day_would_be_seen() -> None:
    result, recorded = year.play(7, ["daily_stats"])
    assert [(row.runs, row.succeeded, row.dead) for row in result.rows] == [(7, 7, 0)]
    assert year.check(recorded.found, 7) == "7 days, 6,099 flights: each day as in the file"
    recorded.found["2013-01-05"]["cancelled"] += 1
    with pytest.raises(AssertionError, match="2013-01-05"):
        year.check(recorded.found, 7)
