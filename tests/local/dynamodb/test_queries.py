"""Query returns the same as a plain model after any writes, at the cost of its result."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.dynamodb_rows import (
    BY,
    CONDITIONS,
    GLOBAL,
    HASH,
    HASHED,
    KEYS,
    LOCAL,
    RANGE,
    RANK,
    Asked,
    Rows,
    order,
)
from tests.local.dynamodb.patched import create_table, index, patched

START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = (f"rows-{number}" for number in itertools.count())
INCLUDED = "kept"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with patched(lambda: START) as make:
        yield make()


def S(text: str) -> dict[str, Any]:
    return {"S": text}


def N(text: str) -> dict[str, Any]:
    return {"N": text}


# -- after random writes -----
TEXTS = st.sampled_from(["a", "ab", "b", "é", "\U0001f600", "\uffee", "Z", "~", "10", "9"])
NUMBERS = st.sampled_from(["-10", "-9.5", "0", "2", "10", "9", "1000", "0.001"])
BYTES = st.sampled_from([b"\x00", b"\x7f", b"\xff", b"\xff\xff", b"a", b"ab"])
RANGES = {
    "S": TEXTS.map(S),
    "N": NUMBERS.map(N),
    "B": BYTES.map(lambda content: {"B": content}),
}
PARTITIONS = st.sampled_from(["p", "q"])
PROJECTIONS = ["KEYS_ONLY", "INCLUDE", "ALL"]


def projected_attributes(projection: str) -> dict[str, frozenset[str] | None]:
    """Return the attributes in each index; None: all attributes."""
    more = {INCLUDED} if projection == "INCLUDE" else set()
    keys = {GLOBAL: {BY, RANK}, LOCAL: {RANK}, HASHED: {BY}}
    return {name: None if projection == "ALL" else frozenset({HASH, RANGE} | keys[name] | more) for name in keys}


def rows(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of items, each with or without the attributes of the indexes."""
    return st.fixed_dictionaries(
        {HASH: PARTITIONS.map(S), RANGE: RANGES[kind]},
        optional={BY: PARTITIONS.map(S), RANK: NUMBERS.map(N), INCLUDED: TEXTS.map(S), "extra": TEXTS.map(S)},
    )


def writes(kind: str) -> st.SearchStrategy[list[tuple[str, dict[str, Any]]]]:
    actions = ["put", "put", "update", "delete", "batch", "transact", "cancelled", "refused", "broken"]
    return st.lists(st.tuples(st.sampled_from(actions), rows(kind)), max_size=25)


@st.composite
def queries(draw: st.DrawFn, kind: str) -> Asked:
    name = draw(st.sampled_from(list(KEYS)))
    of_range = KEYS[name][1]
    values = NUMBERS.map(N) if of_range == RANK else RANGES[kind]
    condition = draw(st.sampled_from(["", *CONDITIONS])) if of_range else ""
    if "begins" in condition and (of_range == RANK or kind == "N"):
        condition = ""
    low, high = sorted((draw(values), draw(values)), key=order)
    filtered = not condition and of_range in (RANGE, None)
    low = draw(RANGES[kind]) if filtered else low
    forward, limit = draw(st.booleans()), draw(st.integers(0, 4))
    return Asked(name, draw(PARTITIONS), condition, low, high, forward, limit, filtered and draw(st.booleans()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(RANGES)), st.sampled_from(PROJECTIONS), st.data())
def test_queries_return_the_same_as_the_model(client: Any, kind: str, projection: str, data: st.DataObject) -> None:
    table, model = next(NAMES), Rows(projected_attributes(projection))
    create(client, table, kind, projection)
    for action, row in data.draw(writes(kind)):
        write(client, table, model, action, row)
    for query in data.draw(st.lists(queries(kind), min_size=1, max_size=6)):
        assert pages(client, query.parameters(table)) == model.answer(query), query


def create(client: Any, table: str, kind: str, projection: str = "KEYS_ONLY") -> None:
    more = (INCLUDED,) if projection == "INCLUDE" else ()
    by_rank = {"HASH": BY, "RANGE": RANK}
    create_table(
        client,
        table,
        {"HASH": HASH, "RANGE": RANGE},
        {HASH: "S", RANGE: kind, BY: "S", RANK: "N"},
        global_indexes=[index(GLOBAL, by_rank, projection, *more), index(HASHED, {"HASH": BY}, projection, *more)],
        local_indexes=[index(LOCAL, {"HASH": HASH, "RANGE": RANK}, projection, *more)],
    )


