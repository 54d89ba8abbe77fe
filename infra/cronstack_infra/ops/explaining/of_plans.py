"""Decide about a key that has a plan in the ledger, and no run that decides. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cronstack.defaults import DEFAULTS
from cronstack.ledger.rows import PlanItem
from cronstack.occurrence import planned_id, to_datetime
from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.of_runs import paused
from cronstack_infra.ops.explaining.verdict import Cause, Verdict
from cronstack_infra.ops.runs import LATE


def of_plan(facts: Facts, plan: PlanItem) -> Verdict:
    """Return the verdict on a plan."""
    cause, more = _decide(facts, plan)
    due = to_datetime(plan.due)
    shared = {
        "key": plan.key,
        "asked": plan.asked,
        "moves": plan.moves or None,
        "planned": to_datetime(plan.revision),
        "letter": facts.letters[0].id if facts.letters else None,
        "error": facts.letters[0].contents.error if facts.letters else None,
    }
    return Verdict(cause, planned_id(plan.key), due, plan.status, shared | more)


def _decide(facts: Facts, plan: PlanItem) -> tuple[Cause, dict[str, Any]]:
    due = to_datetime(plan.due)
    if plan.status == "cancelled":
        return Cause.PLAN_CANCELLED, {}
    if str(plan.status) == "skipped":  # its job was paused at its time
        return Cause.SKIPPED_PAUSED, {}
    if plan.status in ("begun", "missed"):
        begun = to_datetime(plan.begun)
        expired = facts.now - begun > timedelta(seconds=DEFAULTS.retention)
        if facts.pause is not None and not expired:
            return Cause.WAITS_FOR_RESUME, paused(facts) | {"begun": begun}
        return (Cause.TOO_OLD if expired else Cause.PLAN_STARTED), {"begun": begun}
    schedule = facts.carriers[0] if facts.carriers else None
    if due > facts.now:
        if facts.pause is not None:
            return Cause.FUTURE_PAUSED, paused(facts)
        if schedule is None:
            return Cause.STRAY, {}
        if not schedule.enabled:
            return Cause.FUTURE_DISABLED, {"schedule": schedule.name}
        return (Cause.PLAN_MOVED if plan.moves else Cause.PLANNED), {"schedule": schedule.name}
    if facts.letters and facts.letters[0].contents.origin == "delivery":
        return Cause.UNDELIVERED, {}
    if facts.letters and facts.letters[0].contents.origin == "refused":
        return Cause.REFUSED, {}
    if facts.now - due <= LATE:
        return Cause.DUE_NOW, {"until": due + timedelta(seconds=DEFAULTS.start_deadline_of_plans)}
    return Cause.PLAN_OVERDUE, {"schedule": schedule.name if schedule is not None else None}
