"""What to do next, as exact commands. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from cronstack.occurrence import print_time, split_generation, to_milliseconds
from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.verdict import Cause, Verdict


def remedies(facts: Facts, verdict: Verdict) -> list[str]:
    """Return the commands, the most useful first; an empty list if nothing is to be done."""
    found = _BY_CAUSE.get(verdict.cause, _none)(facts, verdict)
    return [*found, *(f"cronstack incidents ack {facts.job} {row['cause']}" for row in facts.incidents[:1])]


_Remedy = Callable[[Facts, Verdict], list[str]]


def _none(facts: Facts, verdict: Verdict) -> list[str]:
    return []


def _job(facts: Facts) -> str:
    return shlex.quote(facts.job)


def _show(facts: Facts, verdict: Verdict) -> list[str]:
    return [f"cronstack runs show {_job(facts)} {verdict.occurrence}"]


def _log(facts: Facts, verdict: Verdict) -> list[str]:
    since = f" --since {print_time(to_milliseconds(verdict.due))}" if verdict.due is not None else ""
    return [f"cronstack logs {_job(facts)}{since}"]


def _other(facts: Facts, verdict: Verdict) -> list[str]:
    other = verdict.facts.get("other")
    return [f"cronstack explain {_job(facts)} {other}"] if other else []


def _run_again(facts: Facts, verdict: Verdict) -> list[str]:
    """Return the command that runs an occurrence that has no final run."""
    if verdict.due is None or not split_generation(verdict.occurrence)[0].startswith("t-"):
        return []
    return [f"cronstack trigger {_job(facts)} --at {_time(verdict.due)} --wait"]


def _backfill(facts: Facts, verdict: Verdict, kind: str) -> list[str]:
    """Return the command that runs a skipped occurrence as a new generation."""
    if verdict.due is None or not verdict.occurrence.startswith("t-"):
        return []
    first = to_milliseconds(verdict.due)
    return [f"cronstack backfill {_job(facts)} {kind} --from {print_time(first)} --to {print_time(first + 1000)}"]


def _never_arrived(facts: Facts, verdict: Verdict) -> list[str]:
    return [*_run_again(facts, verdict), *_log(facts, verdict), "cronstack strays"]


def _again(facts: Facts, verdict: Verdict) -> list[str]:
    return [*_other(facts, verdict), *_backfill(facts, verdict, "all")]


def _redrive(facts: Facts, verdict: Verdict) -> list[str]:
    letter = verdict.facts.get("letter")
    chosen = f"--id {letter}" if letter else f"{_job(facts)}"
    return [f"cronstack dead-letters redrive {chosen} --dry-run", f"cronstack dead-letters redrive {chosen} --wait"]


def _dead(facts: Facts, verdict: Verdict) -> list[str]:
    return [*_log(facts, verdict), *_redrive(facts, verdict)]


def _resume(facts: Facts, verdict: Verdict) -> list[str]:
    return [f"cronstack resume {_job(facts)}"]


def _resume_and_repeat(facts: Facts, verdict: Verdict) -> list[str]:
    resume = _resume(facts, verdict) if facts.pause is not None else []
    if facts.plan is not None:
        return [*resume, f"cronstack once move {_job(facts)} --key {shlex.quote(facts.plan.key)} --in 5m"]
    return [*resume, *_backfill(facts, verdict, "missing")]


def _strays(facts: Facts, verdict: Verdict) -> list[str]:
    return ["cronstack strays", "cronstack strays --fix"]


def _plan(facts: Facts, verdict: Verdict) -> list[str]:
    return [f"cronstack once show {_job(facts)} --key {shlex.quote(str(verdict.facts.get('key')))}"]


def _next(facts: Facts, verdict: Verdict) -> list[str]:
    return [f"cronstack next {_job(facts)}"]


def _keys(facts: Facts, verdict: Verdict) -> list[str]:
    return [
        f"cronstack explain {_job(facts)} " + (name if name.startswith("m-") else f"--key {shlex.quote(name)}")
        for name in facts.keys
    ]


def _around(facts: Facts, verdict: Verdict) -> list[str]:
    runs = [run for run in (facts.before, facts.after) if run is not None]
    return [f"cronstack explain {_job(facts)} {run.occurrence}" for run in runs] or [f"cronstack runs {_job(facts)}"]


def _enable(facts: Facts, verdict: Verdict) -> list[str]:
    is_past = verdict.due is not None and verdict.due <= facts.now
    return ["cronstack cdk deploy", *(_run_again(facts, verdict) if is_past else [])]


def _time(moment: datetime) -> str:
    return print_time(to_milliseconds(moment))


_BY_CAUSE: Final[Mapping[Cause, _Remedy]] = {
    Cause.RAN_AFTER_FAILURE: _log,
    Cause.RAN_AFTER_CRASH: _log,
    Cause.RAN_AFTER_ATTEMPTS: _log,
    Cause.RAN_LATE: _log,
    Cause.RAN_AFTER_WAIT: _other,
    Cause.RUNNING: _log,
    Cause.RUNNING_AFTER_FAILURE: _log,
    Cause.RUNNING_AFTER_CRASH: _log,
    Cause.LEASE_ENDED: _log,
    Cause.RETRYING: _log,
    Cause.CRASHED: _log,
    Cause.BUFFERED: _other,
    Cause.WAITS_FOR_RESUME: _resume,
    Cause.STRAY: _strays,
    Cause.SKIPPED_OVERLAP: _again,
    Cause.SKIPPED_SLOT_FULL: _again,
    Cause.SKIPPED_PAUSED: _resume_and_repeat,
    Cause.MISSED: _redrive,
    Cause.DEAD: _dead,
    Cause.DEAD_PERMANENT: _dead,
    Cause.DEAD_CRASHED: _dead,
    Cause.PLANNED: _plan,
    Cause.PLAN_MOVED: _plan,
    Cause.PLAN_CANCELLED: _plan,
    Cause.PLAN_OVERDUE: _strays,
    Cause.PLAN_STARTED: _strays,
    Cause.FUTURE: _next,
    Cause.FUTURE_PAUSED: _resume,
    Cause.FUTURE_DISABLED: _enable,
    Cause.NEVER_ARRIVED: _never_arrived,
    Cause.UNDELIVERED: _redrive,
    Cause.REFUSED: lambda facts, verdict: [f"cronstack dead-letters show {verdict.facts.get('letter')}"],
    Cause.DISABLED: _enable,
    Cause.CHANGED_SINCE: _run_again,
    Cause.NOT_DUE: _next,
    Cause.BEFORE_START: _next,
    Cause.AFTER_END: _next,
    Cause.CLOCKS_SKIP: _next,
    Cause.SECOND_PASS: _other,
    Cause.SEVERAL: _keys,
    Cause.RATE: _around,
    Cause.NO_ROW: lambda facts, verdict: [f"cronstack runs {_job(facts)}"],
}
