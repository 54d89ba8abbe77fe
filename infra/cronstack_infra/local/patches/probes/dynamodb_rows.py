"""Probes of DynamoDB: the reads of Query, the keys of indexes, and the consumed units."""

from __future__ import annotations

import sys
from typing import Any

from botocore.exceptions import ClientError

from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.dynamodb import KEY
from cronstack_infra.local.patches.probes.scene import ACCOUNT, REGION, client, fails


def _indexed() -> Any:
    """Create a table with two items, a binary sort key and an index; return the client."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="i",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in (("pk", "S"), ("sk", "B"), ("by", "S"))
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "listed",
                "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for sort in (b"\xff", b"\x00"):
        dynamodb.put_item(TableName="i", Item=KEY | {"sk": {"B": sort}})
    return dynamodb


_ITEM = KEY | {"sk": {"B": b"1"}}
_QUERY = {
    "TableName": "i",
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "a"}},
}


@probe
def a_query_reads_the_whole_table() -> bool:
    """Query calls the method that returns all items of the table."""
    from moto.dynamodb.models import dynamodb_backends

    dynamodb = _indexed()
    table: Any = dynamodb_backends[ACCOUNT][REGION].tables["i"]
    whole, calls = table.all_items, []

    def counted() -> Any:
        calls.append("all_items")
        return whole()

    table.all_items = counted
    dynamodb.query(**_QUERY, Limit=1)
    return bool(calls)


@probe
def a_full_page_is_the_last_one() -> bool:
    """A page that reaches its limit with the last item has no LastEvaluatedKey. DynamoDB does not read further."""
    return "LastEvaluatedKey" not in _indexed().query(**_QUERY, Limit=2)


@probe
def a_query_starts_in_another_partition() -> bool:
    """A starting key of another partition is accepted."""
    start = {"pk": {"S": "b"}, "sk": {"B": b"1"}}
    return not fails(lambda: _indexed().query(**_QUERY, ExclusiveStartKey=start), ClientError)


@probe
def an_index_key_of_another_type_is_put() -> bool:
    """A number is stored in an attribute that an index declares as a string."""
    item = _ITEM | {"by": {"N": "1"}}
    return not fails(lambda: _indexed().put_item(TableName="i", Item=item), ClientError)


@probe
def an_index_key_of_another_type_is_updated() -> bool:
    """An update stores a number in an attribute that an index declares as a string."""
    update = {"Key": _ITEM, "UpdateExpression": "SET #by = :n"}
    values = {"ExpressionAttributeNames": {"#by": "by"}, "ExpressionAttributeValues": {":n": {"N": "1"}}}
    return not fails(lambda: _indexed().update_item(TableName="i", **update, **values), ClientError)


def _stored(text: str) -> Any:
    """Create the table, with one item that has a text; return the client."""
    dynamodb = _indexed()
    dynamodb.put_item(TableName="i", Item=_ITEM | {"text": {"S": text}})
    return dynamodb


@probe
def a_write_of_two_kilobytes_consumes_one_unit() -> bool:
    """ConsumedCapacity of a write does not depend on the size of the item."""
    item = _ITEM | {"text": {"S": "x" * 2000}}
    answer = _stored("x").put_item(TableName="i", Item=item, ReturnConsumedCapacity="TOTAL")
    return bool(answer["ConsumedCapacity"]["CapacityUnits"] != 2)


@probe
def a_read_of_eight_kilobytes_consumes_as_much_as_one_of_four() -> bool:
    """ConsumedCapacity of a read does not depend on the size of the item."""
    dynamodb = _stored("x" * 8000)
    answer = dynamodb.get_item(TableName="i", Key=_ITEM, ReturnConsumedCapacity="TOTAL")
    return bool(answer["ConsumedCapacity"]["CapacityUnits"] != 1)


@probe
def each_attribute_is_looked_up_under_many_names() -> bool:
    """Serializing one more attribute takes more than ten calls."""
    return _serializing(11) - _serializing(1) > 10 * 10


def _serializing(attributes: int) -> int:
    """Return the number of calls in moto's serializer for a response with an item with this many more attributes."""
    dynamodb, item = client("dynamodb"), KEY | {f"a{number}": {"S": "x"} for number in range(attributes)}
    if not dynamodb.list_tables()["TableNames"]:
        _indexed()
    dynamodb.put_item(TableName="i", Item=_ITEM | item)
    calls = []

    def count(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_globals.get("__name__") == "moto.core.serialize":
            calls.append(frame)

    sys.setprofile(count)
    try:
        dynamodb.get_item(TableName="i", Key=_ITEM)
    finally:
        sys.setprofile(None)
    return len(calls)


@probe
def a_replaced_attribute_counts_twice() -> bool:
    """An attribute of 210,000 bytes cannot be replaced by another one, though the item has 210 KB after the write."""
    dynamodb = _indexed()
    update = {
        "TableName": "i",
        "Key": _ITEM,
        "UpdateExpression": "SET long_text = :long_text",
        "ExpressionAttributeValues": {":long_text": {"S": "x" * 210_000}},
    }
    dynamodb.update_item(**update)
    return fails(lambda: dynamodb.update_item(**update), ClientError)
