"""The items of the ledger: their keys, and how they read. Pure.

This module reads items, and ``run_requests`` writes them. Only these two know the names of attributes, besides
``plan_requests``. An item that a newer version of Cronstack wrote is refused. An attribute that an older version left
out reads as its default. Attributes that are unknown here stay, because the guard updates items and never puts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack.ledger.rows import LeaseItem, RunItem

VERSION: Final = 1
"""Of the items. What a newer version wrote is refused, never guessed at."""

PK: Final = "pk"
SK: Final = "sk"
TTL: Final = "ttl"
"""Epoch seconds after which DynamoDB may delete a final run."""
LEASE_KEY: Final = "lease"
RUN_PREFIX: Final = "run#"


def partition(job: str) -> str:
    """Partition key of a job's items; a job's role may touch no other."""
    return f"job#{job}"


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
    occurrence = str(plain.get(SK, "")).removeprefix(RUN_PREFIX)
    return RunItem(**(known | {"occurrence": occurrence, "version": plain.get("v", 0)}))


def encode(value: str | int) -> dict[str, str]:
    """DynamoDB's form of a string or a whole number."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def decode(value: Mapping[str, Any]) -> Any:
    if "N" in value:
        return int(float(value["N"])) if "." in value["N"] or "E" in value["N"].upper() else int(value["N"])
    return next(iter(value.values()))


def lease_key(job: str) -> dict[str, Any]:
    return {PK: encode(partition(job)), SK: encode(LEASE_KEY)}


def run_key(job: str, occurrence: str) -> dict[str, Any]:
    return {PK: encode(partition(job)), SK: encode(RUN_PREFIX + occurrence)}
