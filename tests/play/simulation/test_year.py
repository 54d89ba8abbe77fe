"""Small acceptance test of the virtual clock: the first week of the year that ``tests.bench.year`` plays."""

from __future__ import annotations

import pytest

from tests.bench import year


def test_each_day_is_counted_as_in_the_file_and_a_wrong_count_is_detected() -> None:
    result, recorded = year.play(7, ["daily_stats"])
    assert [(row.runs, row.succeeded, row.dead) for row in result.rows] == [(7, 7, 0)]
    assert year.check(recorded.found, 7) == "7 days, 6,099 flights: each day as in the file"
    recorded.found["2013-01-05"]["cancelled"] += 1
    with pytest.raises(AssertionError, match="2013-01-05"):
        year.check(recorded.found, 7)
