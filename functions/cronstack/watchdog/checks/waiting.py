"""Buffered, lost-carrier and overdue-plan: what waits, and nothing brings. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.errors import EventError
from cronstack.event import parse_event
from cronstack.guard import carrier
from cronstack.ledger.open_runs import PATIENCE, comes_back_at, is_overdue, is_planned_again
from cronstack.ledger.rows import PlanItem, RunItem
from cronstack.watchdog.expecting import Limits
from cronstack.watchdog.scene import MINUTE, SECOND, Finding

LEAST_LATE: Final = 5 * MINUTE
"""Milliseconds after its due time before a plan is overdue, whatever ``late_after`` is: the index may be behind."""


def overdue(runs: Iterable[RunItem], plans: Mapping[str, PlanItem], now: int) -> list[RunItem]:
    """Return the open runs that should have come back. Running runs are checked by their lease (``attempts``)."""
    return [
        run
        for run in runs
        if run.status != "running" and is_overdue(run, now) and not is_planned_again(run, plans.get(run.key))
        if run.status != "buffered" or now - waits_since(run) > PATIENCE
    ]


def waits_since(run: RunItem) -> int:
    """Return the time from which a buffered run waits: its due time, or the time of the operator's request."""
    try:
        event = carrier.read_stored(run.event)
        return parse_event(event, event["job"]).requested or run.due
    except (EventError, ValueError, KeyError, TypeError):
        return run.due  # a newer version has written the event


def check(job: JobMetadata, runs: Sequence[RunItem], brought: Collection[str], now: int) -> list[Finding]:
    """Judge overdue runs. ``brought``: the occurrences that carriers bring."""
    lost = [run for run in runs if run.status != "buffered" and run.occurrence not in brought]
    latest = Limits.of(job).missed + PATIENCE
    stuck = [
        run
        for run in runs
        if run.status == "buffered" and (run.occurrence not in brought or now > waits_since(run) + latest)
    ]
    found = []
    for cause, of_cause in (("buffered", stuck), ("lost-carrier", lost)):
        if of_cause:
            first = min(of_cause, key=comes_back_at)
            facts = {
                "occurrence": first.occurrence,
                "key": first.key,
                "status": first.status,
                "count": len(of_cause),
                "due": first.due,
                "met": first.met,
            }
            since = comes_back_at(first)
            found.append(Finding(job.job, "buffered" if cause == "buffered" else "lost-carrier", since, facts))
    return found


def late_of_plans(job: JobMetadata) -> int:
    """Return the milliseconds after its due time at which a plan is overdue."""
    return max(job.late_after * SECOND, LEAST_LATE)


def is_overdue_plan(plan: PlanItem, run: RunItem | None, job: JobMetadata, now: int) -> bool:
    """Return whether a plan should have started: its event did not come, or was lost between its two writes."""
    if plan.status == "planned":
        return now >= plan.due + late_of_plans(job)  # as the list is read: a later pass does not look again
    return plan.status == "begun" and run is None and now > plan.begun + PATIENCE


def check_plans(job: JobMetadata, plans: Sequence[PlanItem]) -> list[Finding]:
    """Return the finding of overdue plans."""
    if not plans:
        return []
    first = min(plans, key=lambda plan: plan.due)
    facts = {"key": first.key, "due": first.due, "count": len(plans), "begun": first.status == "begun"}
    return [Finding(job.job, "overdue-plan", first.due, facts)]
