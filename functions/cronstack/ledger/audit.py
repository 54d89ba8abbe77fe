"""The actions of operators on a job: one row for each, which is never changed. Pure.

The sort key is the time and a ULID, so a query returns the actions in their order. Application code and jobs have no
right to these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cronstack.ledger.items import decode, encode
from cronstack.ledger.partitions import PK, SK, audit_partition
from cronstack.ledger.statements import alone
from cronstack.occurrence import print_instant, to_datetime
from cronstack.steps import Call

_NEW: Final = "attribute_not_exists(#at)"
"""Condition of the first write. A refusal means that this request was sent before, and its answer was lost."""
_LAST: Final = "~"
"""Sorts after each sort key of its prefix."""


class ActionItem(NamedTuple):
    """One action of an operator."""

    job: str
    at: int
    """Epoch milliseconds."""
    id: str
    """A ULID."""
    action: str
    """The command, such as "pause", "backfill" or "redrive"."""
    by: str
    """ARN of the caller's identity, as STS returns it."""
    reason: str = ""
    details: str = "{}"
    """What the action changed, as a JSON object."""


def record(table: str, action: ActionItem, *, ttl: int) -> Call:
    """Return the request that writes the row. ``ttl``: epoch seconds. It is safe to send it again."""
    change = (
        "SET #at = :at, #id = :id, #action = :action, #by = :by, #reason = :reason, #details = :details,"
        " #ttl = :ttl, #v = :v"
    )
    values: dict[str, Any] = {name: getattr(action, name) for name in ActionItem._fields if name != "job"}
    key = {PK: encode(audit_partition(action.job)), SK: encode(f"{_time(action.at)}#{action.id}")}
    return alone(table, key, change, _NEW, values | {"ttl": ttl})


def query_actions(
    table: str, job: str, *, first: int, last: int, newest_first: bool = True, start: Mapping[str, Any] | None = None
) -> Call:
    """Return the query of a page of a job's actions from ``first`` to ``last``, epoch milliseconds."""
    parameters: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#pk": PK, "#sk": SK},
        "ExpressionAttributeValues": {
            ":pk": encode(audit_partition(job)),
            ":first": encode(_time(first)),
            ":last": encode(_time(last) + _LAST),
        },
        "ScanIndexForward": not newest_first,
    }
    return Call("Query", parameters | ({"ExclusiveStartKey": start} if start else {}))


def read_action(item: Mapping[str, Any]) -> ActionItem:
    """Return an action from an item in DynamoDB's form."""
    plain = {name: decode(value) for name, value in item.items()}
    known = {name: plain[name] for name in ActionItem._fields if name in plain}
    return ActionItem(**{**known, "job": str(plain[PK]).partition("#")[2]})


def _time(milliseconds: int) -> str:
    return print_instant(to_datetime(milliseconds))