def write(client: Any, table: str, model: Rows, action: str, row: dict[str, Any]) -> None:
    """Write a row to both. "cancelled", "refused" and "broken" change nothing."""
    row = {"extra": S("so")} | row
    key = {name: row[name] for name in (HASH, RANGE)}
    update = assignment(table, row)
    refused = {"ConditionExpression": "attribute_exists(nothing)"}
    other = {"Put": {"TableName": table, "Item": key | {HASH: S("other")}}}
    match action:
        case "put":
            client.put_item(TableName=table, Item=row)
        case "update":
            client.update_item(**update)
        case "delete":
            client.delete_item(TableName=table, Key=key)
        case "batch":
            client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": row}}]})
        case "transact":
            client.transact_write_items(TransactItems=[{"Update": update}])
        case "cancelled":
            fails(client.transact_write_items, TransactItems=[other, {"Update": update | refused}])
        case "refused":
            fails(client.put_item, TableName=table, Item=row, **refused)
        case "broken":
            # The first action is written, then the second has an invalid key for the index: both are undone.
            wrong = assignment(table, key | {HASH: S("p"), RANK: S("a word")})
            fails(client.transact_write_items, TransactItems=[other, {"Update": wrong}])
            fails(client.update_item, **assignment(table, row | {RANK: S("a word")}))
    if action in ("put", "batch"):
        model.put(row)
    elif action in ("update", "transact"):
        kept = {name: value for name, value in model.row(row).items() if name not in (BY, RANK)}
        model.put(kept | row)
    elif action == "delete":
        model.delete(row)


def assignment(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return an update that sets the attributes of a row, and removes the index keys that the row lacks."""
    present = [name for name in row if name not in (HASH, RANGE)]
    absent = [name for name in (BY, RANK) if name not in row]
    change = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
    change += f" REMOVE {', '.join(f'#{name}' for name in absent)}" if absent else ""
    return {
        "TableName": table,
        "Key": {name: row[name] for name in (HASH, RANGE)},
        "UpdateExpression": change,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*present, *absent)},
        "ExpressionAttributeValues": {f":{name}": row[name] for name in present},
    }


def fails(call: Any, **parameters: Any) -> str:
    """Make a request that DynamoDB refuses. Return the message of the error."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Message"])


def pages(client: Any, parameters: dict[str, Any]) -> list[list[dict[str, Any]]]:
    items, start = [], {}
    while True:
        response = client.query(**parameters, **start)
        assert response["Count"] == len(response["Items"]) <= response["ScannedCount"]
        items.append(response["Items"])
        if "LastEvaluatedKey" not in response:
            return items
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


# -- tables that moto copies, restores or changes -----
def filled(client: Any, count: int = 5) -> str:
    table = next(NAMES)
    create(client, table, "S")
    for number in range(count):
        put(client, table, f"{number:03}", **{BY: S("x"), RANK: N(str(-number))})
    return table


def put(client: Any, table: str, name: str, **more: Any) -> None:
    client.put_item(TableName=table, Item={HASH: S("p"), RANGE: S(name)} | more)


def names(client: Any, table: str, by: str = "", **more: Any) -> list[str]:
    return names_of(client, Asked(by, "x" if by else "p").parameters(table) | more)


def names_of(client: Any, parameters: dict[str, Any]) -> list[str]:
    return [row[RANGE]["S"] for row in client.query(**parameters)["Items"]]


def moto_table(name: str) -> Any:
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends["123456789012"]["us-east-1"].tables[name]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))], ids=["copy", "pickle"])
def test_a_copy_of_a_table_has_its_own_rows(client: Any, copied: Any) -> None:
    from moto.dynamodb.models import dynamodb_backends

    table = filled(client)
    assert names(client, table, GLOBAL) == ["004", "003", "002", "001", "000"]
    before = copied(moto_table(table))
    put(client, table, "9", **{BY: S("x"), RANK: N("-9")})
    dynamodb_backends["123456789012"]["us-east-1"].tables[table] = before
    assert names(client, table, GLOBAL) == ["004", "003", "002", "001", "000"]


