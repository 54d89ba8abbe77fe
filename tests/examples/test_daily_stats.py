"""The statistics of one day: the counts, and the choice of the day."""

from __future__ import annotations

from decimal import Decimal

import boto3
import pytest

from examples.daily_stats import daily_stats, statistics
from tests.examples.conftest import Stores
from tests.examples.samples import flight, run_of


def test_the_counts() -> None:
    flights = [
        flight(dep_delay="10"),
        flight(dep_delay="-3", origin="JFK", carrier="B6"),
        flight(dep_delay="1", origin="JFK"),
        flight(dep_time="NA", dep_delay="NA", origin="LGA"),
    ]
    assert statistics(flights) == {
        "flights": 4,
        "cancelled": 1,
        "mean_departure_delay": Decimal("2.67"),
        "by_origin": {"EWR": 1, "JFK": 2, "LGA": 1},
        "by_carrier": {"UA": 3, "B6": 1},
    }


def test_a_day_without_departures_has_the_mean_0() -> None:
    grounded = statistics([flight(dep_time="NA", dep_delay="NA")])
    assert (grounded["flights"], grounded["cancelled"], grounded["mean_departure_delay"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("scheduled", "day"),
    [
        ("2013-01-02T04:55:00+00:00", "2013-01-01"),  # New York is five hours behind in winter,
        ("2013-07-05T03:55:00+00:00", "2013-07-04"),  # four in summer.
        ("2013-02-01T04:55:00+00:00", "2013-01-31"),
    ],
)
def test_the_day_is_that_of_new_york(stores: Stores, scheduled: str, day: str) -> None:
    stores.put_flights(day, [flight(), flight(origin="JFK")])

    answer = daily_stats.function(run_of("daily_stats", scheduled))

    assert answer == {"day": day, "flights": 2, "cancelled": 0}
    stored = boto3.resource("dynamodb").Table("statistics-of-the-test").scan()["Items"]
    assert stored == [
        {
            "day": day,
            "flights": 2,
            "cancelled": 0,
            "mean_departure_delay": Decimal(5),
            "by_origin": {"EWR": 1, "JFK": 1},
            "by_carrier": {"UA": 2},
        }
    ]
