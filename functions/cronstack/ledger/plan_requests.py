"""Every request about the plan of a key: the row that code plans, moves and cancels, and that a delivery begins. Pure.

    (none) ──write──▶ planned ──write──▶ planned, next revision         planned ──begin──▶ begun, or missed
                         └──cancel──▶ cancelled ──write──▶ planned, next revision

A key is one occurrence, however often its time changes; a *revision* is one plan for it. Planners and the job write
this row. It decides one thing: whether a move or a cancel comes before the begin. What has begun is decided by the run
of the key (see ``run_requests``), and only the job writes that.
"""

from __future__ import annotations

from typing import Any, Final

from cronstack.ledger.partitions import plan_key, plan_partition
from cronstack.ledger.rows import PlanItem, PlanStatus
from cronstack.ledger.statements import alone
from cronstack.occurrence import Occurrence
from cronstack.steps import Call

NEVER_PLANNED: Final = "attribute_not_exists(#status)"
"""Nothing was planned under the key, or the ledger has forgotten it."""
AS_SEEN: Final = "#status = :before AND #revision = :seen"
"""The plan is still the one that was read, in the status that was read."""
PLANNED: Final = "#status = :planned AND #revision = :revision"
"""The plan of this revision was neither begun, moved nor cancelled."""
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


def begin(table: str, of: Occurrence, status: PlanStatus, *, now: int, ttl: int) -> Call:
    """Take the plan out of the planners' hands: ``status`` is "begun", or "missed" where it is too late to start."""
    assert of.revision is not None, "only keys have plans"
    values = {"revision": of.revision, "due": of.due, "payload": of.payload}
    values |= {"after": status, "begun": now, "ttl": ttl}
    change = "SET #status = :after, #begun = :begun, #ttl = :ttl"
    return alone(table, plan_key(of.job, of.key), change, f"{PLANNED} AND {OF_THIS_EVENT}", values)


def get(table: str, job: str, key: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": plan_key(job, key), "ConsistentRead": True})
