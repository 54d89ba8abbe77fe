"""The rows of the watchdog: its incidents, and the snapshot of its last pass. Pure.

An incident is an outbox: ``pending`` names the notification that is stored and perhaps not published yet. Each write
has the condition that the row still has the ``revision`` that was read. So of two passes, or a pass and an operator,
only one changes a row at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cronstack.ledger.items import decode, encode
from cronstack.ledger.partitions import INCIDENT_PREFIX, PK, SK, WATCH, incident_key, snapshot_key
from cronstack.ledger.statements import alone
from cronstack.steps import Call

_NEW: Final = "attribute_not_exists(#revision)"
_AS_SEEN: Final = "#revision = :seen"


class IncidentItem(NamedTuple):
    """An incident of a job and a cause. Times are epoch milliseconds, or 0."""

    job: str
    """ "" for the stack."""
    cause: str
    id: str = ""
    """A ULID. It is the same in all notifications of the incident."""
    status: str = "open"
    """ "open" or "cleared"."""
    fingerprint: str = ""
    since: int = 0
    """When the problem began."""
    opened: int = 0
    cleared: int = 0
    notified: int = 0
    """When the last notification was published."""
    pending: str = ""
    """The notification that must be published: "alert", "reminder" or "clear"; "" for none."""
    facts: str = "{}"
    """JSON object for the text."""
    acked: int = 0
    ack: str = ""
    """The acknowledgement of an operator, a JSON object with "by" and "reason"."""
    revision: int = 0
    """The number of writes. 0: the row does not exist."""


class SnapshotItem(NamedTuple):
    """What the last pass has seen."""

    at: int = 0
    """Epoch milliseconds at which the pass began. 0: no pass has finished."""
    state: str = ""
    """JSON, see ``cronstack.watchdog.snapshot``."""
    revision: int = 0


def write_incident(table: str, item: IncidentItem, *, ttl: int = 0) -> Call:
    """Return the request that replaces the incident of revision ``item.revision`` by ``item``, with the next revision.

    ``ttl``: epoch seconds, for a cleared incident.
    """
    change, values = _set(item)
    change = f"{change}, #ttl = :ttl" if ttl else f"{change} REMOVE #ttl"
    key = incident_key(item.job, item.cause)
    return alone(table, key, change, _condition(item.revision), values | ({"ttl": ttl} if ttl else {}))


def write_snapshot(table: str, item: SnapshotItem) -> Call:
    """Return the request that replaces the snapshot of revision ``item.revision``."""
    change, values = _set(item)
    return alone(table, snapshot_key(), change, _condition(item.revision), values)


def get_snapshot(table: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": snapshot_key(), "ConsistentRead": True})


def get_incident(table: str, job: str, cause: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": incident_key(job, cause), "ConsistentRead": True})


def query_incidents(table: str, start: Mapping[str, Any] | None = None) -> Call:
    """Return the consistent query of a page of all incidents, including cleared ones."""
    parameters: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "#pk = :pk AND begins_with(#sk, :prefix)",
        "ExpressionAttributeNames": {"#pk": PK, "#sk": SK},
        "ExpressionAttributeValues": {":pk": encode(WATCH), ":prefix": encode(INCIDENT_PREFIX)},
        "ConsistentRead": True,
    }
    return Call("Query", parameters | ({"ExclusiveStartKey": start} if start else {}))


def read_incident(item: Mapping[str, Any]) -> IncidentItem:
    """Return an incident from an item in DynamoDB's form."""
    return IncidentItem(**_known(item, IncidentItem._fields))


def read_snapshot(item: Mapping[str, Any] | None) -> SnapshotItem:
    """Return the snapshot from an item in DynamoDB's form; an empty one for no item."""
    return SnapshotItem(**_known(item or {}, SnapshotItem._fields))


def _known(item: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: decode(item[name]) for name in fields if name in item}


def _set(item: IncidentItem | SnapshotItem) -> tuple[str, dict[str, Any]]:
    values = item._asdict() | {"revision": item.revision + 1}
    change = "SET #v = :v, " + ", ".join(f"#{name} = :{name}" for name in values)
    return change, values | ({"seen": item.revision} if item.revision else {})


def _condition(revision: int) -> str:
    return _AS_SEEN if revision else _NEW
