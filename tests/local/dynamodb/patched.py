"""moto in process with all patches of DynamoDB, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import boto3
from moto import mock_aws

from cronstack_infra.local.dynamodb import (
    conditions,
    consumption,
    numbers,
    queries,
    responses,
    sizes,
    transactions,
    writes,
)
from cronstack_infra.local.moto.patch import apply, unpatch
from cronstack_infra.local.moto.surroundings import PatchParameters
from cronstack_infra.local.patches.table import rows

PATCHES = rows((conditions, transactions, writes, queries, numbers, consumption, responses, sizes))


@contextmanager
def patched(now: Callable[[], datetime]) -> Iterator[Callable[[], Any]]:
    """Apply the patches for the block. Yield a factory of clients."""
    apply(PATCHES, PatchParameters(now=now))
    try:
        with mock_aws():
            yield lambda: boto3.client("dynamodb", region_name="us-east-1")
    finally:
        unpatch()


def create_table(
    client: Any,
    name: str,
    schema: dict[str, str],
    types: dict[str, str],
    *,
    global_indexes: list[dict[str, Any]] | None = None,
    local_indexes: list[dict[str, Any]] | None = None,
) -> None:
    """Create a table. ``schema``: the key attributes by HASH and RANGE."""
    client.create_table(
        TableName=name,
        KeySchema=key_schema(schema),
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": kind} for attribute, kind in types.items()],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": global_indexes} if global_indexes else {}),
        **({"LocalSecondaryIndexes": local_indexes} if local_indexes else {}),
    )


def index(name: str, schema: dict[str, str], projection: str = "KEYS_ONLY", *more: str) -> dict[str, Any]:
    projected = {"ProjectionType": projection} | ({"NonKeyAttributes": list(more)} if more else {})
    return {"IndexName": name, "KeySchema": key_schema(schema), "Projection": projected}


def key_schema(schema: dict[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for kind, name in schema.items()]
