"""Reads the items of the ledger. Pure.

``run_requests`` and ``plan_requests`` write them. Only these three modules use the names of attributes. An item that a
newer version of Cronstack wrote is refused. An attribute that an older version left out has its default. Unknown
attributes stay in the item, because the guard updates items and never puts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack.ledger.partitions import PK, SK, occurrence_of, plan_partition
from cronstack.ledger.rows import PLAN_STATUSES, LeaseItem, PlanItem, RunItem
from cronstack.occurrence import HIGHEST_REVISION

VERSION: Final = 1
"""The version of the items. An item of a newer version is refused."""
LAST_DUE: Final = 253_370_764_800_000
"""Epoch milliseconds of 9999-01-01. Later times have no text of the form that events and schedules use."""


def version_of(item: Mapping[str, Any] | None) -> int:
    """Return the version that wrote an item. Check it first: a newer version may have other attributes."""
    return (_number(item, "v") or 0) if item else 0


def read_lease(item: Mapping[str, Any] | None) -> LeaseItem:
    """Return a lease from an item in DynamoDB's form; a free lease for no item."""
    if not item:
        return LeaseItem()
    plain = {name: decode(value) for name, value in item.items()}
    return LeaseItem(**{name: plain[name] for name in LeaseItem._fields if name in plain}, version=plain.get("v", 0))


def read_run(item: Mapping[str, Any] | None) -> RunItem | None:
    """Return a run from an item in DynamoDB's form; None for no item, and for an item without a status."""
    if not item or "status" not in item:
        return None
    plain = {name: decode(value) for name, value in item.items()}
    known = {name: plain[name] for name in RunItem._fields if name in plain}
    return RunItem(**(known | {"occurrence": occurrence_of(item), "version": plain.get("v", 0)}))


def read_plan(item: Mapping[str, Any] | None) -> PlanItem | None:
    """Return a plan from an item in DynamoDB's form; None for no item, and for one that ``once`` cannot have written.

    Code that may plan can write any attribute of any type. So each one is checked. An item with an invalid key, status,
    due time or revision counts as absent.
    """
    if not item:
        return None
    key, partition = _text(item, SK), _text(item, PK)
    status, due, revision = _text(item, "status"), _number(item, "due"), _number(item, "revision")
    if status not in PLAN_STATUSES or due is None or due > LAST_DUE or not key:
        return None
    if not revision or revision >= HIGHEST_REVISION:  # the next revision would not be a valid event
        return None
    if not partition.startswith("plan#") or partition != plan_partition(partition.split("#")[1], key):
        return None
    return PlanItem(
        next(known for known in PLAN_STATUSES if known == status),
        key,
        due,
        revision,
        asked=_text(item, "asked"),
        payload=_text(item, "payload"),
        event=_text(item, "event"),
        moves=_number(item, "moves") or 0,
        begun=_number(item, "begun") or 0,
        reason=_text(item, "reason") if status == "skipped" else "",
        version=_number(item, "v") or 0,
    )


def _text(item: Mapping[str, Any], name: str) -> str:
    """Return the text of an attribute; "" if it is missing or of another type."""
    return str(item.get(name, {}).get("S", ""))


def _number(item: Mapping[str, Any], name: str) -> int | None:
    """Return the whole number, 0 or more, of an attribute; None if it is missing or of another type."""
    text = str(item.get(name, {}).get("N", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def encode(value: str | int) -> dict[str, str]:
    """Return DynamoDB's form of a string or a whole number."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def decode(value: Mapping[str, Any]) -> Any:
    if "N" in value:
        return int(float(value["N"])) if "." in value["N"] or "E" in value["N"].upper() else int(value["N"])
    return next(iter(value.values()))
