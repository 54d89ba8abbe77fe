"""How the items of the ledger read. Pure.

This module reads items. ``run_requests`` and ``plan_requests`` write them. Only these three know the names of
attributes. An item that a newer version of Cronstack wrote is refused. An attribute that an older version left out
reads as its default. Attributes that are unknown here stay, because the guard updates items and never puts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack.ledger.partitions import PK, SK, occurrence_of, plan_partition
from cronstack.ledger.rows import PLAN_STATUSES, LeaseItem, PlanItem, RunItem
from cronstack.occurrence import HIGHEST_REVISION

VERSION: Final = 1
"""Of the items. What a newer version wrote is refused, never guessed at."""
LAST_DUE: Final = 253_370_764_800_000
"""Epoch milliseconds of 9999-01-01. Later times have no text of the form that events and schedules use."""


def version_of(item: Mapping[str, Any] | None) -> int:
    """Return the version that wrote an item. Read it first: of a newer version's item nothing else is certain."""
    return (_number(item, "v") or 0) if item else 0


def read_lease(item: Mapping[str, Any] | None) -> LeaseItem:
    """A lease item out of DynamoDB's form; none is a free lease."""
    if not item:
        return LeaseItem()
    plain = {name: decode(value) for name, value in item.items()}
    return LeaseItem(**{name: plain[name] for name in LeaseItem._fields if name in plain}, version=plain.get("v", 0))


def read_run(item: Mapping[str, Any] | None) -> RunItem | None:
    """A run item out of DynamoDB's form; None for none, also for one that only a stray write left without status."""
    if not item or "status" not in item:
        return None
    plain = {name: decode(value) for name, value in item.items()}
    known = {name: plain[name] for name in RunItem._fields if name in plain}
    return RunItem(**(known | {"occurrence": occurrence_of(item), "version": plain.get("v", 0)}))


def read_plan(item: Mapping[str, Any] | None) -> PlanItem | None:
    """A plan item out of DynamoDB's form; None for none, and for an item that no version of ``once`` has written.

    Code that may plan can write any attribute of any type. So each one is checked, and an item that is wrong in one of
    those that decide counts as absent.
    """
    if not item:
        return None
    key, partition = _text(item, SK), _text(item, PK)
    status, due, revision = _text(item, "status"), _number(item, "due"), _number(item, "revision")
    if status not in PLAN_STATUSES or due is None or due > LAST_DUE or not key:
        return None
    if not revision or revision >= HIGHEST_REVISION:  # no event can carry the next one
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
        version=_number(item, "v") or 0,
    )


def _text(item: Mapping[str, Any], name: str) -> str:
    """The text of an attribute; "" where it is missing or of another type."""
    return str(item.get(name, {}).get("S", ""))


def _number(item: Mapping[str, Any], name: str) -> int | None:
    """The whole number, 0 or more, of an attribute; None where it is missing or is no such number."""
    text = str(item.get(name, {}).get("N", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None


def encode(value: str | int) -> dict[str, str]:
    """DynamoDB's form of a string or a whole number."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def decode(value: Mapping[str, Any]) -> Any:
    if "N" in value:
        return int(float(value["N"])) if "." in value["N"] or "E" in value["N"].upper() else int(value["N"])
    return next(iter(value.values()))
