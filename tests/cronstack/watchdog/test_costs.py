"""What a quiet pass costs, for 10 and for 73 jobs: requests, and read and write units of the ledger.

A consistent read of up to 4 KB is one unit, for each row of a BatchGetItem; a query reads its items together, and an
eventually consistent one costs half. A write unit is 1 KB.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pytest

from tests.cronstack.watchdog.place import MINUTE, Place


class Cost(NamedTuple):
    """The requests of one pass, and the units of the ledger."""

    requests: dict[str, int]
    read: float
    written: int


def _size(item: dict[str, Any]) -> int:
    """Return the bytes of an item by DynamoDB's rule: names, strings, and about half a byte for each digit."""
    size = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        size += len(name) + (len(content) // 2 + 1 if kind == "N" else len(content.encode()))
    return size


def _units(items: list[Any], step: int) -> int:
    return max(1, math.ceil(sum(map(_size, items)) / step))


def cost(place: Place) -> Cost:
    """Return the cost of the last pass."""
    read, written = 0.0, 0
    for (name, parameters), answer in zip(place.requests, place.answers, strict=True):
        if name == "dynamodb get_item":
            read += _units([answer.get("Item", {})], 4096)
        elif name == "dynamodb query":
            whole = 1 if parameters.get("ConsistentRead") else 0.5
            read += whole * _units(answer["Items"], 4096)
        elif name == "dynamodb batch_get_item":
            (keys,) = (table["Keys"] for table in parameters["RequestItems"].values())
            read += len(keys)  # also for rows that do not exist
        elif name == "dynamodb update_item":
            values = parameters["ExpressionAttributeValues"]
            written += _units([values], 1024)
    return Cost(dict(place.count()), read, written)


def deploy(place: Place, jobs: int) -> None:
    """Deploy jobs that run once an hour, each minute another one. Some are rates, and some are planned by code."""
    for number in range(jobs):
        text = "rate(1 hour)" if number % 10 == 9 else f"cron({number % 60} * * * ? *)"
        place.deploy(f"job{number:02}", text, by_code=number % 36 == 5)
        place.lease(f"job{number:02}")


def quiet(place: Place, jobs: int) -> Cost:
    """Return the cost of a pass after an hour of quiet passes."""
    deploy(place, jobs)
    place.look()
    begin = place.now
    for number in range(jobs):
        minute = begin + (number % 60) * MINUTE
        place.run(f"job{number:02}", minute + MINUTE if number % 10 == 9 else minute)
    for minutes in (66, 71, 76):
        place.now = begin + minutes * MINUTE
        for number in range(jobs):
            if number % 60 <= minutes - 61:
                place.run(f"job{number:02}", begin + (60 + number % 60) * MINUTE)
        place.look()
    assert place.lines() == [], "a quiet pass"
    return cost(place)


SHARED = {
    "dynamodb get_item": 1,
    "scheduler list_schedules": 1,
    "cloudformation get_template": 1,
    "cloudformation describe_stacks": 1,
    "sqs get_queue_attributes": 2,
    "dynamodb update_item": 1,
}


@pytest.mark.parametrize(
    ("jobs", "by_code", "batches", "read", "written"),
    [(10, 1, 1, 35, 2), (73, 2, 1, 154.5, 13)],
)
def test_a_quiet_pass(place: Place, jobs: int, by_code: int, batches: int, read: float, written: int) -> None:
    assert quiet(place, jobs) == (
        SHARED | {"dynamodb query": 1 + jobs + 32 * by_code, "dynamodb batch_get_item": batches},
        read,
        written,
    )


def test_the_metrics_are_read_once_an_hour(place: Place) -> None:
    """CloudWatch charges for each metric: four an hour, and those of single functions only after a sign."""
    place.deploy("stats", "rate(100 days)")
    names = []
    for _ in range(25):
        place.look()
        queries = [given["MetricDataQueries"] for name, given in place.requests if "metric" in name]
        names += [query["MetricStat"]["Metric"]["MetricName"] for of_request in queries for query in of_request]
        place.now += 5 * MINUTE
    assert len(names) == 3 * 4


def test_jobs_of_code_are_looked_at_in_turn(place: Place) -> None:
    """With more than eight of them, each pass reads the lists of eight."""
    for number in range(20):
        place.deploy(f"job{number:02}", "rate(100 days)", by_code=True)
    seen: set[str] = set()
    for _ in range(3):
        place.look()
        lists = [given["ExpressionAttributeValues"].get(":listed", {}).get("S", "") for _, given in _queries(place)]
        assert len(lists) == 1 + 8 * 33
        seen |= {name.split("#")[2] for name in lists if name.startswith("open#job#")}
        place.now += 5 * MINUTE
    assert len(seen) == 20


def _queries(place: Place) -> list[tuple[str, Any]]:
    return [request for request in place.requests if request[0] == "dynamodb query"]
