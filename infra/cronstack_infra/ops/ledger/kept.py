"""Check and return the event that a row stores, because planners can write any event into a plan. Pure."""

from __future__ import annotations

import json
from typing import Any

from cronstack.errors import EventError
from cronstack.event import parse_event, planned_event
from cronstack.guard import carrier
from cronstack.ledger.rows import PlanItem, RunItem

Event = dict[str, Any]


def event_of_run(job: str, run: RunItem) -> Event | None:
    """Return the event that a run stores; None if it stores none, or the event of another occurrence."""
    try:
        event = carrier.read_stored(run.event) if run.event else None
        kept = parse_event(event, job) if event is not None else None
    except (ValueError, EventError, RecursionError):
        return None
    if event is None or kept is None or kept.id != run.occurrence or run.payload not in ("", kept.payload):
        return None
    return event if not kept.key or kept.revision == run.revision else None


def event_of_plan(job: str, plan: PlanItem) -> Event | None:
    """Return the event of a plan, rebuilt; None if the plan contains no event that Cronstack wrote."""
    try:
        given = parse_event(carrier.read_stored(plan.event), job)
        if given.key != plan.key or given.payload != plan.payload:
            return None  # the job would refuse it (see the guard's begin)
        event: Event = json.loads(planned_event(job, plan.key, plan.revision, due=plan.due, input=given.input))
    except (ValueError, EventError, RecursionError):
        return None
    return event
