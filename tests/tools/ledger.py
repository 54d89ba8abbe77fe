"""The ledger's table for tests without a stack. ``tests/infra/aws/test_ledger.py`` checks that the stack's is equal."""

from __future__ import annotations

from typing import Any, Final

from cronstack.ledger.partitions import DUE, INDEX, PK, SK

KEYS: Final = {PK: "S", SK: "S", INDEX: "S", DUE: "N"}
"""Attributes that are keys of the table or of its index, with their types."""


def create_ledger(dynamodb: Any, name: str) -> None:
    """Create an empty ledger with its index."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=_schema(PK, SK),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in KEYS.items()],
        GlobalSecondaryIndexes=[
            {"IndexName": INDEX, "KeySchema": _schema(INDEX, DUE), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
