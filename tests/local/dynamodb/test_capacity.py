"""Capacity units: the pure rules, ConsumedCapacity of each request, and the counts of each partition."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.dynamodb import capacity, consumption
from tests.local.dynamodb.patched import create_table, index, patched

NAMES = (f"units-{number}" for number in itertools.count())
KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
KB = 1024


class Clock:
    now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def client(clock: Clock) -> Iterator[Any]:
    with patched(clock) as make:
        yield make()


@pytest.fixture
def table(client: Any) -> str:
    """Create a table with an index of the keys only, and one that also contains "held"."""
    name = next(NAMES)
    types = dict.fromkeys(("pk", "sk", "by"), "S")
    indexes = [index("keys", {"HASH": "by"}), index("held", {"HASH": "by"}, "INCLUDE", "held")]
    create_table(client, name, {"HASH": "pk", "RANGE": "sk"}, types, global_indexes=indexes)
    return name


def S(text: str) -> dict[str, Any]:
    return {"S": text}


def of(size: int) -> dict[str, Any]:
    """Return an attribute "t" with which an item with the keys ``KEY`` has this size."""
    return {"t": S("x" * (size - capacity.item_size(KEY) - 1))}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (S("é"), 2),
        ({"N": "0"}, 1),
        ({"N": "1200"}, 2),
        ({"N": "-123.45"}, 4),
        ({"B": b"abc"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"L": []}, 3),
        ({"L": [S("ab")]}, 6),
        ({"M": {"k": S("ab")}}, 7),
    ],
    ids=str,
)
def test_an_attribute_has_the_size_of_its_name_and_its_value(value: dict[str, Any], size: int) -> None:
    assert capacity.item_size({"na": value}) == 2 + size


@pytest.mark.parametrize(("size", "writes", "reads"), [(0, 1, 1), (KB, 1, 1), (KB + 1, 2, 1), (4 * KB + 1, 5, 2)])
def test_each_started_kilobyte_is_a_unit(size: int, writes: int, reads: int) -> None:
    assert capacity.write_units(size) == writes
    assert capacity.read_units(size, consistent=True) == reads
    assert capacity.read_units(size, consistent=False) == reads / 2


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (None, None, 0),
        (None, {"by": S("a"), "t": S("x")}, 1),
        ({"by": S("a")}, None, 1),
        ({"by": S("a")}, {"by": S("a")}, 0),
        ({"by": S("a")}, {"by": S("b")}, 2),
        ({"by": S("a"), "t": S("x")}, {"by": S("a"), "t": S("y")}, 1),
        ({"by": S("a"), "t": S("x" * 3 * KB)}, {"by": S("a"), "t": S("y")}, 4),
        ({"by": S("a"), "t": S("x" * 3 * KB)}, {"by": S("b"), "t": S("y")}, 5),
        ({"by": S("a"), "t": S("x")}, {"by": S("a")}, 1),
    ],
)
def test_an_index_consumes_by_the_change_of_its_entry(before: Any, after: Any, units: int) -> None:
    assert capacity.index_write_units(before, after, ["by"]) == units


def consumed(response: dict[str, Any]) -> dict[str, float]:
    """Return the units of a response by index; "": of the table."""
    listed = response["ConsumedCapacity"]
    (total,) = listed if isinstance(listed, list) else [listed]
    units = {name: part["CapacityUnits"] for name, part in total.get("GlobalSecondaryIndexes", {}).items()}
    units[""] = total["Table"]["CapacityUnits"]
    assert total["CapacityUnits"] == sum(units.values())
    return units


def put(client: Any, table: str, **attributes: Any) -> dict[str, float]:
    return consumed(client.put_item(TableName=table, Item=KEY | attributes, ReturnConsumedCapacity="INDEXES"))


def update(client: Any, table: str, change: str, **values: Any) -> dict[str, float]:
    attribute_values = (
        {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}
    )
    request = {"TableName": table, "Key": KEY, "UpdateExpression": change}
    names = {"ExpressionAttributeNames": {"#by": "by"}} if "#by" in change else {}
    return consumed(client.update_item(**request, **attribute_values, **names, ReturnConsumedCapacity="INDEXES"))


def test_writes_of_one_row(client: Any, table: str) -> None:
    assert put(client, table) == {"": 1}
    assert put(client, table, **of(KB)) == {"": 1}
    assert put(client, table, **of(KB + 1)) == {"": 2}
    assert put(client, table) == {"": 2}, "the larger of the sizes before and after"
    assert update(client, table, "SET t = :t", **of(2 * KB)) == {"": 2}
    assert update(client, table, "REMOVE t") == {"": 2}
    assert update(client, table, "SET #by = :by", by=S("a")) == {"": 1, "keys": 1, "held": 1}
    assert update(client, table, "SET #by = :by", by=S("a")) == {"": 1}
    assert update(client, table, "SET held = :h", h=S("x")) == {"": 1, "held": 1}
    assert update(client, table, "SET t = :t", t=S("x")) == {"": 1}
    assert update(client, table, "SET #by = :by", by=S("b")) == {"": 1, "keys": 2, "held": 2}
    assert put(client, table, by=S("b"), held=S("x")) == {"": 1}
    deleted = client.delete_item(TableName=table, Key=KEY, ReturnConsumedCapacity="INDEXES")
    assert consumed(deleted) == {"": 1, "keys": 1, "held": 1}
    assert consumed(client.delete_item(TableName=table, Key=KEY, ReturnConsumedCapacity="INDEXES")) == {"": 1}


def test_an_update_that_creates_the_row_is_one_write(client: Any, table: str) -> None:
    assert update(client, table, "SET #by = :by, t = :t", by=S("a"), **of(3 * KB)) == {"": 4, "keys": 1, "held": 1}


def test_reads(client: Any, table: str) -> None:
    read = {"TableName": table, "Key": KEY, "ReturnConsumedCapacity": "TOTAL"}
    query = {
        "TableName": table,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": S("p")},
        "ReturnConsumedCapacity": "INDEXES",
    }
    assert client.get_item(**read)["ConsumedCapacity"] == {"TableName": table, "CapacityUnits": 0.5}
    assert consumed(client.query(**query)) == {"": 0.5}
    put(client, table, by=S("a"), **of(5 * KB))
    client.put_item(TableName=table, Item=KEY | {"sk": S("2")} | of(5 * KB))
    assert client.get_item(**read)["ConsumedCapacity"]["CapacityUnits"] == 1
    assert client.get_item(**read, ConsistentRead=True)["ConsumedCapacity"]["CapacityUnits"] == 2
    assert consumed(client.query(**query, ConsistentRead=True)) == {"": 3}, "all rows together, rounded up once"
    small = {"FilterExpression": "attribute_exists(nothing)", "ProjectionExpression": "sk"}
    assert consumed(client.query(**query, **small, ConsistentRead=True)) == {"": 3}, (
        "the units are those of the rows read, not of those returned"
    )
    by = {"IndexName": "keys", "KeyConditionExpression": "#by = :p", "ExpressionAttributeNames": {"#by": "by"}}
    assert consumed(client.query(**query | by | {"ExpressionAttributeValues": {":p": S("a")}})) == {"": 0, "keys": 0.5}


def test_batches(client: Any, table: str) -> None:
    rows = [{"PutRequest": {"Item": KEY | {"sk": S(str(number))} | of(2 * KB)}} for number in range(3)]
    rows.append({"PutRequest": {"Item": KEY | {"by": S("a")}}})
    written = client.batch_write_item(RequestItems={table: rows}, ReturnConsumedCapacity="INDEXES")
    assert consumed(written) == {"": 7, "keys": 1, "held": 1}
    keys = [KEY | {"sk": S(name)} for name in ("0", "1", "none")]
    for consistent, units in ((True, 3), (False, 1.5)):
        items = {table: {"Keys": keys, "ConsistentRead": consistent}}
        assert consumed(client.batch_get_item(RequestItems=items, ReturnConsumedCapacity="INDEXES")) == {"": units}
    assert "ConsumedCapacity" not in client.batch_get_item(RequestItems={table: {"Keys": keys}})


def test_transactions_take_twice_as_much_of_the_table(client: Any, table: str) -> None:
    other = KEY | {"sk": S("other")}
    actions = [
        {"Put": {"TableName": table, "Item": KEY | {"by": S("a")} | of(KB)}},
        {"ConditionCheck": {"TableName": table, "Key": other, "ConditionExpression": "attribute_not_exists(pk)"}},
    ]
    request = {"TransactItems": actions, "ReturnConsumedCapacity": "INDEXES", "ClientRequestToken": table}
    response = client.transact_write_items(**request)
    assert consumed(response) == {"": 6, "keys": 1, "held": 1}
    assert response["ConsumedCapacity"][0]["WriteCapacityUnits"] == 8
    replay = client.transact_write_items(**request)["ConsumedCapacity"][0]
    assert (replay["ReadCapacityUnits"], "WriteCapacityUnits" in replay) == (4, False)
    reads = [{"Get": {"TableName": table, "Key": key}} for key in (KEY, other)]
    assert consumed(client.transact_get_items(TransactItems=reads, ReturnConsumedCapacity="INDEXES")) == {"": 4}


def counted(table: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the write units, and those of the busiest second, by index and partition."""
    rows = [row for row in consumption.counts() if row["table"] == table and row["write"]]
    return {(row["index"], row["partition"]): (row["write"], row["busiest_second"]) for row in rows}


