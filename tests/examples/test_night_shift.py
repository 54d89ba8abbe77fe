"""The night shift at changes of daylight saving time: its timetable and its file."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

import pytest

from cronstack import parse
from examples.night_shift import night_shift
from tests.examples.conftest import Stores
from tests.examples.samples import run_of


@pytest.mark.parametrize(
    ("after", "before", "due"),
    [
        ("2013-03-30T00:00Z", "2013-04-01T12:00Z", ["2013-03-30T01:30Z", "2013-04-01T00:30Z"]),
        (
            "2013-10-26T00:00Z",
            "2013-10-28T12:00Z",
            ["2013-10-26T00:30Z", "2013-10-27T00:30Z", "2013-10-28T01:30Z"],
        ),
    ],
)
def test_2_30_is_skipped_in_march_and_runs_once_in_october(
    stores: Stores, after: str, before: str, due: list[str]
) -> None:
    (declared,) = night_shift.schedules
    timetable = parse(declared.expression, timezone=declared.timezone).after(datetime.fromisoformat(after))
    nights = list(takewhile(lambda instant: instant < datetime.fromisoformat(before), timetable))
    assert nights == [datetime.fromisoformat(instant) for instant in due]
    for instant in nights:
        night_shift.function(run_of("night_shift", instant.isoformat()))
    assert list(stores.reports()) == [f"nights/{night[:10]}.json" for night in due]


def test_its_file_contains_local_time_and_utc(stores: Stores) -> None:
    answer = night_shift.function(run_of("night_shift", "2013-10-27T00:30:00+00:00"))
    expected = {"date": "2013-10-27", "local": "2013-10-27T02:30:00+02:00", "utc": "2013-10-27T00:30:00+00:00"}
    assert answer == stores.report("nights/2013-10-27.json") == expected
