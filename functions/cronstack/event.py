"""The event that starts an occurrence, as Scheduler, a plan, a carrier or an operator sends it, and how it is read.

``parse_event`` treats each event as untrusted input. It refuses any other event with a reason, before a request to the
ledger and before the handler runs. The event chooses no policy, lease or table; only the deployed code does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cronstack.errors import EventError
from cronstack.occurrence import (
    HIGHEST_REVISION,
    Kind,
    Occurrence,
    is_job_name,
    is_key,
    payload_hash,
    planned_id,
    print_time,
    scheduled_id,
    split_generation,
    to_milliseconds,
    with_generation,
)
from cronstack.payload import CONTEXT_ATTRIBUTE, check_shape, print_json, shown

SCHEMA: Final = 1
"""Version of the event, under the key "cronstack"."""
LARGEST: Final = 200 * 1024
"""Most bytes of an event. A dead letter contains the event, and a queue takes 256 KB from older senders."""
DEEPEST: Final = 64
"""Most levels of nesting in an event."""
HIGHEST_GENERATION: Final = 9999
HIGHEST_HOP: Final = 1 << 53
"""The hops of the slot's carriers are epoch minutes (see ``carrier``), so they are large numbers."""
OPERATOR_KINDS: Final = ("trigger", "backfill", "redrive")
_TRIGGER_ID = re.compile(r"m-[0-9A-HJKMNP-TV-Z]{26}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


def scheduled_input(job: str, input: Mapping[str, Any]) -> str:
    """Return the Input of a schedule's target, as JSON. Scheduler replaces the three attributes in their strings."""
    event = {
        "cronstack": SCHEMA,
        "job": job,
        "scheduled": "<aws.scheduler.scheduled-time>",
        "schedule": "<aws.scheduler.schedule-arn>",
        "delivery": "<aws.scheduler.execution-id>",
        "input": dict(input),
    }
    return _print_event(event)


def planned_event(job: str, key: str, revision: int, *, due: int, input: Mapping[str, Any]) -> str:
    """Return the Input of a plan's one-time schedule, as JSON. ``due``: epoch milliseconds, of whole seconds."""
    event = {
        "cronstack": SCHEMA,
        "job": job,
        "scheduled": print_time(due),
        "key": key,
        "revision": revision,
        "input": dict(input),
    }
    text = _print_event(event)
    if CONTEXT_ATTRIBUTE in text:
        raise EventError(
            "BadPayload",
            f"the key or the input contains {CONTEXT_ATTRIBUTE!r}, which Scheduler would replace",
            remedy="Write the time or the name itself; run.scheduled has the due time.",
        )
    return text


def operator_event(
    job: str,
    kind: Kind,
    *,
    due: int,
    requested: int,
    input: Mapping[str, Any],
    occurrence: str | None = None,
    generation: int = 1,
    redrive: int | None = None,
    key: str = "",
    revision: int | None = None,
    while_paused: bool = False,
) -> dict[str, Any]:
    """Return the event of a trigger, a backfill or a redrive. ``occurrence``: for an occurrence with a ULID only.

    ``while_paused``: it runs although the job is paused.
    """
    event: dict[str, Any] = {
        "cronstack": SCHEMA,
        "job": job,
        "scheduled": print_time(due),
        "by": "operator",
        "kind": kind,
        "input": dict(input),
        "requested": print_time(requested),
    }
    if occurrence is not None:
        event["occurrence"] = occurrence
    if generation != 1:
        event["generation"] = generation
    if redrive is not None:
        event["redrive"] = redrive
    if key:
        event |= {"key": key, "revision": revision}
    if while_paused:
        event["while_paused"] = True
    _print_event(event)
    return event


def redrive_event(
    occurrence: Occurrence, *, requested: int, attempt: int | None, while_paused: bool = False
) -> dict[str, Any]:
    """Return the event of a redrive: same occurrence, next attempt. ``attempt``: of the dead run, None without a run.

    ``while_paused``: it runs although the job is paused. Otherwise the redrive waits until the job is resumed.

    A generation keeps the time of its first request: a redrive does not make it younger.
    """
    base, generation = split_generation(occurrence.id)
    first_request = occurrence.requested if generation != 1 and occurrence.requested is not None else requested
    return operator_event(
        occurrence.job,
        "redrive",
        due=occurrence.due,
        requested=first_request,
        input=occurrence.input,
        occurrence=base if base.startswith("m-") else None,
        generation=generation,
        redrive=attempt,
        key=occurrence.key,
        revision=occurrence.revision,
        while_paused=while_paused,
    )


def parse_event(event: object, job: str) -> Occurrence:
    """Read an event of the function of ``job``. Raise EventError with the reason for its dead letter."""
    fields = _own_object(event)
    name = fields.get("job")
    if not is_job_name(name):
        raise EventError("BadName", f"the event's job {shown(name)} is not a valid job name", remedy=_NAME_REMEDY)
    if name != job:
        raise EventError(
            "UnknownJob", f"the event is for the job {name!r}, this function runs {job!r}", remedy=_JOB_REMEDY
        )
    due = _time(fields, "scheduled")
    given = fields.get("input", {})
    if not isinstance(given, dict):
        raise EventError("BadPayload", f"the event's input is {_type(given)}, not an object")
    hop = _count(fields, "carrier", 0, HIGHEST_HOP) if "carrier" in fields else None
    key, revision = _plan(fields)
    if "by" in fields:
        return _operators(fields, job, due, given, key)._replace(key=key, revision=revision, hop=hop)
    for field in ("kind", "occurrence", "generation", "redrive", "requested", "while_paused"):
        if field in fields:
            raise EventError("BadPayload", f'"{field}" is for events of an operator, but the event has no "by"')
    name = planned_id(key) if key else scheduled_id(due)
    return Occurrence(job, name, due, given, payload_hash(given), key=key, revision=revision, hop=hop)


def refuse_all_but_plans(occurrence: Occurrence) -> None:
    """Raise EventError for any event that does not come from a plan's own schedule."""
    if occurrence.revision is None or occurrence.by_operator or occurrence.hop is not None:
        raise EventError(
            "NotAPlan",
            f"code that may only plan has sent an event for {occurrence.id} of {occurrence.job}, which is not a plan",
            remedy="Nothing was run. Find the schedule that sent it, and the code that created it: the code's role has"
            f" grant_schedule({occurrence.job!r}).",
        )


_NAME_REMEDY: Final = "A job's name is 1 to 64 of A-Z a-z 0-9 _ and -."
_JOB_REMEDY: Final = (
    "A schedule's target and its Input come from one deploy: deploy again, or invoke the right function."
)


def _plan(fields: dict[str, Any]) -> tuple[str, int | None]:
    """Return key and revision of a plan; "" and None for other events. An event must have both or neither."""
    if "key" not in fields and "revision" not in fields:
        return "", None
    key = fields.get("key")
    if not is_key(key) or "revision" not in fields:
        raise EventError("BadPayload", f"the event's key {shown(key)} and its revision do not form a plan")
    return str(key), _count(fields, "revision", 1, HIGHEST_REVISION)


def _operators(fields: dict[str, Any], job: str, due: int, given: dict[str, Any], key: str) -> Occurrence:
    kind = fields.get("kind")
    if fields["by"] != "operator" or kind not in OPERATOR_KINDS:
        raise EventError("BadPayload", f"by {shown(fields['by'])}, kind {shown(kind)}: not an operator's event")
    requested = _time(fields, "requested")
    base = fields.get("occurrence")
    if key and (base is not None or kind != "redrive"):
        raise EventError("BadPayload", "a plan of code can only be redriven, by its key")
    if base is None:
        base = planned_id(key) if key else scheduled_id(due)
    elif kind == "backfill" or not isinstance(base, str) or _TRIGGER_ID.fullmatch(base) is None:
        raise EventError("BadPayload", f"the event's occurrence {shown(base)} is not the id of a trigger")
    generation = _count(fields, "generation", 2, HIGHEST_GENERATION) if "generation" in fields else 1
    if fields.get("while_paused", True) is not True:
        raise EventError("BadPayload", f'the event\'s "while_paused" {shown(fields["while_paused"])} is not true')
    redrive = None
    if kind == "redrive" and "redrive" in fields:
        redrive = _count(fields, "redrive", 0, 1_000_000)
    return Occurrence(
        job,
        with_generation(base, generation),
        due,
        given,
        payload_hash(given),
        kind=kind,
        requested=requested,
        generation=generation,
        redrive=redrive,
        while_paused="while_paused" in fields,
    )


def _own_object(event: object) -> dict[str, Any]:
    """Return the event. Raise EventError unless it is an object of this schema, within the limits of size and depth."""
    if not isinstance(event, dict):
        raise EventError("BadPayload", f"the event is {_type(event)}, not an object")
    # A carrier adds its hop to an accepted event. This must not make the event too large.
    text = _print_event({name: value for name, value in event.items() if name != "carrier"})
    version = event.get("cronstack")
    if isinstance(version, bool) or version != SCHEMA:
        actual = "no version" if version is None else f"the version {shown(version)}"
        raise EventError(
            "UnknownVersion",
            f'the event has {actual} under "cronstack"; this code reads {SCHEMA}',
            remedy="Invoke the function through its schedule or `cronstack trigger`; after an upgrade deploy again.",
        )
    if CONTEXT_ATTRIBUTE in text:
        where = text.index(CONTEXT_ATTRIBUTE)
        raise EventError(
            "Unreplaced",
            f"the event still contains {shown(text[where : where + 40])}: Scheduler has not replaced it",
            remedy="Only Scheduler replaces its context attributes: correct the template's Target.Input.",
        )
    return event


def _print_event(event: Mapping[str, Any]) -> str:
    """Return the event as JSON. Raise EventError when it is not JSON, too deep or too large."""
    check_shape(event, "the event", DEEPEST)
    text = print_json(event, "the event")
    if (size := len(text.encode())) > LARGEST:
        raise EventError(
            "TooLarge",
            f"the event has {size} bytes; the limit is {LARGEST}",
            remedy="Store the data in S3 and give the job its key.",
        )
    return text


def _time(fields: dict[str, Any], field: str) -> int:
    value = fields.get(field)
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            instant = datetime.fromisoformat(value).astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            pass
        else:
            return to_milliseconds(instant)
    raise EventError(
        "BadTime",
        f'the event\'s "{field}" {shown(value)} is not a valid time',
        remedy='Write it like "2013-01-01T05:00:00Z".',
    )


def _count(fields: dict[str, Any], field: str, least: int, most: int) -> int:
    value = fields[field]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise EventError("BadPayload", f'the event\'s "{field}" {shown(value)} is not a number from {least} to {most}')
    return value


def _type(value: object) -> str:
    return "null" if value is None else f"of type {type(value).__name__}"