def test_each_partition_has_a_count(client: Any, table: str, clock: Clock) -> None:
    for number in range(3):
        client.put_item(TableName=table, Item={"pk": S("q"), "sk": S(str(number)), "by": S("b")})
    clock.now += timedelta(seconds=1)
    put(client, table, by=S("b"))
    update(client, table, "SET #by = :by", by=S("c"))
    assert counted(table) == {
        ("", "q"): (3, 3),
        ("", "p"): (2, 2),
        ("keys", "b"): (5, 3),
        ("held", "b"): (5, 3),
        ("keys", "c"): (1, 1),
        ("held", "c"): (1, 1),
    }
    consumption.reset_counts()
    assert counted(table) == {}


@pytest.mark.parametrize("size", [KB, 3 * KB])
def test_a_refused_write_consumes_by_the_existing_row(client: Any, table: str, size: int) -> None:
    put(client, table, **of(size))
    consumption.reset_counts()
    never = {"ConditionExpression": "attribute_not_exists(pk)"}
    for call, more in (
        (client.put_item, {"Item": KEY}),
        (client.delete_item, {"Key": KEY}),
        (client.update_item, {"Key": KEY, "UpdateExpression": "SET a = pk"}),
    ):
        with pytest.raises(ClientError):
            call(TableName=table, **more, **never)
    assert counted(table)["", "p"][0] == 3 * size / KB
    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=[{"Delete": {"TableName": table, "Key": KEY} | never}])
    assert counted(table)["", "p"][0] == 5 * size / KB


def test_writes_without_a_request_are_not_counted(client: Any, table: str) -> None:
    from moto.dynamodb.models import dynamodb_backends

    backend = dynamodb_backends["123456789012"]["us-east-1"]
    backend.put_item(table, KEY)
    backend.delete_item(table, KEY)
    assert counted(table) == {}


@pytest.mark.parametrize("call", ["put_item", "update_item", "get_item", "query"])
def test_an_invalid_level_is_refused(client: Any, table: str, call: str) -> None:
    body = {"put_item": {"Item": KEY}, "query": {"KeyConditionExpression": "pk = :p"}}.get(call, {"Key": KEY})
    with pytest.raises(ClientError, match="returnConsumedCapacity"):
        getattr(client, call)(TableName=table, **body, ReturnConsumedCapacity="SOME")
