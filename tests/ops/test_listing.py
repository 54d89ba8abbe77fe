"""Listings of runs: by status and time, of keys with and without a run, and with an outdated index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cronstack import once as declared_by_code
from cronstack.ledger.items import encode
from cronstack.ledger.partitions import INDEX, open_list, plan_partition
from cronstack.occurrence import planned_id, to_milliseconds
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.listing import list_planned, list_recent, list_runs
from cronstack_infra.ops.runs import RunRow, find_key
from tests.cronstack.stage import NOON, TABLE, key_of
from tests.ops.shop import Shop

HOUR = timedelta(hours=1)
MINUTE = 60_000


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shop.deploy(lambda run: None, schedule=declared_by_code())
    return shop


def listed(shop: Shop, client: Any = None, **options: Any) -> list[RunRow]:
    known: dict[str, Any] = {"now": shop.now, "most": 20} | options
    return list_runs(client or shop.stage.dynamodb, shop.deployment, ["stats"], **known)


def planned(shop: Shop, client: Any = None, **options: Any) -> list[RunRow]:
    known: dict[str, Any] = {"now": shop.now, "most": 20, "since": None} | options
    return list_planned(client or shop.stage.dynamodb, shop.deployment, ["stats"], **known)


def run(shop: Shop, occurrence: str, status: str, **attributes: Any) -> None:
    shop.stage.change(f"run#{occurrence}", status=status, **{"due": NOON, "attempt": 1, "limit": 3, **attributes})


# -- keys --------------------------------------------------------------------------------------------------------------
def test_a_key_is_listed_by_its_run_and_before_that_by_its_plan(shop: Shop) -> None:
    for number in range(1, 5):
        shop.once().schedule("stats", key=f"order-{number}", after=HOUR)
    shop.stage.now += 3_600_000
    for number, status in ((2, "begun"), (3, "begun"), (4, "cancelled")):
        shop.stage.change(f"plan#order-{number}", status=status, begun=shop.stage.now)
    run(shop, planned_id("order-3"), "succeeded", due=shop.stage.now, key="order-3")
    rows = {row.key: (row.status, row.reason, row.overdue) for row in listed(shop)}
    assert rows == {
        "order-1": ("planned", "", False),
        "order-2": ("begun", "its run is not written yet", False),
        "order-3": ("succeeded", "", False),
        "order-4": ("cancelled", "", False),
    }
    assert [row.key for row in listed(shop, status="begun")] == ["order-2"]
    assert [row.key for row in listed(shop, status="cancelled")] == ["order-4"]
    shop.stage.now += 36 * 86_400_000
    rows = {row.key: (row.status, row.reason, row.overdue) for row in listed(shop)}
    assert rows["order-1"] == ("planned", "", True)
    assert rows["order-2"] == ("begun", "its run is no longer stored", False)


def test_a_key_is_found_without_a_list(shop: Shop) -> None:
    def status_of(key: str) -> str | None:
        row = find_key(shop.stage.dynamodb, shop.deployment, "stats", key, shop.now)
        return None if row is None else row.status

    shop.once().schedule("stats", key="order-1", after=HOUR)
    assert (status_of("order-1"), status_of("order-2")) == ("planned", None)
    run(shop, planned_id("order-1"), "running", key="order-1")
    assert status_of("order-1") == "running"


def test_cancelled_plans_do_not_hide_the_next_ones(shop: Shop) -> None:
    once = shop.once()
    for number in range(1, 41):
        once.schedule("stats", key=f"order-{number:02}", after=number * HOUR)
        if number < 38:
            once.cancel("stats", f"order-{number:02}")
    rows, following = list_recent(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=2, since=None)
    assert [row.key for row in rows] == ["order-39", "order-38"]
    assert following is not None
    assert following.key == "order-40"
    assert [row.key for row in planned(shop)] == ["order-38", "order-39", "order-40"]


def test_a_plan_that_is_long_overdue_is_listed_since_its_time(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 2 * 3_600_000
    assert planned(shop) == []
    (row,) = planned(shop, since=shop.ago(hours=3))
    assert (row.key, row.overdue) == ("order-1", True)


# -- statuses and times ------------------------------------------------------------------------------------------------
def test_open_runs_are_listed_newest_first_with_keys_and_without(shop: Shop) -> None:
    for number, occurrence in enumerate(("t-2026-01-01T12:00:00Z", planned_id("a"), planned_id("b"))):
        run(shop, occurrence, "dead", due=NOON + number, listed=open_list("stats", occurrence))
    waits = planned_id("c")
    run(shop, waits, "retrying", listed=open_list("stats", waits))
    assert [row.occurrence for row in listed(shop, status="dead")] == [
        planned_id("b"),
        planned_id("a"),
        "t-2026-01-01T12:00:00Z",
    ]
    assert [row.occurrence for row in listed(shop, status="dead", most=1)] == [planned_id("b")]
    assert listed(shop, status="dead", since=shop.now + HOUR) == []
    assert [row.occurrence for row in listed(shop, status="retrying")] == [waits]


def test_a_run_that_has_ended_since_is_not_listed_as_open(shop: Shop) -> None:
    run(shop, planned_id("a"), "succeeded", listed=open_list("stats", planned_id("a")))
    assert listed(shop, status="retrying") == []


def test_a_plan_in_the_list_of_open_runs_is_not_listed_as_a_run(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    shop.stage.change("plan#order-1", status="dead", listed="open#job#stats")
    assert listed(shop, status="dead") == []


def test_runs_of_a_job_without_a_lease_run_in_parallel(shop: Shop) -> None:
    for hour, status in enumerate(("running", "succeeded", "running", "running")):
        due = NOON - 2 * hour * 60 * MINUTE
        run(shop, f"t-2026-01-01T{12 - 2 * hour:02}:00:00Z", status, due=due, fence=due, expires=NOON + MINUTE)
    running = listed(shop, status="running")
    assert [row.due.hour for row in running] == [12, 8, 6]
    assert [row.due.hour for row in listed(shop, status="running", since=shop.ago(hours=5))] == [12, 8]


def test_the_holder_of_the_lease_is_listed_however_long_ago_it_was_due(shop: Shop) -> None:
    old = "t-2025-12-20T12:00:00Z"
    run(shop, old, "running", due=NOON - 12 * 24 * 60 * MINUTE, fence=NOON, expires=NOON + MINUTE)
    run(shop, "t-2026-01-01T11:00:00Z", "succeeded", due=NOON - 60 * MINUTE, fence=NOON - 60 * MINUTE)
    shop.stage.change("lease", holder="h", occurrence=old, fence=NOON, expires=NOON + MINUTE)
    assert [row.occurrence for row in listed(shop, status="running")] == [old]


def test_since_bounds_every_kind_of_run(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    shop.once().schedule("stats", key="order-2", after=3 * HOUR)
    for hour in (9, 11):
        run(shop, f"t-2026-01-01T{hour:02}:00:00Z", "succeeded", due=NOON - (12 - hour) * 60 * MINUTE)
    run(shop, "m-01KDWABCDEFGHJKMNPQRSTVWXX", "succeeded", due=NOON - 180 * MINUTE)
    run(shop, "m-01KDWABCDEFGHJKMNPQRSTVWXY", "succeeded", due=NOON - 60 * MINUTE)
    shop.stage.now += 2 * 3_600_000
    since = shop.ago(hours=4)
    expected = ["order-2", "order-1", "m-01KDWABCDEFGHJKMNPQRSTVWXY", "t-2026-01-01T11:00:00Z"]
    assert [row.key or row.occurrence for row in listed(shop, since=since)] == expected
    recent = list_recent(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=20, since=since)
    assert [row.key or row.occurrence for row in recent.rows] == expected


# -- an outdated index -------------------------------------------------------------------------------------------------
class Outdated:
    """A client whose index has old entries, in addition to the current entries or instead of them."""

    def __init__(self, client: Any, *, both: bool) -> None:
        self._client, self._both = client, both
        self._old = client.scan(TableName=TABLE, IndexName=INDEX)["Items"]

    def query(self, **request: Any) -> Any:
        answer = self._client.query(**request)
        if "IndexName" not in request:
            return answer
        values = request["ExpressionAttributeValues"]
        partition, first = values[":listed"]["S"], int(values[":first"]["N"])
        last = int(values.get(":last", {"N": str(10**15)})["N"])
        old = [
            entry for entry in self._old if entry["pk"]["S"] == partition and first <= int(entry["due"]["N"]) <= last
        ]
        items = sorted([*old, *(answer["Items"] if self._both else [])], key=lambda item: int(item["due"]["N"]))
        return {"Items": items if request["ScanIndexForward"] else items[::-1]}

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._client, operation)
        return call


@pytest.mark.parametrize("both", [True, False])
def test_the_row_of_an_old_entry_is_shown_with_its_current_values(shop: Shop, both: bool) -> None:
    once = shop.once()
    for number in range(1, 6):
        once.schedule("stats", key=f"order-{number}", after=number * HOUR)
    outdated = Outdated(shop.stage.dynamodb, both=both)
    shop.stage.now += 1000
    once.move("stats", "order-1", after=4.5 * HOUR)
    once.move("stats", "order-5", after=1.5 * HOUR)
    once.cancel("stats", "order-2")
    shop.stage.delete("plan#order-3")
    assert [row.key for row in planned(shop, outdated)] == ["order-5", "order-4", "order-1"]
    if both:  # the row of an old entry waits until its new time comes
        assert [row.key for row in planned(shop, outdated, most=2)] == ["order-5", "order-4"]
    keys = [row.key for row in listed(shop, outdated)]
    assert keys == ["order-1", "order-4", "order-2", "order-5"]
    due = {row.key: (row.due - shop.now) / HOUR for row in listed(shop, outdated)}
    assert (due["order-1"], due["order-5"]) == (4.5, 1.5)


def test_a_plan_in_the_list_of_another_partition_is_not_listed(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    other = next(f"plan#stats#{digit}" for digit in "01" if f"plan#stats#{digit}" != plan_partition("stats", "order-1"))
    shop.stage.change("plan#order-1", listed=other)
    assert planned(shop) == []


# -- batches -----------------------------------------------------------------------------------------------------------
def test_unprocessed_rows_are_requested_again() -> None:
    """DynamoDB may return a part of a batch, and none of it while it throttles."""
    rows = [key_of(f"plan#{number}") | {"due": encode(number)} for number in range(5)]
    slept: list[float] = []

    class Throttled:
        """A client that returns nothing for every odd request, and two rows for every even request."""

        requests = 0

        def batch_get_item(self, *, RequestItems: Any) -> Any:
            self.requests += 1
            keys = RequestItems[TABLE]["Keys"]
            part = 2 if self.requests % 2 == 0 else 0
            part_of_rows = [row for row in rows if {"pk": row["pk"], "sk": row["sk"]} in keys[:part]]
            rest = keys[part:]
            return {"Responses": {TABLE: part_of_rows}, "UnprocessedKeys": {TABLE: {"Keys": rest}} if rest else {}}

    items = Reader(Throttled(), TABLE, sleep=slept.append).items(key_of(f"plan#{number}") for number in range(5))
    assert sorted(item["sk"]["S"] for item in items.values()) == ["0", "1", "2", "3", "4"]
    assert slept == [0.05, 0.1, 0.2]


def test_progress_counts_the_rows_that_were_read(shop: Shop) -> None:
    for hour in range(30):
        run(shop, f"t-2026-01-01T{hour:02}:00:00Z", "succeeded", due=NOON + hour)
    seen: list[int] = []
    listed(shop, status="skipped", seen=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 30
    assert to_milliseconds(shop.now) == NOON