def test_a_restored_table_is_sorted(client: Any) -> None:
    table = filled(client)
    backup = client.create_backup(TableName=table, BackupName="backup")["BackupDetails"]["BackupArn"]
    client.delete_item(TableName=table, Key={HASH: S("p"), RANGE: S("001")})
    client.restore_table_from_backup(TargetTableName=f"{table}-back", BackupArn=backup)
    client.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    client.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName=f"{table}-then", UseLatestRestorableTime=True
    )
    assert names(client, f"{table}-back", GLOBAL) == ["004", "003", "002", "001", "000"]
    assert names(client, f"{table}-then", GLOBAL) == ["004", "003", "002", "000"]


def test_a_new_index_has_the_existing_rows(client: Any) -> None:
    table = filled(client)
    later = index("later", {"HASH": BY, "RANGE": RANGE}, "ALL")
    types = [{"AttributeName": name, "AttributeType": "S"} for name in (BY, RANGE)]
    client.update_table(TableName=table, AttributeDefinitions=types, GlobalSecondaryIndexUpdates=[{"Create": later}])
    parameters = Asked(GLOBAL, "x").parameters(table) | {"IndexName": "later", "ScanIndexForward": False}
    assert [row[RANGE]["S"] for row in client.query(**parameters)["Items"]] == ["004", "003", "002", "001", "000"]
    assert names(client, table) == ["000", "001", "002", "003", "004"]


def test_statements_of_partiql_keep_the_order(client: Any) -> None:
    table = filled(client, 2)
    client.execute_statement(
        Statement=f"INSERT INTO \"{table}\" value {{'pk': 'p', 'sk': '0005', 'by': 'x', 'rank': 7}}"
    )
    client.execute_statement(Statement=f"DELETE FROM \"{table}\" WHERE pk = 'p' AND sk = '001'")
    assert names(client, table) == ["000", "0005"]
    assert names(client, table, GLOBAL) == ["000", "0005"]


def test_a_table_with_a_partition_key_only_is_queried(client: Any) -> None:
    table = next(NAMES)
    create_table(client, table, {"HASH": HASH}, {HASH: "S"})
    client.put_item(TableName=table, Item={HASH: S("p"), "n": N("1")})
    client.put_item(TableName=table, Item={HASH: S("p"), "n": N("2")})
    query = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": S("p")}}
    assert client.query(TableName=table, **query)["Items"] == [{HASH: S("p"), "n": N("2")}]


# -- refusals of DynamoDB -----
@pytest.mark.parametrize("value", [N("1"), {"B": b"1"}, {"BOOL": True}, {"L": [S("x")]}], ids=str)
def test_an_index_key_of_another_type_is_refused(client: Any, value: dict[str, Any]) -> None:
    table, (kind,) = filled(client), value
    row = {HASH: S("p"), RANGE: S("000"), BY: value}
    message = (
        f"One or more parameter values were invalid: Type mismatch for Index Key by Expected: S Actual: {kind} "
        f"IndexName: {GLOBAL}"
    )
    assert fails(client.put_item, TableName=table, Item=row) == message
    assert fails(client.batch_write_item, RequestItems={table: [{"PutRequest": {"Item": row}}]}) == message
    unsupported = "The update expression attempted to update the secondary index key to unsupported type"
    assert fails(client.update_item, **assignment(table, row)) == unsupported
    assert fails(client.transact_write_items, TransactItems=[{"Update": assignment(table, row)}])
    new = row | {RANGE: S("new")}
    assert fails(client.update_item, **assignment(table, new)) == unsupported
    assert names(client, table) == ["000", "001", "002", "003", "004"]
    assert names(client, table, GLOBAL) == ["004", "003", "002", "001", "000"]
    first = client.query(**Asked("", "p", limit=1).parameters(table))["Items"]
    assert first == [{HASH: S("p"), RANGE: S("000"), BY: S("x"), RANK: N("0")}], "the row is unchanged"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_condition_at_a_value_that_exists(client: Any, condition: str) -> None:
    matches = CONDITIONS[condition]
    expected = [f"{number:03}" for number in range(5) if matches(S(f"{number:03}"), S("002"), S("003"))]
    assert names_of(client, Asked("", "p", condition, S("002"), S("003")).parameters(filled(client))) == expected


