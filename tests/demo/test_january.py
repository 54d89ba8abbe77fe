"""January 2013: one occurrence for each day, and a check that detects a single wrong flight."""

from __future__ import annotations

from itertools import takewhile

import pytest

from cronstack import parse
from cronstack.errors import OperationError
from cronstack_infra.demo import january
from cronstack_infra.demo.january import Statistics
from examples.daily_stats import NEW_YORK, daily_stats

COUNTED = {day: 800 + number for number, day in enumerate(january.DAYS)}
CORRECT = [Statistics(day, flights, 0) for day, flights in COUNTED.items()]


def test_the_span_holds_one_occurrence_for_each_day_of_january() -> None:
    (declared,) = daily_stats.schedules
    timetable = parse(declared.expression, timezone=declared.timezone).after(january.FROM)
    due = takewhile(lambda instant: instant < january.TO, timetable)
    assert tuple(f"{instant.astimezone(NEW_YORK):%Y-%m-%d}" for instant in due) == january.DAYS


def test_statistics_that_equal_the_file_pass() -> None:
    january.check(CORRECT, COUNTED)


@pytest.mark.parametrize("found", [[Statistics("2013-01-01", 801, 0), *CORRECT[1:]], CORRECT[1:]])
def test_an_extra_flight_or_a_missing_day_is_reported(found: list[Statistics]) -> None:
    with pytest.raises(OperationError, match="1 of 31 days are wrong: 2013-01-01"):
        january.check(found, COUNTED)


def test_an_unexpected_day_is_reported() -> None:
    with pytest.raises(OperationError, match="unexpected days: 2012-12-31"):
        january.check([Statistics("2012-12-31", 1, 0), *CORRECT], COUNTED)


def test_the_quietest_day_is_the_lowest_bar() -> None:
    assert january.drawn([Statistics("a", 100, 0), Statistics("b", 200, 0), Statistics("c", 150, 0)]) == "▁█▅"
    assert january.drawn([Statistics("a", 100, 0)]) == "▁"
