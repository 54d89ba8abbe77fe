"""Counts of what operators' commands read: requests, rows, and entries of the index. Rows that are not shown count too.

The ledger has one run of a schedule a minute, and as many keys: half have run, half are planned. One run in forty
is dead, and one retries. The tests run with 100 and with 2,000 keys under the same bounds. With 2,000 keys, when all
rows of a job were in one partition (before), and with separate partitions and an index (after):

    command                      shows   before: requests, rows   after: requests, rows, entries of keys only
    runs -n 20                      20          3      4,000            38      43      128
    runs JOB --status dead          20          3      4,000            22      42       73
    runs JOB --status planned       20          3      4,000            24      42       96
    runs JOB --status running        2          3      4,000            46     190      181
    runs JOB --key K                 1          -          -             1       1
    once list --prefix P            10          1      2,000            17      15
    once show JOB K                  1          1          1             2       2
    backfill of 40 minutes          40          1         41             1      41

A request of "before" reads up to a megabyte: some 1,000 rows on AWS, where rows are larger than here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from moto import mock_aws

from cronstack import once as declared_by_code
from cronstack.event import planned_event
from cronstack.ledger.items import encode
from cronstack.ledger.partitions import lease_key, open_list, plan_key, plan_partition, run_key
from cronstack.ledger.rows import OPEN
from cronstack.occurrence import planned_id, scheduled_id, to_datetime
from cronstack.onetime.once import Once
from cronstack_infra.ops.listing import list_planned, list_recent, list_runs
from cronstack_infra.ops.onetime import find_key, list_keys
from cronstack_infra.ops.runs import find_key as find_run_of_key
from cronstack_infra.ops.runs import runs_between
from tests.cronstack.stage import NOON, TABLE, Stage
from tests.ops.shop import Shop

MINUTE = 60_000
NOW = to_datetime(NOON)
METHODS = {"Query": "query", "GetItem": "get_item"}
RUNNING = -1
"""Number that marks a run that has not ended."""
TRIGGERED = "m-01KDWABCDEFGHJKMNPQRSTVWXY"
"""The occurrence that holds the lease."""


class Read(NamedTuple):
    requests: int
    rows: int
    entries: int = 0
    """Entries of the index: keys only, some 100 bytes each."""


class Counted:
    """A client of DynamoDB that counts what it reads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.read = Read(0, 0)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            answer = getattr(self._client, operation)(**parameters)
            rows = entries = 0
            if operation == "query":
                rows = answer["ScannedCount"]
            elif operation == "batch_get_item":
                rows = sum(map(len, answer["Responses"].values()))
            elif operation == "get_item":
                rows = int("Item" in answer)
            if "IndexName" in parameters:
                rows, entries = 0, rows
            self.read = Read(*(a + b for a, b in zip(self.read, (1, rows, entries), strict=True)))
            return answer

        return call