@pytest.mark.parametrize(
    ("by", "more", "message"),
    [
        ("", {"ExclusiveStartKey": {HASH: S("q"), RANGE: S("1")}}, "The provided starting key is outside query "),
        ("", {"ExclusiveStartKey": {HASH: S("p")}}, "The provided starting key is invalid"),
        (GLOBAL, {"ExclusiveStartKey": {HASH: S("p"), RANGE: S("1")}}, "The provided starting key is invalid"),
        (GLOBAL, {"ConsistentRead": True}, "Consistent reads are not supported on global secondary indexes"),
        (GLOBAL, {"ProjectionExpression": "extra"}, f"{GLOBAL} does not project [extra]"),
        (GLOBAL, {"Select": "ALL_ATTRIBUTES"}, "Select type ALL_ATTRIBUTES is not supported for global"),
        ("none", {}, "none"),
    ],
)
def test_a_query_that_dynamodb_refuses(client: Any, by: str, more: dict[str, Any], message: str) -> None:
    table = filled(client)
    parameters = Asked(by if by in KEYS else "", "p").parameters(table) | ({"IndexName": by} if by else {})
    assert message in fails(client.query, **parameters | more)


@pytest.mark.parametrize(
    ("condition", "values", "message"),
    [
        ("sk BETWEEN :b AND :a", {":a": S("a"), ":b": S("b")}, "upper bound to be greater than or equal to lower"),
        ("sk < :a", {":a": N("1")}, "Condition parameter type does not match schema type"),
        ("sk < :a", {":a": S("1"), ":p": N("1")}, "Condition parameter type does not match schema type"),
    ],
)
def test_a_condition_that_dynamodb_refuses(client: Any, condition: str, values: dict[str, Any], message: str) -> None:
    query = {"KeyConditionExpression": f"pk = :p AND {condition}", "ExpressionAttributeValues": {":p": S("p")} | values}
    assert message in fails(client.query, TableName=filled(client), **query)


def test_a_starting_key_outside_the_range_is_refused(client: Any) -> None:
    query = Asked("", "p", "#s > :a", S("002")).parameters(filled(client))
    start = {"ExclusiveStartKey": {HASH: S("p"), RANGE: S("001")}}
    assert fails(client.query, **query | start) == "The provided starting key does not match the range key predicate"


# -- the rows read -----
def test_a_page_has_at_most_a_megabyte(client: Any) -> None:
    table, text = next(NAMES), "x" * 300_000
    create(client, table, "S")
    for number in range(5):
        put(client, table, str(number), text=S(text))
    assert [len(page) for page in pages(client, Asked("", "p").parameters(table))] == [3, 2]
    assert [len(page) for page in pages(client, Asked("", "p", limit=2).parameters(table))] == [2, 2, 1]


def test_a_starting_key_may_be_deleted(client: Any) -> None:
    table = filled(client)
    first = client.query(**Asked("", "p", limit=2).parameters(table))
    client.delete_item(TableName=table, Key=first["LastEvaluatedKey"])
    assert names(client, table, ExclusiveStartKey=first["LastEvaluatedKey"]) == ["002", "003", "004"]


def test_select_count_and_projections(client: Any) -> None:
    table = filled(client)
    counted = client.query(**Asked("", "p").parameters(table), Select="COUNT")
    assert ("Items" in counted, counted["Count"], counted["ScannedCount"]) == (False, 5, 5)
    query = Asked("", "p", limit=1).parameters(table) | {"ProjectionExpression": RANGE}
    assert client.query(**query)["Items"] == [{RANGE: S("000")}]
    put(client, table, "000", extra=S("fetched"), **{RANK: N("1")})
    query = Asked(LOCAL, "p").parameters(table) | {"ProjectionExpression": "extra", "ScanIndexForward": False}
    assert client.query(**query)["Items"][0] == {"extra": S("fetched")}


class Counted:
    """An item that counts the reads of its attributes."""

    reads = 0

    def __init__(self, item: Any) -> None:
        self._item = item

    def __getattr__(self, name: str) -> Any:
        Counted.reads += name == "attrs"
        return getattr(self._item, name)


@pytest.mark.parametrize("by", ["", GLOBAL, LOCAL])
def test_a_query_reads_only_its_result(client: Any, by: str) -> None:
    """Count the reads: other rows are not read at all."""
    from cronstack_infra.local.dynamodb.order import rows_of

    reads = []
    for count in (10, 300):
        table = filled(client, count)
        order_of = rows_of(moto_table(table)).order(moto_table(table), by)
        for partition in order_of._partitions.values():
            for place, item in list(partition.items()):
                partition[place] = Counted(item)
        Counted.reads = 0
        query = Asked(by, "x" if by == GLOBAL else "p", limit=3).parameters(table)
        first = client.query(**query)
        assert len(client.query(**query, ExclusiveStartKey=first["LastEvaluatedKey"])["Items"]) == 3
        reads.append(Counted.reads)
    assert reads[0] == reads[1]
