"""The recount finds each difference between the flights and the statistics."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from examples.consistency import consistency
from examples.daily_stats import daily_stats
from tests.examples.conftest import Stores
from tests.examples.samples import flight, run_of

FLIGHTS = [flight(), flight(origin="JFK", carrier="B6"), flight(dep_time="NA", dep_delay="NA")]
COUNTED_AT, CHECKED_AT = "2013-01-18T04:55:00+00:00", "2013-01-18T10:30:00+00:00"
REPORT = "consistency/2013-01-17.json"


def check() -> Any:
    return consistency.function(run_of("consistency", CHECKED_AT))


@pytest.fixture
def counted(stores: Stores) -> Stores:
    """Count 17 January by daily_stats."""
    stores.put_flights("2013-01-17", FLIGHTS)
    daily_stats.function(run_of("daily_stats", COUNTED_AT))
    return stores


def test_the_counts_of_daily_stats_are_right(counted: Stores) -> None:
    assert check() == {"day": "2013-01-17", "differences": 0}
    assert counted.report(REPORT) == {"day": "2013-01-17", "recounted": 3, "differences": {}}


def test_a_flight_added_after_the_count_is_found(counted: Stores) -> None:
    counted.put_flights("2013-01-17", [*FLIGHTS, flight(carrier="DL")])
    assert check() == {"day": "2013-01-17", "differences": 3}
    assert counted.report(REPORT)["differences"] == {
        "flights": {"counted": 4, "stored": 3},
        "by_origin": {"counted": {"EWR": 3, "JFK": 1}, "stored": {"EWR": 2, "JFK": 1}},
        "by_carrier": {"counted": {"UA": 2, "B6": 1, "DL": 1}, "stored": {"UA": 2, "B6": 1}},
    }


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"cancelled": 0}, {"cancelled": {"counted": 1, "stored": 0}}),
        ({"by_origin": {"EWR": 2, "LGA": 1}}, None),
        ({"by_carrier": {"UA": 2, "AA": 1}}, None),
        ({"flights": 2}, {"flights": {"counted": 3, "stored": 2}}),
    ],
)
def test_a_changed_number_in_the_table_is_found(counted: Stores, changed: dict[str, Any], found: Any) -> None:
    (what,) = changed
    boto3.resource("dynamodb").Table("statistics-of-the-test").update_item(
        Key={"day": "2013-01-17"},
        UpdateExpression="SET #what = :changed",
        ExpressionAttributeNames={"#what": what},
        ExpressionAttributeValues={":changed": changed[what]},
    )
    assert check() == {"day": "2013-01-17", "differences": 1}
    reported = counted.report(REPORT)["differences"]
    assert list(reported) == [what]
    assert found is None or reported == found


def test_a_day_that_was_never_counted_is_found(stores: Stores) -> None:
    stores.put_flights("2013-01-17", FLIGHTS)
    assert check() == {"day": "2013-01-17", "differences": 1}
    assert stores.report(REPORT)["differences"] == {"flights": {"counted": 3, "stored": None}}


def test_statistics_of_a_day_without_flights_are_found(counted: Stores) -> None:
    boto3.client("s3").delete_object(Bucket="flights-of-the-test", Key="flights/2013-01-17.csv")
    assert check()["differences"] == 4


def test_a_day_without_flights_and_statistics_is_consistent(stores: Stores) -> None:
    assert check() == {"day": "2013-01-17", "differences": 0}


def test_after_a_new_count_the_report_has_no_differences(counted: Stores) -> None:
    counted.put_flights("2013-01-17", [*FLIGHTS, flight()])
    assert check()["differences"] > 0
    daily_stats.function(run_of("daily_stats", COUNTED_AT))
    assert check()["differences"] == 0
    assert counted.report(REPORT)["differences"] == {}
