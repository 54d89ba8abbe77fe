"""The requests that pause and resume a job. Pure.

A pause is two attributes of the lease row, which only operators write. Each claim of the job has the condition that
they are missing (see ``claim_requests``), or reads the row before its claim if it shares no lease. No deploy writes
this row, so no deploy ends a pause. If the row is deleted by hand, the pause is lost with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from cronstack.ledger.conditions import NOT_PAUSED
from cronstack.ledger.partitions import lease_key
from cronstack.ledger.rows import LeaseItem
from cronstack.ledger.statements import alone
from cronstack.steps import Call

AS_SEEN: Final = "#paused = :paused"
"""The job still has the pause that was read."""


def pause(table: str, job: str, *, now: int, by: str, reason: str) -> Call:
    """Return the request that pauses the job. ``now``: epoch milliseconds. It is refused if the job is paused."""
    note = json.dumps({"by": by, "reason": reason}, separators=(",", ":"), ensure_ascii=False)
    values = {"paused": now, "pause": note}
    return alone(table, lease_key(job), "SET #paused = :paused, #pause = :pause, #v = :v", NOT_PAUSED, values)


def resume(table: str, job: str, *, paused: int) -> Call:
    """Return the request that ends the pause of this time, epoch milliseconds."""
    return alone(table, lease_key(job), "REMOVE #paused, #pause", AS_SEEN, {"paused": paused})


def read_note(lease: LeaseItem) -> Mapping[str, str]:
    """Return ``by`` and ``reason`` of a pause; "" for a value that is missing or not text."""
    try:
        note = json.loads(lease.pause)
    except ValueError:
        note = None
    found = note if isinstance(note, dict) else {}
    return {name: value if isinstance(value := found.get(name), str) else "" for name in ("by", "reason")}
