"""The contract of DynamoDB's numbers for moto in process, the local cloud and the virtual cloud."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from cronstack_infra.local.dynamodb.canonical import canonical_number
from cronstack_infra.local.moto.patch import apply, unpatch
from cronstack_infra.local.moto.surroundings import PatchParameters
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.contract.dynamodb_numbers import (
    CASES,
    PRINTED,
    REFUSED,
    N,
    Store,
    number_is_printed,
    number_is_refused,
    refusal,
)
from tests.local.dynamodb.patched import PATCHES

START = datetime(2026, 3, 1, tzinfo=UTC)

NAMES = (f"numbers-{number}" for number in itertools.count())


@pytest.fixture
def in_process() -> Iterator[Any]:
    apply(PATCHES, PatchParameters(now=lambda: START))
    try:
        with mock_aws():
            yield boto3.client("dynamodb", region_name="us-east-1")
    finally:
        unpatch()


@pytest.fixture
def virtual() -> Iterator[Any]:
    with VirtualCloud(START) as cloud:
        yield cloud.client("dynamodb")


@pytest.fixture
def over_http(local_cloud: Any) -> Any:
    return local_cloud.client("dynamodb")


@pytest.fixture(params=["in_process", "over_http", "virtual"])
def store(request: pytest.FixtureRequest) -> Store:
    client = request.getfixturevalue(request.param)
    table = next(NAMES)
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return Store(table, client, lambda: client)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_contract(case: Callable[[Store], None], store: Store) -> None:
    case(store)


def test_numbers_are_returned_as_dynamodb_prints_them(store: Store) -> None:
    for text, printed in PRINTED:
        number_is_printed(store, text, printed)


def test_invalid_numbers_are_refused(store: Store) -> None:
    for text, message in REFUSED:
        number_is_refused(store, text, message)


def test_equal_numbers_in_a_key_are_one_item(in_process: Any) -> None:
    in_process.create_table(
        TableName="by-number",
        KeySchema=[{"AttributeName": "n", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for text in ("1.0", "1e0", "01"):
        in_process.put_item(TableName="by-number", Item={"n": N(text)})
    assert in_process.get_item(TableName="by-number", Key={"n": N("1.00")})["Item"] == {"n": N("1")}
    in_process.put_item(TableName="by-number", Item={"n": N("2.50")})
    first = in_process.scan(TableName="by-number", Limit=1)
    assert first["LastEvaluatedKey"] == {"n": N("1")}
    rest = in_process.scan(TableName="by-number", ExclusiveStartKey={"n": N("1.0")})
    assert rest["Items"] == [{"n": N("2.5")}]


def test_the_ledger_of_a_virtual_cloud_returns_numbers_as_dynamodb_prints_them() -> None:
    with VirtualCloud(START) as cloud:
        cloud.ledgers.add("ledger")
        client, key = cloud.client("dynamodb"), {"pk": {"S": "a"}, "sk": {"S": "b"}}

        def write(number: str) -> None:
            client.update_item(
                TableName="ledger",
                Key=key,
                UpdateExpression="SET #n = :x",
                ExpressionAttributeNames={"#n": "n"},
                ExpressionAttributeValues={":x": N(number)},
            )

        write("39.80")
        assert client.get_item(TableName="ledger", Key=key)["Item"] == key | {"n": N("39.8")}
        assert refusal(lambda: write("dog")).endswith("The parameter cannot be converted to a numeric value: dog")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=7))
def test_a_canonical_number_keeps_its_value_and_stays_canonical(number: Any) -> None:
    text = canonical_number(str(number))
    assert type(number)(text) == number
    assert canonical_number(text) == text
    assert "e" not in text.lower()
    assert text == "0" or not ("." in text and text.endswith("0"))
