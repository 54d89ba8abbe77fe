"""The ledger is down: nothing runs, and a carrier brings each event again minutes later. After the outage, each
occurrence runs once.

The test runs on virtual time, so minutes take no time. The seconds in which a handler repeats its requests are real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from cronstack_infra.local.http.faults import faults
from tests.e2e.quick_stack import QuickStack, deployed_code, lines_of
from tests.local.stepped import START, stepped_cloud

DOWN = {
    "faithful": ("503", "TransactWriteItems on the table ledger failed: ServiceUnavailable: "),
    "mortal": ("throttled", "GetItem on the table ledger failed: ProvisionedThroughputExceededException: "),
}
"""By job, with and without a lease: the ledger's response to its requests, and the log message."""
CARRIED = 2
"""Minimum number of deferrals of each event."""


class Seen(NamedTuple):
    occurrences: dict[str, str]
    """By job."""
    answers: dict[str, list[dict[str, Any]]]
    """Results by job, each with its time."""
    ran_meanwhile: list[dict[str, Any]]
    stored_meanwhile: list[dict[str, Any]]
    ran: list[dict[str, Any]]
    stack: QuickStack


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("down")
    effects = folder / "effects.jsonl"
    with stepped_cloud() as cloud:
        stack = QuickStack(cloud, "kills", deployed_code("kills", folder))
        for job in DOWN:
            stack.function(job, Timeout=3)

        def answers(job: str) -> list[dict[str, Any]]:
            ended = cloud.events("finished", function=f"kills-{job}")
            return [json.loads(event["result"]) | {"at": event["at"]} for event in ended]

        down = [{"service": "dynamodb", "caller": f"kills-{job}", "answer": DOWN[job][0]} for job in DOWN]
        with faults(cloud.endpoint, *down):
            occurrences = {job: stack.invoke(job, START, effects=str(effects), seconds=0) for job in DOWN}
            stack.await_true("each is carried", lambda: all(len(answers(job)) >= CARRIED for job in DOWN))
            ran, stored = lines_of(effects), cloud.client("dynamodb").scan(TableName="ledger")["Items"]
        stack.await_true("each has run", lambda: all(answers(job)[-1]["cronstack"] == "succeeded" for job in DOWN))
        yield Seen(occurrences, {job: answers(job) for job in DOWN}, ran, stored, lines_of(effects), stack)


def test_a11_2_nothing_runs_and_nothing_is_stored_while_the_ledger_is_down(seen: Seen) -> None:
    assert seen.ran_meanwhile == []
    assert seen.stored_meanwhile == []


@pytest.mark.parametrize("job", DOWN)
def test_a11_2_an_event_is_carried_over_an_outage_and_then_runs_once(seen: Seen, job: str) -> None:
    """Rule: carriers last longer than Lambda's three deliveries within three minutes."""
    *put_off, last = seen.answers[job]
    assert {(answer["cronstack"], answer["reason"]) for answer in put_off} == {("deferred", "outage")}
    assert all(answer["note"].startswith(DOWN[job][1]) for answer in put_off)
    times = [datetime.fromisoformat(answer["at"]).timestamp() for answer in seen.answers[job]]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert all(50 <= pause <= 960 for pause in pauses), pauses
    assert (last["cronstack"], last["attempt"]) == ("succeeded", 1)
    (run,) = seen.stack.runs(job).values()
    assert (run.occurrence, run.status, run.attempt) == (seen.occurrences[job], "succeeded", 1)
    assert [line["what"] for line in seen.ran if line["job"] == job] == ["start", "end"]


def test_a11_2_no_dead_letter_was_sent(seen: Seen) -> None:
    assert seen.stack.letters() == []
    assert seen.stack.undelivered() == []
