"""Decide about an occurrence that has a run in the ledger. Pure."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.defaults import DEFAULTS
from cronstack.ledger.open_runs import PATIENCE
from cronstack.ledger.rows import RunItem
from cronstack.occurrence import split_generation, to_datetime, to_milliseconds
from cronstack_infra.ops.audit import Action
from cronstack_infra.ops.explaining.facts import Facts, LoggedEnd
from cronstack_infra.ops.explaining.verdict import Cause, Verdict
from cronstack_infra.ops.ledger.kept import event_of_run

MARGIN: Final = int(DEFAULTS.skew_margin * 1000)
OPERATORS: Final = {
    "trigger": Cause.RAN_BY_TRIGGER,
    "backfill": Cause.RAN_BY_BACKFILL,
    "redrive": Cause.RAN_BY_REDRIVE,
}
"""The cause of a run that an operator has started, by the command."""
SKIPS: Final = {
    "overlap": Cause.SKIPPED_OVERLAP,
    "slot_full": Cause.SKIPPED_SLOT_FULL,
    "paused": Cause.SKIPPED_PAUSED,
}


def of_run(facts: Facts, run: RunItem) -> Verdict:
    """Return the verdict on a run."""
    cause: Cause
    more: dict[str, Any]
    match run.status:
        case "succeeded":
            cause, more = _succeeded(facts, run)
        case "running":
            cause, more = _running(facts, run)
        case "retrying" | "crashed" | "buffered":
            cause, more = _waiting(facts, run)
        case "skipped":
            cause, more = SKIPS.get(run.reason, Cause.SKIPPED), {"other": run.met, "reason": run.reason}
            if cause == Cause.SKIPPED_PAUSED and facts.pause is not None:
                more |= paused(facts)
        case "missed":
            cause, more = Cause.MISSED, {"by": _started_by(facts, run)}
        case "dead":
            cause, more = _dead(run)
        case _:
            cause, more = Cause.NO_ROW, {"reason": f"its status {run.status!r} is of a newer version of Cronstack"}
    return Verdict(cause, run.occurrence, to_datetime(run.due), run.status, _shared(facts, run) | more)


def _shared(facts: Facts, run: RunItem) -> dict[str, Any]:
    """Return the facts that all runs have."""
    generation = split_generation(run.occurrence)[1]
    first = facts.generations[0] if facts.generations and facts.generations[0] is not run else None
    return {
        "attempt": run.attempt,
        "limit": run.limit,
        "error": error_of(run),
        "key": run.key,
        "generation": generation if generation > 1 else None,
        "first_status": first.status if first is not None and generation > 1 else None,
        "letter": facts.letters[0].id if facts.letters else None,
    }


def error_of(run: RunItem) -> str:
    """Return class and message of the last failure; "" if the row has none."""
    try:
        error = json.loads(run.error) if run.error else None
    except ValueError:
        return run.error
    return f"{error.get('type', '')}: {error.get('message', '')}" if isinstance(error, dict) else ""


def _error_type(run: RunItem) -> str:
    return error_of(run).partition(":")[0]


# -- success -----------------------------------------------------------------------------------------------------------
def _succeeded(facts: Facts, run: RunItem) -> tuple[Cause, dict[str, Any]]:
    late = lateness(facts, run)
    facts_of = {"late": int(late.total_seconds()) if late is not None else None, "other": run.met}
    if (by := _started_by(facts, run)) is not None:
        return by, facts_of | _operator(facts, run, by)
    if run.attempt > 1:
        return _after_attempts(facts, run, facts_of)
    if run.met:
        return Cause.RAN_AFTER_WAIT, facts_of
    if late is not None:
        return Cause.RAN_LATE, facts_of | _why_late(facts)
    return (Cause.RAN_AS_PLANNED if run.key else Cause.RAN), facts_of


def lateness(facts: Facts, run: RunItem) -> timedelta | None:
    """Return how late its first attempt has started, from its due time; None if it was in time, or is unknown.

    The row has the start of the last attempt only.
    """
    if run.attempt != 1 or not run.started:
        return None
    late = to_datetime(run.started) - to_datetime(run.due)
    return late if late > window(facts) + timedelta(seconds=late_after(facts)) else None


def window(facts: Facts) -> timedelta:
    """Return the longest flexible window of the job: its deadlines count from its end."""
    if facts.question.key or (facts.run is not None and facts.run.key):
        return timedelta()
    return timedelta(minutes=max((seen.deployed.schedule.window for seen in facts.schedules), default=0))


def late_after(facts: Facts) -> int:
    return facts.declared.late_after if facts.declared is not None else DEFAULTS.late_after


def start_deadline(facts: Facts, due: datetime) -> datetime:
    """Return the time by which an occurrence must start."""
    seconds = facts.declared.start_deadline if facts.declared is not None else DEFAULTS.start_deadline
    return due + window(facts) + timedelta(seconds=seconds)


def _started_by(facts: Facts, run: RunItem) -> Cause | None:
    """Return the cause if an operator has started the run; None if Scheduler has."""
    base, generation = split_generation(run.occurrence)
    action = _action(facts, run)
    if action is not None:
        return OPERATORS[action.action]
    if _has_more_attempts(facts, run):
        return Cause.RAN_BY_REDRIVE
    if base.startswith("m-"):
        return Cause.RAN_BY_TRIGGER
    if generation > 1:
        return Cause.RAN_BY_BACKFILL
    by_watchdog = facts.declared is not None and facts.declared.on_missed == "run"
    event = event_of_run(facts.job, run) if run.event else None
    if event is not None and event.get("by") == "operator":
        kind = str(event.get("kind"))
        return Cause.RAN_BY_WATCHDOG if by_watchdog and kind == "backfill" else OPERATORS.get(kind)
    if lateness(facts, run) is None or run.met or run.status != "succeeded":
        return None
    after_deadline = to_datetime(run.started) > start_deadline(facts, to_datetime(run.due)) + timedelta(minutes=1)
    if not after_deadline:
        return None
    return Cause.RAN_BY_WATCHDOG if by_watchdog else Cause.RAN_BY_OPERATOR


def _has_more_attempts(facts: Facts, run: RunItem) -> bool:
    """Return whether a redrive has given the run further attempts. An attempt that was given back adds one, too."""
    if facts.declared is None or run.limit <= facts.declared.retries + 1:
        return False
    return all(end.reason != "early" for end in facts.logged.ends)


def _action(facts: Facts, run: RunItem) -> Action | None:
    """Return the latest action that has started this run."""
    begin = to_datetime(run.started) if run.started else facts.now
    started = [
        action
        for action in facts.actions
        if action.action in OPERATORS and to_datetime(run.due) - timedelta(seconds=60) <= action.at <= begin
    ]
    return max(started, key=lambda action: action.at, default=None)


def _operator(facts: Facts, run: RunItem, by: Cause) -> dict[str, Any]:
    action = _action(facts, run)
    if action is None:
        return {}
    return {"by": action.operator.by, "why": action.operator.reason, "asked": action.at}


def _after_attempts(facts: Facts, run: RunItem, facts_of: dict[str, Any]) -> tuple[Cause, dict[str, Any]]:
    """Decide by the log how the earlier attempts have ended: the row of a successful run does not store it."""
    ends: dict[int, LoggedEnd] = {end.attempt: end for end in facts.logged.ends if end.attempt}
    if run.attempt not in ends:  # the log does not reach this run
        return Cause.RAN_AFTER_ATTEMPTS, facts_of
    killed = [number for number in range(1, run.attempt) if number not in ends]
    failed = {number: end.error or end.reason for number, end in ends.items() if number < run.attempt}
    more = {"killed": tuple(killed), "failed": tuple(f"{number}: {error}" for number, error in failed.items())}
    if killed:
        return Cause.RAN_AFTER_CRASH, facts_of | more
    return Cause.RAN_AFTER_FAILURE, facts_of | more


def _why_late(facts: Facts) -> dict[str, Any]:
    deferred = [end.reason for end in facts.logged.ends if end.status == "deferred" and end.reason]
    return {"deferred": deferred[0] if deferred else None}


# -- before the end ----------------------------------------------------------------------------------------------------
def _running(facts: Facts, run: RunItem) -> tuple[Cause, dict[str, Any]]:
    more: dict[str, Any] = {"until": to_datetime(run.expires) if run.expires else None, "by": _started_by(facts, run)}
    late = lateness(facts, run)
    more["late"] = int(late.total_seconds()) if late is not None else None
    now = to_milliseconds(facts.now)
    if run.expires and now > run.expires + MARGIN:
        if facts.pause is not None:
            return Cause.WAITS_FOR_RESUME, more | paused(facts)
        waits = run.attempt > 1 or bool(run.event)
        lost = waits and not facts.carriers and now - run.expires > PATIENCE
        return (Cause.STRAY if lost else Cause.LEASE_ENDED), more | _next_carrier(facts)
    if run.attempt > 1:
        return (Cause.RUNNING_AFTER_FAILURE if run.error else Cause.RUNNING_AFTER_CRASH), more
    return Cause.RUNNING, more


def _waiting(facts: Facts, run: RunItem) -> tuple[Cause, dict[str, Any]]:
    """Decide about a retrying, crashed or buffered run."""
    now, due = to_milliseconds(facts.now), to_datetime(run.due)
    more: dict[str, Any] = _next_carrier(facts) | {"other": run.met, "by": _started_by(facts, run)}
    if facts.pause is not None and run.status != "buffered":
        return Cause.WAITS_FOR_RESUME, more | paused(facts)
    expected = run.due if run.status == "buffered" else max(run.after, run.ended)
    if not facts.carriers and now - expected > PATIENCE:
        return Cause.STRAY, more | {"since": to_datetime(expected)}
    if run.status == "buffered":
        event = event_of_run(facts.job, run) or {}
        until = None if event.get("by") == "operator" else start_deadline(facts, due)
        return Cause.BUFFERED, more | {"until": until}
    if run.status == "retrying":
        return Cause.RETRYING, more | {"after": to_datetime(run.after)}
    return Cause.CRASHED, more | {"since": to_datetime(run.ended)}


def paused(facts: Facts) -> dict[str, Any]:
    """Return the time, the operator and the reason of the pause."""
    assert facts.pause is not None
    return {"paused": facts.pause.since, "paused_by": facts.pause.by, "why": facts.pause.reason}


def _next_carrier(facts: Facts) -> dict[str, Any]:
    return {"carrier": min(carrier.due for carrier in facts.carriers)} if facts.carriers else {}


def _dead(run: RunItem) -> tuple[Cause, dict[str, Any]]:
    more = {"reported": to_datetime(run.reported) if run.reported else None}
    if _error_type(run) == "Crashed":
        return Cause.DEAD_CRASHED, more
    return (Cause.DEAD_PERMANENT if run.attempt < run.limit else Cause.DEAD), more
