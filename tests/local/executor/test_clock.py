"""A handler process with a shifted clock: every date that it reads is shifted, as in such a sandbox of Lambda."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.executor.bench import Bench, bench, function

READS_CLOCKS = """
import boto3, datetime, time
from datetime import UTC, datetime as dt
from email.utils import formatdate, parsedate_to_datetime
from time import time as now, time_ns

EPOCH = dt(1970, 1, 1, tzinfo=UTC)

def signed():
    sent = []
    client = boto3.client("dynamodb")
    client.meta.events.register("before-send", lambda request, **_: sent.append(request.headers["X-Amz-Date"]) or 1 / 0)
    try:
        client.list_tables()
    except ZeroDivisionError:
        stamp = dt.strptime(sent[0].decode(), "%Y%m%dT%H%M%SZ")
        return stamp.replace(tzinfo=UTC).timestamp()

def handler(event, context):
    return {
        "dates": [
            time.time(), now(), time_ns() / 1e9, time.clock_gettime(time.CLOCK_REALTIME), time.mktime(time.localtime()),
            (dt.now(UTC) - EPOCH).total_seconds(), datetime.datetime.utcnow().replace(tzinfo=UTC).timestamp(),
            datetime.datetime.now().timestamp(), parsedate_to_datetime(formatdate()).timestamp(), signed(),
        ],
        "monotonic": time.monotonic(),
        "is its type": type(dt.now()) is dt,
        "left": context.get_remaining_time_in_millis() / 1000,
    }
"""
AHEAD = {"right": 0.0, "ahead": 600.0, "behind": -600.0}
TIMEOUT = 10


@pytest.fixture(scope="module", params=[False, True], ids=["awslambdaric", "own loop"])
def runs(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(own_loop=request.param, ahead=lambda name, number: AHEAD[name]) as runs:
        yield runs


def result_of(runs: Bench, name: str) -> dict[str, Any]:
    outcome = runs.run(function(READS_CLOCKS, name=name, timeout=TIMEOUT))
    assert outcome.ok, outcome.payload
    result: dict[str, Any] = json.loads(outcome.payload)
    return result


@pytest.mark.parametrize("name", AHEAD)
def test_every_date_of_the_process_is_shifted_by_the_same_time(runs: Bench, name: str) -> None:
    before, began = time.time() + AHEAD[name], time.monotonic()
    result = result_of(runs, name)
    after = time.time() + AHEAD[name]
    assert all(int(before) <= date <= after for date in result["dates"]), result["dates"]
    assert began <= result["monotonic"] <= time.monotonic(), "durations are not shifted"
    assert result["is its type"]


def test_the_remaining_time_uses_the_clock_of_the_process(runs: Bench) -> None:
    """Lambda's runtime subtracts the clock from the deadline, and returns at least 0."""
    left = {name: result_of(runs, name)["left"] for name in AHEAD}
    assert 0 < left["right"] <= TIMEOUT
    assert left["ahead"] == 0
    assert 600 < left["behind"] <= 600 + TIMEOUT
