"""Thirty-two clients deliver the same occurrences at once over HTTP, each in its own order. No occurrence runs twice
or is lost, and no two runs of a job overlap.

Each client drives the shipped runtime over a transport, as a sandbox does. The local cloud delivers carriers to the
deployed function. There are three jobs, one for each overlap policy: skip, buffer_one and allow.
``python -m tests.bench.clients`` does it with three hundred occurrences.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cronstack.declaration import Job
from cronstack.entropy import SYSTEM
from cronstack.ledger.rows import FINISHED
from cronstack.ledger.run_requests import get_lease
from cronstack.runtime import Invocation, Shell
from cronstack.transport import Botocore
from cronstack_infra import names
from cronstack_infra.local.environment import ACCOUNT, REGION, pointed_at
from tests.e2e.quick_stack import LEDGER, QuickStack, deployed_code, lines_of, this_second
from tests.local.quick_cloud import quick_cloud

SEED = 20261124
CLIENTS = 32
TRANSPORTS = 8
"""Connection pools that the clients share. Creating one costs as much as fifty requests."""
BUDGET = "CRONSTACK_OCCURRENCES"
OCCURRENCES = int(os.environ.get(BUDGET, "30"))
JOBS = ("skips", "buffers", "allows")
SECONDS = 12
"""Timeout of the jobs. On a busy machine a claim may take so long that no time is left to start the handler.
A carrier then brings the next attempt."""


class Context:
    """Lambda's context object, on the real clock."""

    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, job: str) -> None:
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{names.function_name('kills', job)}"
        self._ends = time.monotonic() + SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


class Client(threading.Thread):
    """A thread that delivers each event once, in its own order."""

    def __init__(self, number: int, work: list[tuple[Job, dict[str, Any]]], shells: dict[str, Shell]) -> None:
        super().__init__(name=f"client {number}")
        self._work = random.Random(f"{SEED} {number}").sample(work, len(work))
        self._shells = shells
        self.outcomes: Counter[str] = Counter()
        self.faults: list[BaseException] = []

    def run(self) -> None:
        for job, event in self._work:
            try:
                answer = Invocation(job, event, Context(job.name), self._shells[job.name]).work()
                self.outcomes[answer["cronstack"]] += 1
            except BaseException as fault:
                self.faults.append(fault)


class Seen(NamedTuple):
    stack: QuickStack
    due: set[str]
    """The occurrences, the same for each job."""
    clients: list[Client]
    requests: Counter[str]
    lines: list[dict[str, Any]]
    runs: dict[str, dict[str, Any]]


def shells_of(stack: QuickStack, requests: Counter[str], transport: Botocore) -> dict[str, Shell]:
    def counted(operation: str, parameters: Any, timeout: float) -> Any:
        requests[operation] += 1
        return transport(operation, parameters, timeout)

    return {
        job: Shell(stack.settings(stack.carrier_role(job)), counted, randomness=SYSTEM, write=lambda line: None)
        for job in JOBS
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("crowd")
    effects = folder / "effects.jsonl"
    with quick_cloud() as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in pointed_at(cloud.endpoint, os.environ).items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(Path(__file__).parent))
        from kills import crowd

        stack = QuickStack(cloud, "kills", deployed_code("kills", folder))
        for job in JOBS:
            stack.function(job, "crowd", Timeout=SECONDS)
            function = names.function_name("kills", job)
            cloud.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=2)
        now = this_second()
        moments = [now - timedelta(seconds=number) for number in range(OCCURRENCES // len(JOBS))]
        work = [(getattr(crowd, job), event(job, moment, effects)) for job in JOBS for moment in moments]
        requests: list[Counter[str]] = [Counter() for _ in range(TRANSPORTS)]
        shells = [shells_of(stack, counter, Botocore()) for counter in requests]
        for of_each in shells:  # creates the boto3 client, which takes longer than many requests
            of_each["skips"].transport("GetItem", get_lease(LEDGER, "skips").parameters, 10)
        clients = [Client(number, work, shells[number % TRANSPORTS]) for number in range(CLIENTS)]
        started = time.monotonic()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        took = time.monotonic() - started
        due = {f"t-{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in moments}
        stack.await_true("all are final", lambda: all(is_final(stack.runs(job), due) for job in JOBS), 120)
        runs = {job: stack.runs(job) for job in JOBS}
        yield report(Seen(stack, due, clients, sum(requests, Counter()), lines_of(effects), runs), took)
        sys.modules.pop("kills.crowd")


def event(job: str, moment: datetime, effects: Path) -> dict[str, Any]:
    scheduled = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return {"cronstack": 1, "job": job, "scheduled": scheduled, "input": {"effects": str(effects)}}


def is_final(runs: dict[str, Any], due: set[str]) -> bool:
    return set(runs) == due and all(run.status in FINISHED for run in runs.values())


def report(seen: Seen, took: float) -> Seen:
    outcomes = sum((client.outcomes for client in seen.clients), Counter())
    statuses = {job: dict(Counter(run.status for run in runs.values())) for job, runs in seen.runs.items()}
    carried = [firing for firing in seen.stack.cloud.events("fired") if "/carrier." in firing["schedule"]]
    print(
        f"\nseed {SEED}: {CLIENTS} clients x {OCCURRENCES} occurrences in {took:.1f} s;"
        f" {sum(outcomes.values())} deliveries answered {dict(outcomes)}; requests {dict(seen.requests)};"
        f" {len(carried)} carriers fired; the ledger {statuses};"
        f" {len(seen.lines) // 2} runs of a handler ({BUDGET} sets the number of occurrences)"
    )
    return seen


def test_every_delivery_is_answered(seen: Seen) -> None:
    assert [fault for client in seen.clients for fault in client.faults] == []
    assert sum(sum(client.outcomes.values()) for client in seen.clients) == CLIENTS * len(JOBS) * len(seen.due)
    assert seen.stack.letters() == seen.stack.undelivered() == []


def test_each_occurrence_runs_at_most_once_and_none_is_lost(seen: Seen) -> None:
    written = defaultdict(list)
    for line in seen.lines:
        written[line["job"], line["occurrence"]].append((line["attempt"], line["what"]))
    for job in JOBS:
        for occurrence, run in seen.runs[job].items():
            worked = [(run.attempt, "start"), (run.attempt, "end")] if run.status == "succeeded" else []
            assert written.pop((job, occurrence), []) == worked, (job, occurrence)
    assert written == {}


@pytest.mark.parametrize("job", ["skips", "buffers"])
def test_no_two_runs_of_a_job_at_once(seen: Seen, job: str) -> None:
    lines = sorted((line for line in seen.lines if line["job"] == job), key=lambda line: line["at"])
    assert lines
    for start, end in zip(lines[::2], lines[1::2], strict=True):
        assert (start["what"], end["what"]) == ("start", "end")
        assert start["occurrence"] == end["occurrence"]


def test_a_skipped_run_names_the_holder_of_the_lease(seen: Seen) -> None:
    assert all(run.status == "succeeded" for run in seen.runs["allows"].values())
    skipped = [run for job in ("skips", "buffers") for run in seen.runs[job].values() if run.status == "skipped"]
    assert skipped, "there was an overlap"
    for run in skipped:
        assert len(run.by) == len(run.holder) == 26
        assert run.by != run.holder


def test_the_leases_are_free(seen: Seen) -> None:
    for job in ("skips", "buffers"):
        assert not {"holder", "buffered"} & set(seen.stack.lease(job))
