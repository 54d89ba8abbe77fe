"""The ledger does not answer for a whole run: nothing is worked, Lambda tries three times over three minutes, and then
there is one dead letter that says what failed. Once the ledger answers again, redriving works it, once.

On virtual time, so the minutes cost nothing; the seconds in which a handler's process asks again and again are real.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from cronstack_infra.local.http.faults import faults
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from tests.e2e.quick_stack import QuickStack, deployed_code, lines_of, this_second
from tests.local.stepped import seconds, stepped_cloud

DOWN = {
    "faithful": ("503", "TransactWriteItems on the table ledger failed: ServiceUnavailable: "),
    "mortal": ("throttled", "UpdateItem on the table ledger failed: ProvisionedThroughputExceededException: "),
}
"""Jobs, with and without a lease: what the ledger answers to their requests, and what the dead letter says of it."""


class Seen(NamedTuple):
    occurrences: dict[str, str]
    """By job."""
    told: list[dict[str, Any]]
    """Events of the time without a ledger."""
    ran_meanwhile: list[dict[str, Any]]
    stored_meanwhile: list[dict[str, Any]]
    letters: list[DeadLetter]
    redriven: list[Redriven]
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
        down = [{"service": "dynamodb", "caller": f"kills-{job}", "answer": DOWN[job][0]} for job in DOWN]
        with faults(cloud.endpoint, *down):
            due = this_second()
            occurrences = {job: stack.invoke(job, due, effects=str(effects), seconds=0) for job in DOWN}
            while len(cloud.events("dead_letter")) < len(DOWN):
                cloud.next_event(60)
            told, ran = list(cloud.told), lines_of(effects)
            stored = cloud.client("dynamodb").scan(TableName="ledger")["Items"]
        for job in DOWN:  # deployed late: it is there for the redrive, and has not fired
            stack.schedule_once(job, due, effects=str(effects), seconds=0)
        letters = list_letters(cloud.client("sqs"), stack.deployment, poll=0)
        again = redrive(
            cloud.client, stack.deployment, clock=lambda: datetime.now(UTC), sleep=time.sleep, wait=30, poll=0
        )
        yield Seen(occurrences, told, ran, stored, letters, list(again), lines_of(effects), stack)


def test_nothing_is_worked_and_nothing_stored(seen: Seen) -> None:
    assert seen.ran_meanwhile == []
    assert seen.stored_meanwhile == []


@pytest.mark.parametrize("job", DOWN)
def test_lambda_tries_three_times(seen: Seen, job: str) -> None:
    mine = [one for one in seen.told if one.get("function") == f"kills-{job}"]
    started = [(one["attempt"], seconds(one)) for one in mine if one["event"] == "started"]
    assert started == [(1, 0), (2, 60), (3, 180)]
    ended = [one for one in mine if one["event"] == "finished"]
    assert [one["outcome"] for one in ended] == ["error"] * 3


@pytest.mark.parametrize("job", DOWN)
def test_one_dead_letter_says_what_failed(seen: Seen, job: str) -> None:
    (letter,) = [one for one in seen.letters if one.contents.job == job]
    assert letter.occurrence == seen.occurrences[job]
    record = json.loads(letter.body)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert letter.contents.attempt == 0, "invoked three times, and not once begun"
    assert record["responsePayload"]["errorType"] == "Unavailable"
    assert record["responsePayload"]["errorMessage"].startswith(DOWN[job][1])


@pytest.mark.parametrize("job", DOWN)
def test_redriven_it_is_worked_once(seen: Seen, job: str) -> None:
    (result,) = [one for one in seen.redriven if one.letter.contents.job == job]
    assert (result.accepted, result.status) == (True, "succeeded")
    occurrence = seen.occurrences[job]
    (run,) = seen.stack.runs(job).values()
    assert (run.occurrence, run.status, run.attempt) == (occurrence, "succeeded", 1)


def test_afterwards_no_letter_is_left(seen: Seen) -> None:
    assert list_letters(seen.stack.cloud.client("sqs"), seen.stack.deployment, poll=0) == []
    assert len(seen.ran) == 2 * len(DOWN), "a start and an end of each"
    assert {line["attempt"] for line in seen.ran} == {1}
