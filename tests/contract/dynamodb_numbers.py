"""The contract of a DynamoDB store for numbers: the form in which it returns them, and the numbers that it refuses.

Expected answers are DynamoDB's, from the tests of ScyllaDB and dynalite against AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.contract.dynamodb_transactions import Item, N, S, Store, key, put, read

PRINTED = (
    ("39.80", "39.8"),
    ("0039.8", "39.8"),
    ("-0.50", "-0.5"),
    ("+3", "3"),
    (".123", "0.123"),
    ("100", "100"),
    ("1e3", "1000"),
    ("1E+5", "100000"),
    ("-17.4E37", "-174" + "0" * 36),
    ("1e-7", "0.0000001"),
    ("0.00", "0"),
    ("-0", "0"),
    ("0e1000", "0"),
    ("1E125", "1" + "0" * 125),
    ("1e-130", "0." + "0" * 129 + "1"),
    ("31415926535897932384626433832795028841e-37", "3.1415926535897932384626433832795028841"),
    ("0.1234567890123456789012345678901234567800", "0.12345678901234567890123456789012345678"),
)
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
TOO_PRECISE = "Attempting to store more than 38 significant digits in a Number"
REFUSED = (
    ("NaN", f"{NOT_NUMERIC}: NaN"),
    ("-Infinity", f"{NOT_NUMERIC}: -Infinity"),
    ("dog", f"{NOT_NUMERIC}: dog"),
    ("1_000", f"{NOT_NUMERIC}: 1_000"),
    ("٣", f"{NOT_NUMERIC}: ٣"),
    (" 1", f"{NOT_NUMERIC}:  1"),
    ("", NOT_NUMERIC),
    ("1e126", OVERFLOW),
    ("-11e125", OVERFLOW),
    ("1e99999999999999999999", OVERFLOW),
    ("-1e-99999999999999999999", UNDERFLOW),
    ("0.9e-130", UNDERFLOW),
    ("1" * 39, TOO_PRECISE),
    ("-1.23456789012345678901234567890123456789", TOO_PRECISE),
)


def number_is_printed(store: Store, given: str, printed: str) -> None:
    put(store, "a", n=N(given))
    assert read(store, "a") == {"n": N(printed)}


def number_is_refused(store: Store, given: str, why: str) -> None:
    assert refusal(lambda: put(store, "a", n=N(given))) == why
    assert read(store, "a") is None


def refusal(call: Callable[[], object]) -> str:
    """Return the message of the ValidationException, another error's code, or "" for success."""
    try:
        call()
    except ClientError as error:
        refused = error.response["Error"]
        return refused["Message"] if refused["Code"] == "ValidationException" else refused["Code"]
    return ""


def change(store: Store, name: str, expression: str, **more: Any) -> Any:
    values = {f":{value}": more.pop(value) for value in list(more) if len(value) == 1}
    return store.client.update_item(
        TableName=store.table,
        Key=key(name),
        UpdateExpression=expression,
        ExpressionAttributeValues=values,
        **more,
    )


def every_write_trims(store: Store) -> None:
    client, table = store.client, store.table
    put(store, "put", n=N("1.50"))
    change(store, "set", "SET n = :x", x=N("1.50"))
    change(store, "add", "ADD n :x", x=N("1.50"))
    change(store, "sum", "SET n = :x + :y", x=N("1.25"), y=N("0.25"))
    client.update_item(TableName=table, Key=key("old"), AttributeUpdates={"n": {"Action": "PUT", "Value": N("1.50")}})
    client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": key("batch") | {"n": N("1.50")}}}]})
    client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": key("all") | {"n": N("1.50")}}}])
    put(store, "partiql", n=N("1"))
    change_it = f"UPDATE \"{table}\" SET n=? WHERE pk='job#stats' AND sk='partiql'"
    client.execute_statement(Statement=change_it, Parameters=[N("1.50")])
    for name in ("put", "set", "add", "sum", "old", "batch", "all", "partiql"):
        assert read(store, name) == {"n": N("1.5")}, name


