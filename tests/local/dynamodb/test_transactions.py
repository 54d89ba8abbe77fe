"""The contract of DynamoDB transactions for moto in process and for the local cloud over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.moto.patch import apply, unpatch
from cronstack_infra.local.moto.surroundings import PatchParameters
from tests.contract.dynamodb_conditions import CONDITIONS, condition_is_judged
from tests.contract.dynamodb_transactions import (
    CASES,
    N,
    Store,
    code,
    key,
    one_of_many_wins,
    put,
    read,
    transact,
    update,
)
from tests.local.dynamodb.patched import PATCHES

NAMES = (f"table-{number}" for number in itertools.count())


class Clock:
    """A clock that only the test advances."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def fresh(client: Any, another_client: Callable[[], Any]) -> Store:
    name = next(NAMES)
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return Store(name, client, another_client)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def in_process(clock: Clock) -> Iterator[Callable[[], Any]]:
    apply(PATCHES, PatchParameters(now=clock))
    try:
        with mock_aws():
            yield lambda: boto3.client("dynamodb", region_name="us-east-1")
    finally:
        unpatch()


@pytest.fixture(scope="module", params=["in process", "over HTTP"])
def clients(request: pytest.FixtureRequest) -> Callable[[], Any]:
    if request.param == "in process":
        factory: Callable[[], Any] = request.getfixturevalue("in_process")
        return factory
    cloud = request.getfixturevalue("local_cloud")
    return lambda: cloud.client("dynamodb")


@pytest.fixture(scope="module")
def shared_client(clients: Callable[[], Any]) -> Any:
    return clients()


@pytest.fixture
def store(clients: Callable[[], Any], shared_client: Any) -> Store:
    return fresh(shared_client, clients)


@pytest.fixture(scope="module")
def shared_store(clients: Callable[[], Any], shared_client: Any) -> Store:
    return fresh(shared_client, clients)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_contract(case: Callable[[Store], None], store: Store) -> None:
    case(store)


@pytest.mark.parametrize(("condition", "values", "holds"), CONDITIONS)
def test_condition(condition: str, values: dict[str, Any], holds: bool, shared_store: Store) -> None:
    condition_is_judged(shared_store, condition, values, holds)


def test_one_of_twelve_threads_wins_each_round(local_cloud: LocalCloud) -> None:
    """Over HTTP only: in process, the caller of moto must take the lock."""
    store = fresh(local_cloud.client("dynamodb"), lambda: local_cloud.client("dynamodb"))
    one_of_many_wins(store, threads=12, rounds=30)


def test_a_token_expires_after_ten_minutes(in_process: Callable[[], Any], clock: Clock) -> None:
    store = fresh(in_process(), in_process)
    put(store, "counter", n=N("0"))
    add, other = (update(store, "counter", "ADD n :step", step=N(step)) for step in ("1", "5"))
    assert transact(store, add, token="t") is None
    clock.now += timedelta(minutes=9, seconds=59)
    assert code(transact(store, other, token="t")) == "IdempotentParameterMismatchException"
    clock.now += timedelta(seconds=1)
    assert transact(store, other, token="t") is None
    assert read(store, "counter") == {"n": N("6")}


def test_only_changed_items_are_copied(in_process: Callable[[], Any]) -> None:
    """The other items remain the same objects. Unpatched moto replaces the whole table by a copy."""
    from moto.dynamodb.models import dynamodb_backends

    store = fresh(in_process(), in_process)
    put(store, "bystander", n=N("1"))
    put(store, "changed", n=N("1"))
    table = dynamodb_backends["123456789012"]["us-east-1"].tables[store.table]

    def bystander() -> Any:
        return next(
            item for items in table.items.values() for item in items.values() if item.attrs["sk"].value == "bystander"
        )

    before = bystander()
    error = transact(
        store,
        update(store, "changed", "ADD n :one", one=N("1")),
        {"Delete": {"TableName": store.table, "Key": key("x"), "ConditionExpression": "attribute_exists(pk)"}},
    )
    assert error is not None
    assert transact(store, update(store, "changed", "ADD n :one", one=N("1"))) is None
    assert bystander() is before
    assert dynamodb_backends["123456789012"]["us-east-1"].tables[store.table] is table
