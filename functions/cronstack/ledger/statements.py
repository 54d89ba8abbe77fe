"""Builds the requests to the ledger: conditional updates, alone or in a transaction. Pure.

Every attribute has a ``#`` alias, because many names are reserved words. Every condition also refuses items of a newer
version, and every refusal returns the old item. A request is built once, as plain data, and resent unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cronstack.ledger.items import VERSION, encode
from cronstack.ledger.rows import PLAN_STATUSES, STATUSES
from cronstack.occurrence import Occurrence
from cronstack.steps import Call

KNOWN_VERSION: Final = "(attribute_not_exists(#v) OR #v <= :v)"
"""No newer version wrote this item."""

_STATUSES: Final = {status: status for status in (*STATUSES, *PLAN_STATUSES)}
_ALIAS: Final = re.compile(r"#([a-z]+)")
_VALUE: Final = re.compile(r":([a-z_]+)")


def update(
    table: str, key: Mapping[str, Any], change: str, condition: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return one conditional update. An alias equals its name. Statuses and ``:v`` need no entry in ``values``."""
    condition = f"{condition} AND {KNOWN_VERSION}"
    text = f"{change} {condition}"
    known = _STATUSES | {"v": VERSION} | dict(values)
    return {
        "TableName": table,
        "Key": key,
        "UpdateExpression": change,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in sorted(set(_ALIAS.findall(text)))},
        "ExpressionAttributeValues": {f":{name}": encode(known[name]) for name in sorted(set(_VALUE.findall(text)))},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def alone(
    table: str, key: Mapping[str, Any], change: str, condition: str, values: Mapping[str, Any], *, shows: str = ""
) -> Call:
    """Return a single update. ``shows``: the item that a success returns, "ALL_NEW" or "ALL_OLD"; "" for none."""
    parameters = update(table, key, change, condition, values)
    return Call("UpdateItem", parameters | ({"ReturnValues": shows} if shows else {}))


def transaction(token: str, *actions: Mapping[str, Any], further: tuple[Mapping[str, Any], ...] = ()) -> Call:
    """Return a transaction of our updates, whose refusals then come first, and of the handler's own writes."""
    items = [*({"Update": action} for action in actions), *further]
    return Call("TransactWriteItems", {"TransactItems": items, "ClientRequestToken": token})


def plan_values(occurrence: Occurrence) -> dict[str, Any]:
    """Return the values that identify the plan of an occurrence."""
    return {"key": occurrence.key, "revision": occurrence.revision}