def every_read_trims(store: Store) -> None:
    client, table = store.client, store.table
    value: Item = {"n": N("2.00"), "small": N("1e-8"), "big": N("1e60"), "in": {"M": {"l": {"L": [N("3.10")]}}}}
    trimmed = {"n": N("2"), "small": N("0.00000001"), "big": N("1" + "0" * 60), "in": {"M": {"l": {"L": [N("3.1")]}}}}
    put(store, "a", **value, set={"NS": ["1.0", "2.50"]})
    whole = key("a") | trimmed | {"set": {"NS": ["1", "2.5"]}}
    values = {":pk": S("job#stats")}
    query = {"TableName": table, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values}
    assert client.get_item(TableName=table, Key=key("a"))["Item"] == whole
    assert client.query(**query)["Items"] == client.scan(TableName=table)["Items"] == [whole]
    got = client.batch_get_item(RequestItems={table: {"Keys": [key("a")]}})["Responses"][table]
    assert got == [whole]
    got = client.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": key("a")}}])
    assert got["Responses"] == [{"Item": whole}]
    named = {"ProjectionExpression": "n, small, big, #in.l[0]", "ExpressionAttributeNames": {"#in": "in"}}
    projected = client.get_item(TableName=table, Key=key("a"), **named)["Item"]
    assert projected == trimmed
    assert client.query(**query, **named)["Items"] == [trimmed]
    assert client.execute_statement(Statement=f'SELECT n, small, big FROM "{table}"')["Items"] == [
        {name: trimmed[name] for name in ("n", "small", "big")}
    ]
    updated = change(store, "a", "SET n = :x", x=N("4.0"), ReturnValues="UPDATED_NEW")["Attributes"]
    assert updated == {"n": N("4")}
    updated = change(store, "a", "SET n = n - :x", x=N("0.50"), ReturnValues="ALL_NEW")["Attributes"]
    assert updated["n"] == N("3.5")
    deleted = client.delete_item(TableName=table, Key=key("a"), ReturnValues="ALL_OLD")["Attributes"]
    assert deleted == whole | {"n": N("3.5")}


def a_condition_that_fails_shows_trimmed_numbers(store: Store) -> None:
    put(store, "a", n=N("2.00"))
    try:
        change(
            store,
            "a",
            "SET n = :x",
            x=N("3"),
            y=N("2.5"),
            ConditionExpression="n = :y",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        shown: dict[str, Any] = dict(error.response)
        assert shown["Item"]["n"] == N("2")
    else:
        raise AssertionError("the condition does not hold")


def sums_have_38_digits(store: Store) -> None:
    put(store, "a", n=N("1" + "0" * 37))
    change(store, "a", "ADD n :x", x=N("1"))
    assert read(store, "a") == {"n": N("1" + "0" * 36 + "1")}
    client, table = store.client, store.table
    add_one = {"n": {"Action": "ADD", "Value": N("1")}}
    client.update_item(TableName=table, Key=key("a"), AttributeUpdates=add_one)
    assert read(store, "a") == {"n": N("1" + "0" * 36 + "2")}
    too_large = refusal(lambda: change(store, "a", "SET n = :x + :y", x=N("9e125"), y=N("9e125")))
    assert too_large == OVERFLOW
    put(store, "b", n=N("1e50"))
    for call in (
        lambda: change(store, "b", "SET n = n + :x", x=N("1")),
        lambda: client.update_item(TableName=table, Key=key("b"), AttributeUpdates=add_one),
    ):
        assert refusal(call) == OVERFLOW
    assert read(store, "b") == {"n": N("1" + "0" * 50)}


def sets_contain_each_number_once(store: Store) -> None:
    assert refusal(lambda: put(store, "a", set={"NS": ["1", "1.0"]})) == "Input collection contains duplicates"
    put(store, "a", set={"NS": ["1", "2"]})
    change(store, "a", "ADD #set :x", x={"NS": ["1.0", "3.50"]}, ExpressionAttributeNames={"#set": "set"})
    assert sorted((read(store, "a") or {})["set"]["NS"]) == ["1", "2", "3.5"]
    change(store, "a", "DELETE #set :x", x={"NS": ["2.0"]}, ExpressionAttributeNames={"#set": "set"})
    assert sorted((read(store, "a") or {})["set"]["NS"]) == ["1", "3.5"]


def a_wrong_number_refuses_the_whole_request(store: Store) -> None:
    wrong = refusal(lambda: change(store, "a", "SET n = :x", x=N("dog")))
    assert wrong == f"ExpressionAttributeValues contains invalid value: {NOT_NUMERIC}: dog for key :x"
    requests = [{"PutRequest": {"Item": key(name) | {"n": N(n)}}} for name, n in (("a", "1"), ("b", "dog"))]
    assert refusal(lambda: store.client.batch_write_item(RequestItems={store.table: requests})) == f"{NOT_NUMERIC}: dog"
    puts = [{"Put": {"TableName": store.table} | request["PutRequest"]} for request in requests]
    assert refusal(lambda: store.client.transact_write_items(TransactItems=puts)) == f"{NOT_NUMERIC}: dog"
    assert read(store, "a") is None


def names_of_attributes_are_no_numbers(store: Store) -> None:
    item: Item = {"m": {"M": {"N": S("1.0")}}, "N": S("2.0"), "NS": {"L": [S("3.0")]}}
    put(store, "a", **item)
    assert read(store, "a") == item


CASES: tuple[Callable[[Store], None], ...] = (
    every_write_trims,
    every_read_trims,
    a_condition_that_fails_shows_trimmed_numbers,
    sums_have_38_digits,
    sets_contain_each_number_once,
    a_wrong_number_refuses_the_whole_request,
    names_of_attributes_are_no_numbers,
)
