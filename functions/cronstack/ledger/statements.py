"""How a request to the ledger is written: one conditional update, alone or within a transaction. Pure.

Every attribute goes through a ``#`` alias (many are reserved words), every condition also refuses what a newer version
wrote, and every refusal brings the old item back. A request is built once, as plain data, and resent as it is.
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
"""No newer code wrote this item."""

_STATUSES: Final = {status: status for status in (*STATUSES, *PLAN_STATUSES)}
_ALIAS: Final = re.compile(r"#([a-z]+)")
_VALUE: Final = re.compile(r":([a-z_]+)")


def update(
    table: str, key: Mapping[str, Any], change: str, condition: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    """One conditional update. Aliases are the names themselves; statuses and the version may be named as values."""
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
    """``shows``: what of the item a success is answered by, "ALL_NEW" or "ALL_OLD"; else nothing."""
    parameters = update(table, key, change, condition, values)
    return Call("UpdateItem", parameters | ({"ReturnValues": shows} if shows else {}))


def transaction(token: str, *actions: Mapping[str, Any], further: tuple[Mapping[str, Any], ...] = ()) -> Call:
    """Our updates first, so that their refusals are told first; then what the handler gave, as it is."""
    items = [*({"Update": action} for action in actions), *further]
    return Call("TransactWriteItems", {"TransactItems": items, "ClientRequestToken": token})


def plan_values(occurrence: Occurrence) -> dict[str, Any]:
    """Of what code has planned: the values that tell its plan."""
    return {"key": occurrence.key, "revision": occurrence.revision}
