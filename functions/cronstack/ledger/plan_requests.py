"""All requests for the plan of a key: code plans, moves and cancels this row, and a delivery starts it. Pure.

    (none) ──write──▶ planned ──write──▶ planned, next revision         planned ──begin──▶ "begun" ──miss──▶ missed
                         └──cancel──▶ cancelled ──write──▶ planned, next revision

    planned ──skip, while the job is paused──▶ skipped ──write──▶ planned, next revision

    missed ──write──▶ planned, next revision                            missed ──begin, by a redrive──▶ "begun"

A key is one occurrence, however often its time changes. A *revision* is one plan of the key. Planners and the job write
this row. It decides only whether a move or a cancel comes before the start. After the start, the run of the key decides
(see ``run_requests``), and only the job writes the run.
"""

from __future__ import annotations

from typing import Any, Final

from cronstack.ledger.partitions import plan_key, plan_partition
from cronstack.ledger.rows import PAUSED, PlanItem
from cronstack.ledger.statements import alone, update
from cronstack.occurrence import Occurrence
from cronstack.steps import Call

NEVER_PLANNED: Final = "attribute_not_exists(#status)"
"""The key has no plan, or its plan has expired in the ledger."""
AS_SEEN: Final = "#status = :before AND #revision = :seen"
"""The plan still has the revision and the status that were read."""
PLANNED: Final = "#status = :planned AND #revision = :revision"
"""The plan of this revision was not started, moved or cancelled."""
PLANNED_OR_MISSED: Final = "#status IN (:planned, :missed) AND #revision = :revision"
"""The plan of this revision was not started, or was missed."""
STARTED_OR_MISSED: Final = "#status IN (:begun, :missed) AND #revision = :revision"
"""The plan of this revision was started, and its key was not planned again since."""
OF_THIS_EVENT: Final = "#due = :due AND #payload = :payload"
"""The event has the due time and the input of the plan."""


def write(table: str, job: str, plan: PlanItem, seen: PlanItem | None, *, ttl: int) -> Call:
    """Write the first plan of a key, or the next revision after ``seen``. ``ttl``: epoch seconds."""
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
    """Cancel ``plan``. A request that arrives late must not cancel a later revision."""
    change, values = "SET #status = :cancelled, #ttl = :ttl REMOVE #event", {"revision": plan.revision, "ttl": ttl}
    return alone(table, plan_key(job, plan.key), change, PLANNED, values)


def begin(table: str, of: Occurrence, *, reopens: bool, now: int, ttl: int) -> Call:
    """Start the plan, so that planners cannot change it. ``reopens``: also a missed plan, for a redrive."""
    assert of.revision is not None, "only keys have plans"
    values = _of_event(of) | {"now": now, "ttl": ttl}
    change = "SET #status = :begun, #begun = :now, #ttl = :ttl"
    condition = f"{PLANNED_OR_MISSED if reopens else PLANNED} AND {OF_THIS_EVENT}"
    return alone(table, plan_key(of.job, of.key), change, condition, values)


def skip(table: str, of: Occurrence, *, ttl: int) -> Call:
    """Record a plan that is due while its job is paused. Planners may plan its key again."""
    change = "SET #status = :skipped, #reason = :reason, #ttl = :ttl"
    values = _of_event(of) | {"reason": PAUSED, "ttl": ttl}
    return alone(table, plan_key(of.job, of.key), change, f"{PLANNED} AND {OF_THIS_EVENT}", values)


def miss(table: str, of: Occurrence, *, ttl: int) -> dict[str, Any]:
    """Return the action that sets the plan to missed, for the transaction that records the run as missed."""
    condition = f"{STARTED_OR_MISSED} AND {OF_THIS_EVENT}"
    change = "SET #status = :missed, #ttl = :ttl"
    return update(table, plan_key(of.job, of.key), change, condition, _of_event(of) | {"ttl": ttl})


def _of_event(of: Occurrence) -> dict[str, Any]:
    return {"revision": of.revision, "due": of.due, "payload": of.payload}


def get(table: str, job: str, key: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": plan_key(job, key), "ConsistentRead": True})