class Ledger:
    """The shop with a full ledger, and the number of its keys."""

    def __init__(self, keys: int) -> None:
        self.keys = keys
        self.shop = Shop(Stage())
        self.shop.deploy(lambda run: None, schedule=declared_by_code())
        self._rows: list[dict[str, Any]] = []
        self._put(lease_key("stats"), {"holder": "h", "occurrence": TRIGGERED, "fence": NOON, "expires": NOON + MINUTE})
        self._run(TRIGGERED, NOON, RUNNING)
        for number in range(keys):
            self._scheduled(number)
            self._keyed(number)
        for start in range(0, len(self._rows), 25):
            puts = [{"PutRequest": {"Item": row}} for row in self._rows[start : start + 25]]
            self.shop.stage.dynamodb.batch_write_item(RequestItems={TABLE: puts})

    def _scheduled(self, number: int) -> None:
        due = NOON - number * MINUTE
        self._run(scheduled_id(due), due, number)

    def _keyed(self, number: int) -> None:
        key, ahead = f"order-{number:05}", number % 2 == 1
        due = NOON + (number + 1 if ahead else -number) * MINUTE
        status = "planned" if ahead else "begun"
        event = planned_event("stats", key, 7, due=due, input={})
        fields = {"status": status, "due": due, "revision": 7, "event": event, "asked": "", "begun": due}
        self._put(plan_key("stats", key), fields | {"listed": plan_partition("stats", key)})
        if not ahead:
            self._run(planned_id(key), due, RUNNING if number == 4 else number // 2, key=key)

    def _run(self, occurrence: str, due: int, number: int, **more: Any) -> None:
        status = "running" if number == RUNNING else {0: "dead", 20: "retrying"}.get(number % 40, "succeeded")
        fields: dict[str, Any] = {"status": status, "due": due, "attempt": 1, "limit": 3, "started": due, "ended": due}
        fields["fence"] = due
        if status in OPEN:
            fields["listed"] = open_list("stats", occurrence)
        self._put(run_key("stats", occurrence), fields | more)

    def _put(self, key: dict[str, Any], fields: dict[str, Any]) -> None:
        self._rows.append(key | {name: encode(value) for name, value in fields.items()})


@pytest.fixture(scope="module", params=[100, 2000], ids=lambda keys: f"{keys} keys")
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield Ledger(request.param)


@pytest.fixture
def dynamodb(ledger: Ledger) -> Counted:
    return Counted(ledger.shop.stage.dynamodb)


def once_over(ledger: Ledger, dynamodb: Counted) -> Once:
    return ledger.shop.once_through(lambda operation, given, timeout: getattr(dynamodb, METHODS[operation])(**given))


def within(read: Read, most: Read) -> bool:
    print(read)
    return all(count <= limit for count, limit in zip(read, most, strict=True))


def test_the_newest_runs(ledger: Ledger, dynamodb: Counted) -> None:
    rows, following = list_recent(dynamodb, ledger.shop.deployment, ["stats"], now=NOW, most=20, since=None)
    assert [row.status for row in rows[:5]] == ["planned"] * 5
    assert len(rows) == 20
    assert following is not None
    assert within(dynamodb.read, Read(45, 45, 170))


def test_runs_by_a_status_in_the_index(ledger: Ledger, dynamodb: Counted) -> None:
    rows = list_runs(dynamodb, ledger.shop.deployment, ["stats"], status="dead", now=NOW, most=20, since=None)
    assert {row.status for row in rows} == {"dead"}
    assert len(rows) == min(20, ledger.keys // 40 + ledger.keys // 80 + 2)
    assert within(dynamodb.read, Read(25, 45, 90))


def test_running_runs(ledger: Ledger, dynamodb: Counted) -> None:
    """The holder of the lease is read at once. Keys run without a lease, so those of the last six hours are read."""
    rows = list_runs(dynamodb, ledger.shop.deployment, ["stats"], status="running", now=NOW, most=20, since=None)
    assert [row.key or row.occurrence for row in rows] == [TRIGGERED, "order-00004"]
    recent = min(ledger.keys // 2, 181)
    assert within(dynamodb.read, Read(60, recent + 10, recent))


def test_plans(ledger: Ledger, dynamodb: Counted) -> None:
    rows = list_planned(dynamodb, ledger.shop.deployment, ["stats"], now=NOW, most=20, since=None)
    assert [row.key for row in rows] == [f"order-{number:05}" for number in range(1, 40, 2)]
    assert within(dynamodb.read, Read(35, 45, 110))


def test_one_key(ledger: Ledger, dynamodb: Counted) -> None:
    row = find_run_of_key(dynamodb, ledger.shop.deployment, "stats", "order-00000", NOW)
    assert row is not None
    assert (row.status, dynamodb.read) == ("dead", Read(1, 1))


def test_a_key_with_its_plan(ledger: Ledger, dynamodb: Counted) -> None:
    key = find_key(dynamodb, ledger.shop.deployment, once_over(ledger, dynamodb), "stats", "order-00000", NOW)
    assert (key.plan.status, key.status, dynamodb.read) == ("begun", "dead", Read(2, 2))


def test_keys_by_prefix(ledger: Ledger, dynamodb: Counted) -> None:
    arguments = (dynamodb, ledger.shop.deployment, once_over(ledger, dynamodb), ["stats"])
    keys = list(list_keys(*arguments, now=NOW, prefix="order-0002"))
    assert sorted(key.status for key in keys) == ["planned"] * 5 + ["succeeded"] * 5
    assert within(dynamodb.read, Read(17, 15))


def test_keys_by_a_status_in_the_index(ledger: Ledger, dynamodb: Counted) -> None:
    arguments = (dynamodb, ledger.shop.deployment, once_over(ledger, dynamodb), ["stats"])
    keys = list(list_keys(*arguments, now=NOW, status="dead"))
    dead = -(-ledger.keys // 80)
    assert len(keys) == dead
    # The run and the plan of each key are read. The same lists have the retrying runs.
    assert within(dynamodb.read, Read(30, 3 * dead, 2 * dead))


def test_a_span_for_a_backfill(ledger: Ledger, dynamodb: Counted) -> None:
    rows = runs_between(dynamodb, ledger.shop.deployment, "stats", NOW - timedelta(minutes=40), NOW, NOW)
    assert len(rows) == 40
    assert within(dynamodb.read, Read(1, 41))
