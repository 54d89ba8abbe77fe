"""The fast store returns the same as moto for the ledger's listings: partitions, lists of the index, and batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from moto import mock_aws

from cronstack.ledger import listings, plan_requests
from cronstack.ledger.partitions import plan_key, plan_partition, plan_partitions
from cronstack.ledger.rows import PlanItem
from cronstack.steps import Call
from cronstack_infra.play.store.store import Store
from tests.cronstack.stage import NOON, TABLE, Stage

KEYS = [f"order-{number:02}" for number in range(48)]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Store, Any]]:
    """Yield the transports of the store and of moto, with the same plans."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        fast, stage = Store(TABLE, lambda: NOON), Stage()
        for number, key in enumerate(KEYS):
            plan = PlanItem("planned", key, NOON + (number * 7 % 48) * 1000, number + 1, event="{}")
            call = plan_requests.write(TABLE, "stats", plan, None, ttl=NOON)
            assert "Error" not in fast(*call)
            assert "Error" not in stage.transport(*call)
        yield fast, stage.transport


def listed_by(transport: Any, query_from: Any) -> list[Mapping[str, Any]]:
    """Return the items of all pages of a query."""
    items: list[Mapping[str, Any]] = []
    start = None
    while True:
        response = transport(*query_from(start))
        assert response["Count"] == response["ScannedCount"] == len(response["Items"])
        items += response["Items"]
        start = response.get("LastEvaluatedKey")
        if not start:
            return items


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 2, None])
@pytest.mark.parametrize("bounds", [{}, {"first": NOON + 5000}, {"first": NOON + 3000, "last": NOON + 30_000}])
def test_lists_of_the_index(both: tuple[Store, Any], newest_first: bool, limit: int, bounds: Any) -> None:
    shown = 0
    for listed in plan_partitions("stats"):

        def query_from(start: Any, listed: str = listed) -> Call:
            return listings.query_due(TABLE, listed, newest_first=newest_first, limit=limit, start=start, **bounds)

        fast, moto = (listed_by(transport, query_from) for transport in both)
        assert fast == moto
        assert all(item.keys() == {"pk", "sk", "listed", "due"} for item in fast)
        shown += len(fast)
    assert shown == (48 if not bounds else 43 if len(bounds) == 1 else 28)


@pytest.mark.parametrize("prefix", ["", "order-1", "order-9"])
def test_partitions_by_key(both: tuple[Store, Any], prefix: str) -> None:
    for partition in plan_partitions("stats"):

        def query_from(start: Any, partition: str = partition) -> Call:
            return listings.query_keys(TABLE, partition, prefix=prefix, start=start, limit=2)

        fast, moto = (listed_by(transport, query_from) for transport in both)
        assert fast == moto


def test_batches(both: tuple[Store, Any]) -> None:
    call = listings.batch_get(TABLE, [plan_key("stats", key) for key in (*KEYS[:3], "unknown")])
    fast, moto = ({item["sk"]["S"]: item for item in transport(*call)["Responses"][TABLE]} for transport in both)
    assert fast == moto
    assert fast.keys() == {*KEYS[:3]}


def test_a_batch_with_too_many_or_duplicate_keys_is_refused(both: tuple[Store, Any]) -> None:
    for keys in ([plan_key("stats", f"{number}") for number in range(101)], [plan_key("stats", "a")] * 2):
        for transport in both:
            assert transport(*listings.batch_get(TABLE, keys))["Error"]["Code"] == "ValidationException"
    assert plan_partition("stats", "a") in plan_partitions("stats")
