"""Probes of DynamoDB: comparisons, numbers and transactions."""

from __future__ import annotations

from decimal import Inexact, InvalidOperation, Rounded
from typing import Any

from botocore.exceptions import ClientError

from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import ACCOUNT, REGION, client, fails

KEY = {"pk": {"S": "a"}}


def _table(**attributes: Any) -> Any:
    """Create a table with one item; return the client."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    long = {"n": {"N": "1234567890123456789012345678901234567.8"}}
    dynamodb.put_item(TableName="t", Item=KEY | long | attributes)
    return dynamodb


def _addition(number: str, **more: Any) -> dict[str, Any]:
    return {
        "TableName": "t",
        "Key": KEY,
        "UpdateExpression": "ADD n :x",
        "ExpressionAttributeValues": {":x": {"N": number}},
        **more,
    }


def _holds(condition: str, values: dict[str, Any], **attributes: Any) -> bool:
    """Return whether a condition holds for the item: False for DynamoDB's refusal. Raise a fault of moto."""
    dynamodb = _table(**attributes)
    condition_arguments = {"ConditionExpression": condition, "ExpressionAttributeValues": values}
    try:
        dynamodb.delete_item(TableName="t", Key=KEY, **condition_arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


@probe
def true_equals_one() -> bool:
    """A boolean equals a number in a condition."""
    return _holds("flag = :one", {":one": {"N": "1"}}, flag={"BOOL": True})


@probe
def true_is_in_a_list_of_numbers() -> bool:
    """IN finds a boolean among numbers."""
    return _holds("flag IN (:one)", {":one": {"N": "1"}}, flag={"BOOL": True})


@probe
def a_list_with_true_contains_one() -> bool:
    """contains() finds a number in a list of booleans."""
    return _holds("contains(flags, :one)", {":one": {"N": "1"}}, flags={"L": [{"BOOL": True}]})


@probe
def a_number_compared_with_a_string_is_a_server_error() -> bool:
    """A comparison of two types raises in moto instead of being false."""
    return fails(lambda: _holds("n < :s", {":s": {"S": "x"}}), TypeError)


@probe
def a_number_between_strings_is_a_server_error() -> bool:
    """BETWEEN of two types raises in moto instead of being false."""
    return fails(lambda: _holds("n BETWEEN :a AND :b", {":a": {"S": "a"}, ":b": {"S": "b"}}), TypeError)


@probe
def a_request_token_is_ignored() -> bool:
    """Another transaction with the token of an earlier one is carried out."""
    dynamodb = _table()
    dynamodb.transact_write_items(TransactItems=[{"Update": _addition("1")}], ClientRequestToken="t")
    again = {"TransactItems": [{"Update": _addition("2")}], "ClientRequestToken": "t"}
    return not fails(lambda: dynamodb.transact_write_items(**again), ClientError)


@probe
def a_transaction_replaces_the_table_by_a_copy() -> bool:
    """A refused transaction replaces the table by a copy."""
    from moto.dynamodb.models import dynamodb_backends

    dynamodb = _table()
    before = dynamodb_backends[ACCOUNT][REGION].tables["t"]
    refused = _addition("1", ConditionExpression="attribute_not_exists(pk)")
    if not fails(lambda: dynamodb.transact_write_items(TransactItems=[{"Update": refused}]), ClientError):
        raise AssertionError("the transaction must be refused")
    return dynamodb_backends[ACCOUNT][REGION].tables["t"] is not before


def _stored(dynamodb: Any) -> str:
    return str(dynamodb.get_item(TableName="t", Key=KEY)["Item"]["n"]["N"])


@probe
def an_addition_loses_digits() -> bool:
    """ADD rounds to 28 digits."""
    dynamodb = _table()
    dynamodb.update_item(**_addition("1"))
    return _stored(dynamodb) != "1234567890123456789012345678901234568.8"


@probe
def a_subtraction_loses_digits() -> bool:
    """SET with a difference rounds to 28 digits."""
    dynamodb = _table()
    dynamodb.update_item(**_addition("1") | {"UpdateExpression": "SET n = n - :x"})
    return _stored(dynamodb) != "1234567890123456789012345678901234566.8"


@probe
def a_number_is_returned_as_it_was_written() -> bool:
    """A stored number keeps its trailing zeros."""
    return _stored(_table(n={"N": "1.50"})) == "1.50"


@probe
def a_number_of_forty_digits_is_accepted() -> bool:
    """A number with more digits than DynamoDB keeps is stored."""
    return not fails(lambda: _table(n={"N": "1" * 40}), ClientError)


@probe
def a_word_for_a_number_is_a_server_error() -> bool:
    """A filter with a word in place of a number raises in moto."""
    dynamodb, values = _table(), {":n": {"N": "seven"}}
    request = {"TableName": "t", "FilterExpression": "n > :n", "ExpressionAttributeValues": values}
    return fails(lambda: dynamodb.scan(**request), InvalidOperation)


@probe
def a_word_in_a_key_is_a_server_error() -> bool:
    """A key with a word in place of a number raises in moto."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="numbered",
        KeySchema=[{"AttributeName": "n", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return fails(lambda: dynamodb.get_item(TableName="numbered", Key={"n": {"N": "seven"}}), InvalidOperation)


@probe
def a_statement_accepts_a_number_of_forty_digits() -> bool:
    """A parameter of PartiQL with more digits than DynamoDB keeps is accepted."""
    _table()
    request = {"Statement": 'SELECT n FROM "t" WHERE n = ?', "Parameters": [{"N": "1" * 40}]}
    return not fails(lambda: client("dynamodb").execute_statement(**request), ClientError)


def _projected(number: str) -> str:
    dynamodb = _table(n={"N": number})
    response = dynamodb.get_item(TableName="t", Key=KEY, ProjectionExpression="n")
    return str(response["Item"]["n"]["N"])


@probe
def a_projection_of_a_long_number_is_a_server_error() -> bool:
    """A projection of an integer with more than 38 digits, the last of them zeros, raises in moto."""
    return fails(lambda: _projected("1" + "0" * 40), Inexact, Rounded)


@probe
def a_projection_writes_an_exponent() -> bool:
    """A projection writes a small number with an exponent."""
    return _projected("0.0000000001") == "1E-10"


def _restore(**when: Any) -> Any:
    """Restore a table with one item; return the client. The names are long enough for RestoreTableToPointInTime."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="source",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="source", Item=KEY)
    dynamodb.restore_table_to_point_in_time(SourceTableName="source", TargetTableName="restored", **when)
    return dynamodb


@probe
def a_restore_ignores_its_time() -> bool:
    """A restore to a time before the creation of the table has the current items."""
    return bool(_restore(RestoreDateTime="2001-01-01T00:00:00Z").scan(TableName="restored")["Items"])


@probe
def a_restore_needs_no_recovery() -> bool:
    """A table without point-in-time recovery can be restored."""
    return not fails(lambda: _restore(UseLatestRestorableTime=True), ClientError)


@probe
def a_restored_table_is_not_on_demand() -> bool:
    """A restored table has no billing mode, although that of its source is on demand."""
    table = _restore(UseLatestRestorableTime=True).describe_table(TableName="restored")["Table"]
    return bool(table.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST")
