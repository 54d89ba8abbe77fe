"""Events of the local cloud as lines of text: time, job and what happened. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from cronstack_infra import names
from cronstack_infra.cli.output.spans import span
from cronstack_infra.local.engine.skipped_instants import MAX_COUNTED
from cronstack_infra.plural import counted

LONGEST_RESULT: Final = 100

Mood = Literal["quiet", "plain", "good", "bad"]


class Line(NamedTuple):
    """One line of output."""

    at: datetime
    job: str
    text: str
    mood: Mood


def line(event: Mapping[str, Any], stack: str) -> Line | None:
    """Return the line of an event. None for an event that ``up`` does not show."""
    describe = _DESCRIBED.get(event["event"])
    described = describe(event) if describe is not None else None
    if described is None:
        return None
    text, mood = described
    return Line(datetime.fromisoformat(event["at"]), job_of(event, stack), text, mood)


def job_of(event: Mapping[str, Any], stack: str) -> str:
    """Return the job of an event, or the name of the function or schedule if it belongs to another stack."""
    schedule = event.get("schedule") or ""
    function = event.get("function") or ""
    if names.DEPLOY_CHECK_FUNCTION in function:
        return "deploy check"
    if function.startswith(f"{stack}-"):
        return str(function.removeprefix(f"{stack}-"))
    name = schedule.rpartition("/")[2]
    found = names.job_of_schedule(stack, name) or names.job_of_carrier(name) or names.job_of_plan(name)
    return found or function or schedule


def _scheduled(event: Mapping[str, Any]) -> tuple[str, Mood] | None:
    """Describe a new carrier or plan. Deployed schedules are left out: ``up`` lists them."""
    if event.get("next") is None:
        return None
    if _is_plan(event):
        return f"planned for {moment(event['next'], event['at'])} UTC", "plain"
    return (f"comes back at {moment(event['next'], event['at'])} UTC", "plain") if _is_carrier(event) else None


def _fired(event: Mapping[str, Any]) -> tuple[str, Mood]:
    if _is_carrier(event):
        return "came back", "plain"
    return f"fired for {moment(event['scheduled'], event['at'])} UTC", "plain"


def _passed_over(event: Mapping[str, Any]) -> tuple[str, Mood]:
    count, first, last = event["count"], moment(event["first"], event["at"]), moment(event["last"], event["at"])
    which = first if event["first"] == event["last"] else f"{first} to {last}"
    why = "the machine slept, or its clock was set ahead. Only the latest firing runs"
    return f"{'at least ' * (count >= MAX_COUNTED)}{counted(count, 'firing')} passed over, {which} UTC: {why}", "bad"


def _clock_set_back(event: Mapping[str, Any]) -> tuple[str, Mood]:
    by = span(timedelta(seconds=event["seconds"]))
    return f"the clock was set back by {by}. A firing whose occurrence has run is a duplicate", "bad"


def _started(event: Mapping[str, Any]) -> tuple[str, Mood]:
    """Show the try of Lambda, which counts per event. A carrier is a new event; the job's attempt is in its answer."""
    return "started" if event["attempt"] == 1 else f"started, Lambda's try {event['attempt']}", "quiet"


def _finished(event: Mapping[str, Any]) -> tuple[str, Mood]:
    took = f"{event['seconds']:.2f} s"
    if event["outcome"] != "ok":
        return f"failed after {took}: {_short(event.get('error'))}", "bad"
    answer = _object(event.get("result"))
    status = answer.get("cronstack")
    if status is None:
        result = "" if event.get("result") == "null" else _short(event.get("result"))
        return f"finished in {took}  {result}".rstrip(), "good"
    why = answer.get("reason") or answer.get("note")
    attempt = f", attempt {answer['attempt']}" if answer.get("attempt") else ""
    return f"{status}{f' ({_short(why)})' if why else ''} in {took}{attempt}", _MOODS.get(status, "bad")


def _retry(event: Mapping[str, Any]) -> tuple[str, Mood]:
    return f"again in {event['in_seconds']:.0f} s", "plain"


def _dead_letter(event: Mapping[str, Any]) -> tuple[str, Mood]:
    return f"dead letter ({event['origin']}): {event['reason']}{_why(event)}", "bad"


def _dropped(event: Mapping[str, Any]) -> tuple[str, Mood]:
    return f"dropped: {event.get('reason', 'no dead-letter queue')}{_why(event)}", "bad"


def _why(event: Mapping[str, Any]) -> str:
    """Return the error with its remedy: the role that lacks a permission, or that cannot be assumed."""
    error, role = str(event.get("error") or ""), str(event.get("role") or "")
    if denied := _DENIED.search(error):
        role_name, action, resource = denied.groups()
        return f": role {role_name} lacks {action} on {resource}. Allow it in a policy of that role"
    if not error:
        return ""
    return f": {error} Role: {role}" if "assume" in error and role and role not in error else f": {error}"


def _fault(event: Mapping[str, Any]) -> tuple[str, Mood]:
    return f"internal error of the local cloud: {event['error']}", "bad"


def _note(event: Mapping[str, Any]) -> tuple[str, Mood]:
    return str(event["text"]), "bad"


def _log(event: Mapping[str, Any]) -> tuple[str, Mood] | None:
    """Describe a log line of a handler. Lines of the guard are left out, except errors."""
    fields = _object(event["line"])
    if "message" in fields:
        return str(fields["message"]), "plain" if fields.get("level") in ("DEBUG", "INFO") else "bad"
    if "cronstack" in fields:
        return (_short(fields["error"]), "bad") if "error" in fields else None
    return str(event["line"]).rstrip(), "quiet"


def _is_carrier(event: Mapping[str, Any]) -> bool:
    return names.job_of_carrier(str(event.get("schedule") or "").rpartition("/")[2]) is not None


def _is_plan(event: Mapping[str, Any]) -> bool:
    return names.job_of_plan(str(event.get("schedule") or "").rpartition("/")[2]) is not None


_DENIED: Final = re.compile(r"assumed-role/([^/]+)/\S* is not authorized to perform: (\S+) on resource: (\S+)")

_MOODS: Final[dict[str, Mood]] = {
    "succeeded": "good",
    "duplicate": "quiet",
    "skipped": "plain",
    "deferred": "plain",
    "overtaken": "quiet",
    "buffered": "plain",
}
"""Mood by the status in the guard's answer. Any other status is "bad"."""

_Described = Callable[[Mapping[str, Any]], tuple[str, Mood] | None]
_DESCRIBED: Final[dict[str, _Described]] = {
    "scheduled": _scheduled,
    "fired": _fired,
    "passed_over": _passed_over,
    "clock_set_back": _clock_set_back,
    "started": _started,
    "finished": _finished,
    "retry": _retry,
    "dead_letter": _dead_letter,
    "dropped": _dropped,
    "fault": _fault,
    "note": _note,
    "log": _log,
}


def clock(instant: str) -> str:
    """Return "12:34:00" for an ISO time."""
    return f"{datetime.fromisoformat(instant):%H:%M:%S}"


def moment(instant: str, now: str) -> str:
    """Return "12:34:00", or with its date if ``now`` is on another day."""
    at, today = datetime.fromisoformat(instant), datetime.fromisoformat(now)
    return clock(instant) if at.date() == today.date() else f"{at:%Y-%m-%d %H:%M:%S}"


def _object(value: object) -> Mapping[str, Any]:
    """Return a JSON object, given as an object or as text. Empty for any other value."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _short(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_RESULT else f"{text[: LONGEST_RESULT - 1]}…"
