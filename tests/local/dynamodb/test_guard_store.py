"""One contract for every store of the guard, and random requests with equal results on two of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from cronstack.ledger import claim_requests, items, run_requests
from cronstack.steps import Call, Fault
from cronstack_infra.local.dynamodb import conditions, numbers, transactions
from cronstack_infra.local.moto.patch import apply, unpatch
from cronstack_infra.local.moto.surroundings import PatchParameters
from cronstack_infra.play.store.store import Store
from tests.contract import dynamodb_local, guard_open_attempts
from tests.contract.guard_store import (
    CASES,
    HOLDERS,
    NOON,
    GuardStore,
    closing,
    due,
    opening,
    over,
    run_key,
    settle_alone,
)

NAMES = (f"guard-{number}" for number in itertools.count())
CLOCK = datetime(2026, 3, 1, tzinfo=UTC)


def fast() -> GuardStore:
    return GuardStore("ledger", Store("ledger", lambda: NOON))


def table_of(client: Any) -> GuardStore:
    name = next(NAMES)
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return GuardStore(name, over(lambda service: client))


@pytest.fixture(scope="module")
def moto_client() -> Iterator[Any]:
    apply((*conditions.PATCHES, *transactions.PATCHES, *numbers.PATCHES), PatchParameters(now=lambda: CLOCK))
    try:
        with mock_aws():
            yield boto3.client("dynamodb", region_name="us-east-1")
    finally:
        unpatch()


@pytest.fixture(scope="module")
def outside() -> Iterator[Any]:
    with dynamodb_local.running() as make:
        if make is None:
            pytest.skip(f"{dynamodb_local.JAR} does not name a jar")
        yield make()


@pytest.fixture(params=["fast", "moto in process", "local cloud over HTTP", "DynamoDB Local"])
def store(request: pytest.FixtureRequest) -> GuardStore:
    match request.param:
        case "fast":
            return fast()
        case "moto in process":
            return table_of(request.getfixturevalue("moto_client"))
        case "DynamoDB Local":
            return table_of(request.getfixturevalue("outside"))
    return table_of(request.getfixturevalue("local_cloud").client("dynamodb"))


@pytest.mark.parametrize("case", [*CASES, *guard_open_attempts.CASES], ids=lambda case: case.__name__)
def test_contract(case: Callable[[GuardStore], None], store: GuardStore) -> None:
    case(store)


# -- random requests ---------------------------------------------------------------------------------------------------
class RandomRequest:
    """A random request, built for a table from its current items."""

    def __init__(self, kind: str, number: int, holder: int, fence: int, token: int, stale: bool) -> None:
        self.kind, self.number, self.holder, self.fence = kind, number, holder, fence
        self.token, self.stale = f"token-{token}", stale

    def __repr__(self) -> str:
        return f"{self.kind}({self.number}, {self.holder}, {self.fence}, {self.token}, stale={self.stale})"

    def build(self, store: GuardStore) -> Call:
        start = opening(store, self.number, self.holder, self.fence)
        run = None if self.stale else items.read_run(store.item(run_key(self.number)))
        lease = items.read_lease(store.item("lease"))
        match self.kind:
            case "claim":
                return claim_requests.claim(start, run, store.token(self.token))
            case "take over":
                return claim_requests.take_over(
                    start, run, lease._replace(holder=lease.holder or "x"), store.token(self.token), mark_crashed=True
                )
            case "claim alone":
                return claim_requests.claim_without_lease(start, run, NOON + self.fence + 65_000)
            case "skip":
                return run_requests.skip(closing(store, "skipped", self.number, self.holder, "overlap"), by="x")
            case "claim dead" if run is not None:
                return run_requests.claim_letter(store.table, "stats", run, HOLDERS[self.holder], NOON + self.fence)
            case "buffer":
                end = closing(store, "buffered", self.number, self.holder)
                stale = due(1 - self.number).id if self.stale else None
                return run_requests.buffer(end, "{}", lease.holder or "x", stale, store.token(self.token))
            case "claim from the slot":
                return claim_requests.claim(start, run, store.token(self.token), slot=start.occurrence.id)
            case "miss":
                end = closing(store, "missed", self.number, self.holder, "too_late")._replace(expires=NOON)
                return run_requests.miss_buffered(end, store.token(self.token), in_slot=not self.stale)
            case "extend":
                renewal = run_requests.Renewal(
                    start.table, start.occurrence, start.holder, start.expires, alone=self.stale
                )
                return run_requests.extend(renewal, store.token(self.token))
            case "save":
                return run_requests.save(store.table, "stats", start.occurrence.id, start.holder, "1", self.fence)
            case "commit":
                end = closing(store, "succeeded", self.number, self.holder)
                writes = (guard_open_attempts.count(store),)
                return run_requests.settle(end._replace(writes=writes), store.token(self.token))
            case "reported":
                return run_requests.reported(store.table, "stats", due(self.number).id, HOLDERS[self.holder], NOON)
            case "succeeded" | "retrying" | "dead":
                return run_requests.settle(closing(store, self.kind, self.number, self.holder), store.token(self.token))
            case "settle alone":
                return settle_alone(closing(store, "dead", self.number, self.holder))
        return run_requests.get_run(store.table, "stats", due(self.number).id)


OPENING = ("claim", "take over", "claim alone", "claim from the slot")
DURING = ("buffer", "miss", "extend", "save", "skip")
CLOSING = ("succeeded", "retrying", "dead", "commit", "claim dead", "reported")
REQUESTS = st.lists(
    st.builds(
        RandomRequest,
        st.sampled_from((*OPENING, *DURING, *CLOSING, "settle alone", "read")),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(8, 12),
        st.integers(0, 6),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REQUESTS)
def test_the_fast_store_equals_moto(moto_client: Any, requests: list[RandomRequest]) -> None:
    stores = (fast(), table_of(moto_client))
    for random_request in requests:
        answers = [store.ask(random_request.build(store)) for store in stores]
        ours, motos = ((answer.code if isinstance(answer, Fault) else answer) for answer in answers)
        assert ours == motos, random_request
        for key in ("lease", run_key(0), run_key(1)):
            assert stores[0].item(key) == stores[1].item(key), (random_request, key)
