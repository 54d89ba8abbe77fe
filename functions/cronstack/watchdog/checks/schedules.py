"""Schedule-deleted, schedule-edited and paused: the template against Scheduler, and pauses against the time. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cronstack.deployed.form import deployed_form
from cronstack.deployed.job_metadata import JobMetadata
from cronstack.errors import ScheduleError
from cronstack.timetable.instants import parse
from cronstack.watchdog.scene import DAY, Finding
from cronstack.watchdog.snapshot import Seen

LONG: Final = 7 * DAY
"""Milliseconds after which a pause is reported."""
SCHEDULE: Final = "AWS::Scheduler::Schedule"


class Declared(NamedTuple):
    """A schedule that the template declares."""

    job: str
    number: int
    enabled: bool
    input: str | None
    """The Input of its target; None if the template does not have it as text."""
    hash: str
    """Changes with the declaration."""


class Live(NamedTuple):
    """A schedule as the list of its group shows it."""

    modified: int
    """Epoch milliseconds."""
    enabled: bool
    target: str
    """ARN of its target."""


class State(NamedTuple):
    """A schedule in this pass."""

    name: str
    declared: Declared
    live: Live | None
    differences: str


def declared_of(template: Mapping[str, Any], stack: str, jobs: Mapping[str, JobMetadata]) -> dict[str, Declared]:
    """Return the schedules that a template declares, by the names that ``cronstack_infra.names`` gives them."""
    inputs = {
        properties.get("Name"): properties.get("Target", {}).get("Input")
        for resource in template.get("Resources", {}).values()
        if resource.get("Type") == SCHEDULE and isinstance(properties := resource.get("Properties", {}), Mapping)
        if isinstance(properties.get("Name"), str)
    }
    found = {}
    for job in jobs.values():
        for number, schedule in enumerate(job.schedules, 1):
            name = f"{stack}-{job.job}.{number}"
            text = inputs.get(name) if isinstance(inputs.get(name), str) else None
            digest = sha256(json.dumps([schedule, job.enabled, text]).encode()).hexdigest()[:8]
            found[name] = Declared(job.job, number, job.enabled, text, digest)
    return found


def is_known(seen: Seen | None, declared: Declared, live: Live) -> bool:
    """Return whether the schedule was already compared with this declaration."""
    return seen is not None and (seen.modified, seen.declared) == (live.modified, declared.hash)


def differences(got: Mapping[str, Any], declared: Declared, job: JobMetadata, function: str) -> str:
    """Return what differs between an answer of GetSchedule and the declaration, as words; "" if it is equal."""
    schedule = job.schedules[declared.number - 1]
    try:
        bounds: dict[str, Any] = {
            name: datetime.fromisoformat(value) if value else None
            for name, value in (("start", schedule.start), ("end", schedule.end))
        }
        form = deployed_form(parse(schedule.expression, timezone=schedule.timezone, **bounds))
    except (ScheduleError, ValueError):
        return ""  # a newer version has declared it
    window = int((got.get("FlexibleTimeWindow") or {}).get("MaximumWindowInMinutes") or 0)
    target = got.get("Target", {})
    pairs: list[tuple[str, object, object]] = [
        ("state", got.get("State", "ENABLED"), "ENABLED" if declared.enabled else "DISABLED"),
        ("expression", got.get("ScheduleExpression"), form.expression),
        ("time zone", got.get("ScheduleExpressionTimezone") or "UTC", form.timezone),
        ("flexible window", f"{window} min", f"{schedule.window} min"),
        ("start date", got.get("StartDate"), None),
        ("end date", got.get("EndDate"), None),
        ("function", str(target.get("Arn", "")).rpartition(":function:")[2], function),
    ]
    if declared.input is not None and target.get("Input") != declared.input:
        pairs.append(("input", "changed", "as deployed"))
    return "; ".join(
        f"{what}: {_shown(is_now)} instead of {_shown(was)}" for what, is_now, was in pairs if is_now != was
    )


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def suspects_of(states: Iterable[State], *, in_progress: bool) -> tuple[str, ...]:
    """Return the schedules that are missing or different. None of them during a deploy."""
    return tuple(state.name for state in states if not in_progress and (state.live is None or state.differences))


def check(states: Collection[State], suspects: Collection[str], before: Collection[str], last: int) -> list[Finding]:
    """Return findings of the schedules that are suspects now and were so in the last pass (``before``).

    ``last``: epoch milliseconds of the last pass.
    """
    found = []
    sure = [state for state in states if state.name in suspects and state.name in before]
    for job in sorted({state.declared.job for state in sure}):
        of_job = [state for state in sure if state.declared.job == job]
        gone = [state.name for state in of_job if state.live is None]
        edited = {state.name: state.differences for state in of_job if state.live is not None}
        modified = [state.live.modified for state in of_job if state.live is not None]
        if gone:
            found.append(Finding(job, "schedule-deleted", last, {"schedules": gone}, fingerprint=" ".join(gone)))
        if edited:
            facts, text = {"schedules": edited}, json.dumps(edited, sort_keys=True)
            found.append(Finding(job, "schedule-edited", min(modified), facts, fingerprint=_digest(text)))
    return found


def check_pauses(
    job: JobMetadata, states: Iterable[State], paused: int, by: Mapping[str, Any], now: int
) -> list[Finding]:
    """Return the finding of a job that is paused for too long.

    ``paused``: epoch milliseconds since which the ledger pauses it, or 0. ``by``: the operator, and the reason.
    """
    if paused and now - paused >= LONG:
        facts: dict[str, Any] = {"by": by.get("by", ""), "reason": by.get("reason", ""), "in": "ledger"}
        return [Finding(job.job, "paused", paused, facts, fingerprint=f"ledger {paused}")]
    lives = [state.live for state in states if state.declared.job == job.job]
    off = [live.modified for live in lives if live is not None and not live.enabled]
    if not job.enabled and lives and len(off) == len(lives) and now - max(off) >= LONG:
        facts = {"where": job.where, "in": "code"}
        return [Finding(job.job, "paused", max(off), facts, fingerprint="code")]
    return []


def input_of(text: str | None) -> dict[str, Any] | None:
    """Return the input of an occurrence from the Input of its schedule's target; None if it has none."""
    try:
        input = json.loads(text or "")["input"]
    except (ValueError, KeyError, TypeError):
        return None
    return input if isinstance(input, dict) and "<aws.scheduler." not in json.dumps(input) else None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
