"""Requests that list rows: by sort key within a partition, or by due time within a list of the index. Pure.

``partitions`` names the partitions and the lists. The index contains keys only, and is a moment behind the table. So
``batch_get`` reads the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cronstack.ledger.items import encode
from cronstack.ledger.partitions import DUE, INDEX, PK, RUN_PREFIX, SK, job_partition
from cronstack.steps import Call

MOST_ROWS: Final = 100
"""Most rows of one BatchGetItem."""


def query_runs(
    table: str,
    job: str,
    *,
    first: str,
    last: str,
    newest_first: bool = True,
    start: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> Call:
    """Return the query of a page of a job's runs, with ids from ``first`` to ``last``, without the runs of keys."""
    values = {":pk": encode(job_partition(job)), ":a": encode(RUN_PREFIX + first), ":z": encode(RUN_PREFIX + last)}
    call = _query(table, "#pk = :pk AND #sk BETWEEN :a AND :z", {"#pk": PK, "#sk": SK}, values, start, limit)
    return Call("Query", {**call.parameters, "ScanIndexForward": not newest_first})


def query_keys(
    table: str, partition: str, *, prefix: str = "", start: Mapping[str, Any] | None = None, limit: int | None = None
) -> Call:
    """Return the query of a page of one partition's plans, ordered by key. ``prefix``: of the keys."""
    condition, names, values = "#pk = :pk", {"#pk": PK}, {":pk": encode(partition)}
    if prefix:
        condition, names = f"{condition} AND begins_with(#sk, :prefix)", names | {"#sk": SK}
        values |= {":prefix": encode(prefix)}
    return _query(table, condition, names, values, start, limit)


def query_due(
    table: str,
    listed: str,
    *,
    first: int = 0,
    last: int | None = None,
    newest_first: bool = False,
    start: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> Call:
    """Return the query of a page of one list of the index: keys of rows due from ``first`` to ``last`` (epoch ms)."""
    values = {":listed": encode(listed), ":first": encode(first)}
    condition = f"#{INDEX} = :listed AND #{DUE} >= :first"
    if last is not None:
        condition, values = f"#{INDEX} = :listed AND #{DUE} BETWEEN :first AND :last", values | {":last": encode(last)}
    names = {f"#{INDEX}": INDEX, f"#{DUE}": DUE}
    call = _query(table, condition, names, values, start, limit)
    return Call("Query", {**call.parameters, "IndexName": INDEX, "ScanIndexForward": not newest_first})


def _query(
    table: str,
    condition: str,
    names: Mapping[str, str],
    values: Mapping[str, Any],
    start: Mapping[str, Any] | None,
    limit: int | None,
) -> Call:
    parameters: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": dict(names),
        "ExpressionAttributeValues": dict(values),
    }
    parameters |= {"ExclusiveStartKey": start} if start else {}
    return Call("Query", parameters | ({"Limit": limit} if limit else {}))


def batch_get(table: str, keys: Sequence[Mapping[str, Any]]) -> Call:
    """Return the consistent read of at most ``MOST_ROWS`` rows. Repeat it for the keys that the answer leaves out."""
    return Call("BatchGetItem", {"RequestItems": {table: {"Keys": list(keys), "ConsistentRead": True}}})
