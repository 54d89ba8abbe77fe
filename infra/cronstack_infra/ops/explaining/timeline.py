"""The events of the page, in the order of their times. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from cronstack.ledger.rows import PlanItem, RunItem
from cronstack.occurrence import print_instant, to_datetime
from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.of_runs import error_of, start_deadline, window
from cronstack_infra.ops.explaining.verdict import Verdict
from cronstack_infra.plural import counted


class Event(NamedTuple):
    """One event. It may be in the future."""

    at: datetime
    what: str

    def as_json(self) -> dict[str, str]:
        return {"at": print_instant(self.at), "what": self.what}


def timeline(facts: Facts, verdict: Verdict) -> list[Event]:
    """Return the events, the oldest first."""
    actions = [Event(action.at, f"cronstack {action.action} by {action.operator.by}") for action in facts.actions]
    events = [*_due(facts, verdict), *_plan(facts.plan), *actions, *_logged(facts), *_run(facts.run)]
    for other, what in ((facts.other, "the other occurrence"), (facts.in_slot, "the occurrence in the slot")):
        if other is not None:
            events += [Event(at, f"{what}, {other.occurrence}, {did}") for at, did in _run(other)]
    events += [Event(letter.since, f"dead letter sent: {letter.reason}") for letter in facts.letters]
    events += [Event(each.due, f"{'its schedule' if facts.plan else 'its carrier'} comes") for each in facts.carriers]
    if facts.pause is not None:
        events.append(Event(facts.pause.since, "the job was paused"))
    return sorted(dict.fromkeys(events), key=lambda event: event.at)


def _due(facts: Facts, verdict: Verdict) -> list[Event]:
    if verdict.due is None or not verdict.occurrence:
        return []
    events = [Event(verdict.due, "due")]
    if window(facts):
        events.append(Event(verdict.due + window(facts), "end of its flexible window"))
    if verdict.cause.value in ("missed", "never-arrived", "due-now", "deferred", "buffered", "undelivered"):
        events.append(Event(start_deadline(facts, verdict.due), "start deadline"))
    return events


def _plan(plan: PlanItem | None) -> list[Event]:
    if plan is None:
        return []
    again = f" again (moved {counted(plan.moves, 'time')})" if plan.moves else ""
    events = [Event(to_datetime(plan.revision), f"code planned the key {plan.key!r}{again}")]
    if plan.begun:
        events.append(Event(to_datetime(plan.begun), "its plan was started"))
    return events


def _run(run: RunItem | None) -> list[Event]:
    if run is None:
        return []
    events = []
    if run.started:
        events.append(Event(to_datetime(run.started), f"attempt {run.attempt} of {run.limit} started"))
    if run.ended:
        events.append(Event(to_datetime(run.ended), _ending(run)))
    if run.status == "running" and run.expires:
        events.append(Event(to_datetime(run.expires), "end of its lease"))
    if run.after and run.status == "retrying":
        events.append(Event(to_datetime(run.after), "earliest start of the next attempt"))
    if run.reported:
        events.append(Event(to_datetime(run.reported), "its dead letter was sent"))
    return events


def _ending(run: RunItem) -> str:
    error = error_of(run)
    match run.status:
        case "retrying":
            return f"attempt {run.attempt} failed: {error}"
        case "dead":
            return f"dead at attempt {run.attempt}: {error}"
        case "crashed":
            return f"attempt {run.attempt} was found killed"
        case "skipped" | "missed":
            return f"{run.status}: {run.reason}" + (f", {run.met} was running" if run.met else "")
        case _:
            return run.status


def _logged(facts: Facts) -> list[Event]:
    run = facts.run
    return [
        Event(end.at, _log_line(end))
        for end in facts.logged.ends
        if run is None or (end.status, end.attempt) != (run.status, run.attempt)
    ]


def _log_line(end: Any) -> str:
    number = f"attempt {end.attempt}: " if end.attempt else ""
    why = end.error or end.reason
    return f"{number}{end.status}{f', {why}' if why else ''} (log)"
