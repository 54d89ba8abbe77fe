"""Every request about the plan of a key: the row that code plans, moves and cancels, and that a delivery begins. Pure.

    (none) ──write──▶ planned ──write──▶ planned, next revision         planned ──begin──▶ begun ──miss──▶ missed
                         └──cancel──▶ cancelled ──write──▶ planned, next revision

    missed ──write──▶ planned, next revision                            missed ──begin, by a redrive──▶ begun

A key is one occurrence, however often its time changes; a *revision* is one plan for it. Planners and the job write
this row. It decides one thing: whether a move or a cancel comes before the begin. What has begun is decided by the run
of the key (see ``run_requests``), and only the job writes that.
"""

from __future__ import annotations

from typing import Any, Final

from cronstack.ledger.partitions import plan_key, plan_partition
from cronstack.ledger.rows import PlanItem
from cronstack.ledger.statements import alone, update
from cronstack.occurrence import Occurrence
from cronstack.steps import Call

NEVER_PLANNED: Final = "attribute_not_exists(#status)"
"""Nothing was planned under the key, or the ledger has forgotten it."""
AS_SEEN: Final = "#status = :before AND #revision = :seen"
"""The plan is still the one that was read, in the status that was read."""
PLANNED: Final = "#status = :planned AND #revision = :revision"
"""The plan of this revision was neither begun, moved nor cancelled."""
PLANNED_OR_MISSED: Final = "#status IN (:planned, :missed) AND #revision = :revision"
"""The plan of this revision is not begun, or was begun too late."""
BEGUN_OR_MISSED: Final = "#status IN (:begun, :missed) AND #revision = :revision"
"""The plan of this revision is begun, and was not planned anew since it was missed."""
OF_THIS_EVENT: Final = "#due = :due AND #payload = :payload"
"""The event that begins the plan is the plan's own in all that it says."""


def write(table: str, job: str, plan: PlanItem, seen: PlanItem | None, *, ttl: int) -> Call:
    """Write a plan: over nothing, or as the next revision of what was seen. ``ttl``: epoch seconds."""
    values: dict[str, Any] = {
        "revision": plan.revision,
        "due": plan.due,
        "payload": plan.payload,
        "asked": plan.asked,
        "moves": plan.moves,
        "event": plan.event,
        "listed": plan_partition(job, plan.key),
        "ttl": ttl,
    }
    change = "SET #status = :planned, #v = :v, " + ", ".join(f"#{name} = :{name}" for name in values)
    condition = NEVER_PLANNED
    if seen is not None:
        condition, values = AS_SEEN, values | {"seen": seen.revision, "before": seen.status}
    return alone(table, plan_key(job, plan.key), change, condition, values)


def cancel(table: str, job: str, plan: PlanItem, *, ttl: int) -> Call:
    """Cancel the plan that was seen. Arriving late, the request must not undo what was planned since."""
    change, values = "SET #status = :cancelled, #ttl = :ttl REMOVE #event", {"revision": plan.revision, "ttl": ttl}
    return alone(table, plan_key(job, plan.key), change, PLANNED, values)


def begin(table: str, of: Occurrence, *, reopens: bool, now: int, ttl: int) -> Call:
    """Take the plan out of the planners' hands. ``reopens``: also one that was missed, for a redrive of the miss."""
    assert of.revision is not None, "only keys have plans"
    values = _of_event(of) | {"now": now, "ttl": ttl}
    change = "SET #status = :begun, #begun = :now, #ttl = :ttl"
    condition = f"{PLANNED_OR_MISSED if reopens else PLANNED} AND {OF_THIS_EVENT}"
    return alone(table, plan_key(of.job, of.key), change, condition, values)


def miss(table: str, of: Occurrence, *, ttl: int) -> dict[str, Any]:
    """Give the plan back to the planners, as missed: an action of the transaction that records the run as missed."""
    condition = f"{BEGUN_OR_MISSED} AND {OF_THIS_EVENT}"
    change = "SET #status = :missed, #ttl = :ttl"
    return update(table, plan_key(of.job, of.key), change, condition, _of_event(of) | {"ttl": ttl})


def _of_event(of: Occurrence) -> dict[str, Any]:
    return {"revision": of.revision, "due": of.due, "payload": of.payload}


def get(table: str, job: str, key: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": plan_key(job, key), "ConsistentRead": True})
