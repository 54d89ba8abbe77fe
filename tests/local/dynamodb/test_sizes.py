"""The largest item: 400 KB of names and values after the write, and not a byte more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.dynamodb.sizes import LARGEST_ITEM
from tests.local.dynamodb.patched import create_table, patched

KEY = {"pk": {"S": "a"}, "sk": {"B": b"\xff"}}
OTHERS = len("pk") + len("a") + len("sk") + 1 + len("text")


@pytest.fixture
def client() -> Iterator[Any]:
    with patched(lambda: datetime(2026, 3, 1, tzinfo=UTC)) as make:
        new_client = make()
        create_table(new_client, "t", {"HASH": "pk", "RANGE": "sk"}, {"pk": "S", "sk": "B"})
        yield new_client


def put(client: Any, length: int) -> None:
    client.update_item(
        TableName="t",
        Key=KEY,
        UpdateExpression="SET #text = :text",
        ExpressionAttributeNames={"#text": "text"},
        ExpressionAttributeValues={":text": {"S": "x" * length}},
    )


def test_an_attribute_of_more_than_half_the_size_is_replaced(client: Any) -> None:
    put(client, 300_000)
    put(client, 300_001)
    assert len(client.get_item(TableName="t", Key=KEY)["Item"]["text"]["S"]) == 300_001


def test_the_largest_item_is_accepted_and_one_byte_more_is_refused(client: Any) -> None:
    put(client, LARGEST_ITEM - OTHERS)
    with pytest.raises(ClientError, match="Item size to update has exceeded"):
        put(client, LARGEST_ITEM - OTHERS + 1)
