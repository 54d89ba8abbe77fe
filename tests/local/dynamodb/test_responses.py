"""Every operation that returns items returns them as stored, whatever their types."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.local.dynamodb.patched import create_table, patched

KEY = {"pk": {"S": "a"}, "sk": {"B": b"\xff\x00"}}
ITEM = KEY | {
    "text": {"S": 'é "quoted" \U0001f600'},
    "number": {"N": "-1.5"},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "empty": {"S": ""},
    "list": {"L": [{"S": "x"}, {"B": b"\x01"}, {"M": {"deep": {"NS": ["1", "2"]}}}]},
    "map": {"M": {"bytes": {"B": b"\xfe"}, "none": {"M": {}}, "nil": {"L": []}}},
    "texts": {"SS": ["a"]},
    "binaries": {"BS": [b"\x02"]},
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with patched(lambda: datetime(2026, 3, 1, tzinfo=UTC)) as make:
        client = make()
        create_table(client, "t", {"HASH": "pk", "RANGE": "sk"}, {"pk": "S", "sk": "B"})
        client.put_item(TableName="t", Item=ITEM)
        yield client


def test_reads(client: Any) -> None:
    query = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    assert client.get_item(TableName="t", Key=KEY)["Item"] == ITEM
    assert client.query(TableName="t", **query)["Items"] == [ITEM]
    assert client.scan(TableName="t")["Items"] == [ITEM]
    assert client.batch_get_item(RequestItems={"t": {"Keys": [KEY]}})["Responses"] == {"t": [ITEM]}
    response = client.transact_get_items(TransactItems=[{"Get": {"TableName": "t", "Key": KEY}}])
    assert response["Responses"] == [{"Item": ITEM}]
    assert client.query(TableName="t", **query, Limit=1)["LastEvaluatedKey"] == KEY


def test_writes(client: Any) -> None:
    other = KEY | {"pk": {"S": "b"}}
    assert "Attributes" not in client.put_item(TableName="t", Item=ITEM | other, ReturnValues="ALL_OLD")
    assert client.put_item(TableName="t", Item=ITEM | other, ReturnValues="ALL_OLD")["Attributes"] == ITEM | other
    change = {"UpdateExpression": "SET yes = :v", "ExpressionAttributeValues": {":v": {"BOOL": False}}}
    response = client.update_item(TableName="t", Key=other, **change, ReturnValues="ALL_NEW")
    assert response["Attributes"] == ITEM | other | {"yes": {"BOOL": False}}
    response = client.delete_item(TableName="t", Key=other, ReturnValues="ALL_OLD")
    assert response["Attributes"] == ITEM | other | {"yes": {"BOOL": False}}
    assert "Item" not in client.get_item(TableName="t", Key=other)
