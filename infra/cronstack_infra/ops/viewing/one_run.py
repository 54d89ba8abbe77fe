"""Everything that is stored about one run: its row, attempts, input, dead letter, carriers, plan and actions. Pure.

``explaining.gathering`` reads the facts. The input and the result are redacted like log lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cronstack.errors import OperationError
from cronstack.ledger.rows import RunItem
from cronstack.occurrence import print_instant, print_time, to_datetime
from cronstack.telemetry.logs import redact
from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.moments import both
from cronstack_infra.ops.runs import row_of


def details(facts: Facts) -> dict[str, Any]:
    """Return everything as JSON values. Raise OperationError if neither a run, a plan nor a letter exists."""
    run, plan = facts.run, facts.plan
    item = run if run is not None else plan
    if item is None and not facts.letters:
        asked = facts.question.text
        key = f"--key {facts.question.key}" if facts.question.key else asked
        raise OperationError(
            f"{facts.job} has no run for {asked} in the ledger",
            remedy=f"To see why: cronstack explain {facts.job} {key}",
        )
    row = {} if item is None else row_of(facts.job, item, facts.now).as_json()
    return {
        **row,
        "zone": facts.question.zone,
        "attempts": _attempts(facts),
        "input": redact(input_of(facts)),
        "trace": _trace(run),
        "checkpoint": redact(_json(run.checkpoint)) if run is not None and run.checkpoint else None,
        "holder": run.holder if run is not None and run.status == "running" else None,
        "expires": _time(run.expires) if run is not None and run.status == "running" else None,
        "generations": [other.occurrence for other in facts.generations],
        "letters": [letter.as_json() | {"event": None} for letter in facts.letters],
        "carriers": [
            {"schedule": f"{each.group}/{each.name}", "due": print_instant(each.due)} for each in facts.carriers
        ],
        "plan": None if plan is None else _plan(facts),
        "actions": [action.as_json() for action in facts.actions],
        "unread": list(facts.unread),
    }


def input_of(facts: Facts) -> Any:
    """Return the input of the event that a row or a dead letter stores; None for a run that has succeeded."""
    stored = [row.event for row in (facts.run, facts.plan) if row is not None and row.event]
    events = [_json(text) for text in stored] + [letter.contents.event for letter in facts.letters]
    return next((event["input"] for event in events if isinstance(event, Mapping) and "input" in event), None)


def lines(facts: Facts) -> Iterator[str]:
    """Yield the text for a terminal. Raise as ``details``."""
    found, zone = details(facts), facts.question.zone
    names = ("job", "occurrence", "key", "status", "reason", "other_occurrence")
    for name in names:
        if found.get(name):
            yield f"{name.replace('_', ' '):<12}{found[name]}"
    for name in ("due", "started", "ended", "after", "expires"):
        if found.get(name):
            yield f"{name:<12}{both(_read(found[name]), zone)}"
    if found.get("attempt"):
        yield f"{'attempt':<12}{found['attempt']} of {found['limit']}"
    for name in ("input", "result", "error", "checkpoint"):
        if found.get(name) not in (None, ""):
            yield f"{name:<12}{found[name] if isinstance(found[name], str) else json.dumps(found[name])}"
    if facts.run is not None and found["input"] is None and facts.run.status == "succeeded":
        yield f"{'input':<12}not stored: the run has succeeded"
    yield from _section("Traceback", [line for frame in found["trace"] for line in frame.splitlines()])
    yield from _section(
        "Ends of its invocations, from the log", [_attempt_line(one, zone) for one in found["attempts"]]
    )
    yield from _section("Generations", found["generations"] if len(found["generations"]) > 1 else [])
    yield from _section("Plan", [f"{name}: {value}" for name, value in (found["plan"] or {}).items() if value])
    yield from _section("Dead letters", [f"{one['id']}  {one['reason']}: {one['error']}" for one in found["letters"]])
    yield from _section("Brought back by", [f"{one['schedule']} at {one['due']}" for one in found["carriers"]])
    yield from _section("Actions", [_action_line(one, zone) for one in found["actions"]])
    yield from _section("Not read", found["unread"])


def _section(title: str, texts: list[str]) -> Iterator[str]:
    if texts:
        yield ""
        yield title
        yield from (f"  {text}" for text in texts)


def _attempts(facts: Facts) -> list[dict[str, Any]]:
    return [
        {
            "at": print_instant(end.at),
            "attempt": end.attempt or None,
            "status": end.status,
            "reason": end.reason or None,
            "error": end.error or None,
        }
        for end in facts.logged.ends
    ]


def _attempt_line(one: Mapping[str, Any], zone: str) -> str:
    number = f"attempt {one['attempt']}: " if one["attempt"] else ""
    why = one["error"] or one["reason"]
    return f"{both(_read(one['at']), zone)}  {number}{one['status']}{f', {why}' if why else ''}"


def _action_line(one: Mapping[str, Any], zone: str) -> str:
    why = f": {one['reason']}" if one["reason"] else ""
    return f"{both(_read(one['at']), zone)}  {one['action']} by {one['by']}{why}"


def _plan(facts: Facts) -> dict[str, Any]:
    plan = facts.plan
    assert plan is not None
    return {
        "status": plan.status,
        "due": print_time(plan.due),
        "asked": plan.asked or None,
        "planned": _time(plan.revision),
        "moves": plan.moves,
        "begun": _time(plan.begun),
    }


def _trace(run: RunItem | None) -> list[str]:
    error = _json(run.error) if run is not None and run.error else None
    trace = error.get("trace") if isinstance(error, dict) else None
    return [str(frame) for frame in trace] if isinstance(trace, list) else []


def _time(milliseconds: int) -> str | None:
    return print_instant(to_datetime(milliseconds)) if milliseconds else None


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
