"""Duration of operators' commands with many rows in the ledger, as ratios to the same commands with a hundred.

    python -m tests.bench.ledger_size [ROWS] [ROUNDS]

Each measurement is a whole process against a running local cloud. The commands take turns; the result is the median of
five. Half of the rows (100,000 by default) are runs of a cron job, the others plans of keys and their runs. The
product's request builders write all rows to a ledger in memory, and BatchWriteItem copies them into the cloud. Each
size has the same twenty plans with the listed prefix, the same future plans, and the same dead letters.

The goal is a ratio of at most 1.5. A small update of a row is also measured, alone and while another client reads all
runs of the job page by page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

from cronstack import clock
from cronstack.declaration import job
from cronstack.event import parse_event, planned_event
from cronstack.ledger import claim_requests, listings, plan_requests, run_requests
from cronstack.ledger.partitions import plan_key
from cronstack.ledger.rows import PlanItem
from cronstack.occurrence import Occurrence, payload_hash, print_time
from cronstack.run import Run
from cronstack.runtime import Invocation, Shell
from cronstack.settings import Settings
from cronstack.steps import Call
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import pointed_at
from cronstack_infra.ops.deployment import Deployment, find_deployment
from cronstack_infra.play.answer_dates import dated
from cronstack_infra.play.store.store import Store
from tests.e2e.projects import Deployer, user_project

ROWS: Final = 100_000
FEW: Final = 100
ROUNDS: Final = 5
GOAL: Final = 1.5
BATCH: Final = 25
CRON, KEYED = "fragile", "planned"
STACK: Final = "trial"
LISTED: Final = "listed-"
MINUTE: Final = 60_000
COMMANDS: Final = {
    "runs -n 20": ["runs", "-n", "20"],
    f"once list --prefix {LISTED}": ["once", "list", KEYED, "--prefix", LISTED],
    "dead-letters list": ["dead-letters", "list"],
}


class Context:
    """Lambda's context."""

    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, function: str) -> None:
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Ledger:
    """The ledger of a deployed stack, which it fills with rows."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.deployment: Deployment = find_deployment(cloud.client("cloudformation"), STACK)
        self.table = self.deployment.ledger
        self._cloud, self._dynamodb = cloud, cloud.client("dynamodb")
        self._now = clock.now_ms() // MINUTE * MINUTE
        self._made = 0

    def fill(self, rows: int) -> None:
        """Write rows until there are about ``rows``."""
        store = Store(self.table, lambda: self._now)
        if not self._made:
            self._open_rows(store)
        while self._made + len(store.items) < rows:
            self._steps(store, self._made + len(store.items))
        self._made += len(store.items)
        requests = ({"PutRequest": {"Item": item}} for item in store.items.values())
        while batch := list(islice(requests, BATCH)):
            answer = self._dynamodb.batch_write_item(RequestItems={self.table: batch})
            assert not answer["UnprocessedItems"]

    def _steps(self, store: Store, number: int) -> None:
        """Write four rows: two runs of the cron job, a plan and its run."""
        for run_number in (number, number + 1):
            due = self._now - (run_number + 1) * MINUTE
            self._run(store, self._occurrence(CRON, due), due)
        due = self._now - number * 1000
        of = self._plan(store, f"order-{number}", due)
        _ask(store, plan_requests.begin(self.table, of, reopens=False, now=due, ttl=self._ttl))
        self._run(store, of, due)

    def _open_rows(self, store: Store) -> None:
        """Write the rows of each size: listed plans, which are in the future, and dead runs with letters."""
        for number in range(20):
            self._plan(store, f"{LISTED}{number}", self._now + (number + 1) * 60 * MINUTE)
        queue, settings = self.deployment.handler_dead_letters, Settings(self.table, "letters", STACK, "", "", "")

        def transport(operation: str, parameters: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
            return dated(store(operation, parameters, timeout), self._now)

        now, monotonic = (lambda: self._now), (lambda: self._now / 1000)
        shell = Shell(settings, transport, now=now, monotonic=monotonic, write=lambda line: None)
        for number in range(3):
            event = {"cronstack": 1, "job": CRON, "scheduled": print_time(self._now - number * MINUTE), "input": {}}
            try:
                Invocation(job(name=CRON, retries=0)(_fail), event, Context(CRON), shell).work()
            except RuntimeError:
                continue
        for letter in store.queues["letters"]:
            self._cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=letter)

    def _occurrence(self, of: str, due: int) -> Occurrence:
        return parse_event({"cronstack": 1, "job": of, "scheduled": print_time(due), "input": {}}, of)

    def _plan(self, store: Store, key: str, due: int) -> Occurrence:
        event = planned_event(KEYED, key, due - MINUTE, due=due, input={"order": key})
        at = print_time(due)
        plan = PlanItem("planned", key, due, due - MINUTE, at, payload_hash({"order": key}), event)
        _ask(store, plan_requests.write(self.table, KEYED, plan, None, ttl=self._ttl))
        return parse_event(json.loads(event), KEYED)

    def _run(self, store: Store, of: Occurrence, now: int) -> None:
        opening = claim_requests.Opening(self.table, of, f"holder-{now}", now, now, now + MINUTE, 3, self._ttl)
        _ask(store, claim_requests.claim_without_lease(opening, None, now - MINUTE))
        closing = run_requests.Closing(
            self.table, of, opening.holder, "succeeded", now + 500, ttl=self._ttl, result='"done"', alone=True
        )
        _ask(store, run_requests.settle(closing, "token"))

    @property
    def _ttl(self) -> int:
        return self._now // 1000 + 35 * 86_400

    def update(self) -> float:
        """Write one row as a handler does. Return the duration in seconds."""
        started = time.perf_counter()
        self._dynamodb.update_item(
            TableName=self.table,
            Key=plan_key(KEYED, f"{LISTED}0"),
            UpdateExpression="SET asked = asked",
        )
        return time.perf_counter() - started

    @contextmanager
    def reader(self) -> Iterator[None]:
        """Read all runs of the cron job repeatedly, page by page, in a thread."""
        client, ended = self._cloud.client("dynamodb"), threading.Event()

        def read() -> None:
            start: Any = None
            while not ended.is_set():
                call = listings.query_runs(self.table, CRON, first="", last="~", start=start)
                start = client.query(**call.parameters).get("LastEvaluatedKey")

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _fail(run: Run) -> None:
    raise RuntimeError("no such file")


def _ask(store: Store, call: Call) -> None:
    answer = store(call.operation, call.parameters)
    assert "Error" not in answer, answer


def seconds(arguments: Sequence[str], project: Path, cloud: LocalCloud) -> float:
    """Run a command as a whole process. Return the duration in seconds."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cronstack_infra.cli", *arguments],
        cwd=project,
        env=pointed_at(cloud.endpoint, os.environ),
        check=True,
        timeout=600,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def measured(ledger: Ledger, rounds: int, project: Path, cloud: LocalCloud) -> list[float]:
    """Return medians: of each command, then of an update without and with a concurrent reader."""
    for arguments in COMMANDS.values():
        seconds(arguments, project, cloud)  # byte-compiles
    columns = zip(
        *([seconds(arguments, project, cloud) for arguments in COMMANDS.values()] for _ in range(rounds)), strict=True
    )
    medians = [median(column) for column in columns]
    medians.append(median(ledger.update() for _ in range(40)))
    with ledger.reader():
        medians.append(median(ledger.update() for _ in range(40)))
    return medians


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with tempfile.TemporaryDirectory() as folder, LocalCloud.start() as cloud:
        deployer: Deployer = user_project(Path(folder) / STACK, STACK, cloud)
        deployer.bootstrap()
        deployer.deploy()
        ledger, columns = Ledger(cloud), []
        for size in (FEW, rows):
            started = time.perf_counter()
            ledger.fill(size)
            print(f"{size:,} rows written in {time.perf_counter() - started:.0f} s", file=sys.stderr)
            columns.append(measured(ledger, rounds, deployer.root, cloud))
    print(f"{'median of ' + str(rounds):32}{FEW:>10,} rows{rows:>10,} rows{'ratio':>8}")
    names = [*COMMANDS, "one update", "one update during reads"]
    ratios = [many / few for few, many in zip(*columns, strict=True)]
    for name, few, many, ratio in zip(names, *columns, ratios, strict=True):
        print(f"{name:32}{few * 1000:>12.0f} ms{many * 1000:>12.0f} ms{ratio:>8.2f}")
    return int(max(ratios[: len(COMMANDS)]) > GOAL)


if __name__ == "__main__":
    sys.exit(main())
