"""Tests of the job ``hello``: its function alone, and the deployed job with a virtual clock."""

import logging
from datetime import UTC, datetime

from cronstack import Run
from cronstack_infra.testing.cloud import Cloud
from jobs.hello import hello


def test_greeting_contains_name_and_due_time() -> None:
    run = Run(
        job="hello",
        occurrence="t-2026-03-01T12:34:00Z",
        scheduled=datetime(2026, 3, 1, 12, 34, tzinfo=UTC),
        attempt=1,
        fence=1,
        input={"name": "Ada"},
        log=logging.getLogger("hello"),
        seconds_left=lambda: 30.0,
    )
    assert hello.function(run) == {"greeting": "Hello Ada, it is 12:34 UTC"}


def test_runs_every_minute(cloud: Cloud) -> None:
    cloud.advance(minutes=3)
    assert [run.result["greeting"] for run in cloud.runs("hello")] == [
        "Hello world, it is 00:01 UTC",
        "Hello world, it is 00:02 UTC",
        "Hello world, it is 00:03 UTC",
    ]


def test_retries_after_a_crash(cloud: Cloud) -> None:
    cloud.faults.crash("hello", on_attempt=1)
    run = cloud.fire("hello")
    assert (run.status, run.attempt) == ("succeeded", 2)
