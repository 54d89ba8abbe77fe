"""Parse a dead letter. Pure. Any body and any attributes are accepted, and none is dropped.

Four shapes arrive in two queues:
    of Scheduler   the failed request, ``{"FunctionName", "InvocationType", "Payload"}``; the error is in attributes.
                   Its shape is not documented: the Payload, or the whole body, may be an object, JSON text, or base64
                   of JSON text
    of Lambda      a destination record, ``{"version", "requestContext", "requestPayload", "responsePayload", …}``
    of the guard   the same with the field "cronstack": the run that died or was missed, or the reason of the refusal
    a bare event   sent by hand, or from a Lambda dead-letter queue; the error is in attributes
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from cronstack.errors import EventError
from cronstack.event import parse_event
from cronstack.guard.letters import MISSED, REFUSED
from cronstack.occurrence import Occurrence, is_job_name
from cronstack_infra import names

Origin = Literal["delivery", "handler", "refused", "missed"]
"""delivery: Scheduler could not invoke the function. handler: the run is dead. refused: the event is not valid, or too
old. missed: the occurrence could not start before its start deadline."""

LAYERS: Final = 3
"""Most layers of JSON text or base64 around an object."""


@dataclass(frozen=True)
class Contents:
    """The parsed body and attributes of a dead letter."""

    origin: Origin
    event: Any
    """The event of the invocation, without the mark of a carrier."""
    job: str
    """Name from the event, else from the function's name; "" if neither contains it."""
    occurrence: Occurrence | None
    """None if the event is not a Cronstack occurrence."""
    attempt: int
    """Attempt of the run that died; 0 if the run was missed or the letter does not contain the attempt."""
    reason: str
    """"RetriesExhausted", "Permanent", "TooOld", "Missed", "AccessDeniedException", …"""
    error: str
    """Class and message of the exception."""


def unwrap(body: str, attributes: Mapping[str, str], queue: Origin, stack: str) -> Contents:
    """Parse one dead letter from the queue of an origin."""
    outer = _decoded(body)
    if isinstance(outer, dict) and "requestContext" in outer and "requestPayload" in outer:
        return _record(outer, stack)
    if isinstance(outer, dict) and "Payload" in outer and "FunctionName" in outer:
        return _bare(_decoded(outer["Payload"]), attributes, queue, _job_of(str(outer["FunctionName"]), stack))
    return _bare(outer, attributes, queue, "")


def _record(record: Mapping[str, Any], stack: str) -> Contents:
    context, response, details = (
        _object(record.get(key)) for key in ("requestContext", "responsePayload", "cronstack")
    )
    event, condition = _unmarked(record["requestPayload"]), str(context.get("condition", ""))
    occurrence = _occurrence(event)
    error = f"{response.get('errorType') or ''}: {response.get('errorMessage') or ''}".strip(": ")
    refused, missed = condition == REFUSED, condition == MISSED
    return Contents(
        origin="refused" if refused else "missed" if missed else "handler",
        event=event,
        job=_name(event) or str(details.get("job") or "") or _job_of(str(context.get("functionArn", "")), stack),
        occurrence=occurrence,
        attempt=_number(details.get("attempt")),
        reason=str(response.get("errorType") or condition) if refused else condition,
        error=str(response.get("errorMessage") or "") if refused or missed else error,
    )


def _bare(event: Any, attributes: Mapping[str, str], queue: Origin, job: str) -> Contents:
    event = _unmarked(event)
    return Contents(
        origin=queue,
        event=event,
        job=_name(event) or job,
        occurrence=_occurrence(event),
        attempt=0,
        reason=attributes.get("ERROR_CODE") or attributes.get("ErrorCode") or "unknown",
        error=attributes.get("ERROR_MESSAGE") or attributes.get("ErrorMessage") or "",
    )


def _unmarked(event: Any) -> Any:
    """Remove the hop number that a carrier adds to an event, because a redrive is not the next hop."""
    return {key: value for key, value in event.items() if key != "carrier"} if _name(event) else event


def _occurrence(event: Any) -> Occurrence | None:
    try:
        return parse_event(event, _name(event))
    except EventError:
        return None


def _name(event: Any) -> str:
    name = event.get("job") if isinstance(event, dict) else None
    return name if isinstance(name, str) and is_job_name(name) else ""


def _job_of(function: str, stack: str) -> str:
    """Return the job of a function's name or ARN."""
    parts = function.split(":")
    name = parts[6] if len(parts) > 6 else parts[0]
    prefix = names.function_name(stack, "")
    return name.removeprefix(prefix) if name.startswith(prefix) else ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _decoded(value: Any) -> Any:
    """Return the object in JSON text or in base64 of JSON text, also in several layers; other values as they are."""
    decoded = value
    for _ in range(LAYERS):
        if not isinstance(decoded, str):
            break
        decoded = _json(decoded)
        if isinstance(decoded, str):
            decoded = _json(_base64(decoded))
    return decoded if isinstance(decoded, dict) or not isinstance(value, str) else _json(value)


def _base64(text: str) -> str:
    """Return the text in base64; a text that is not base64 as it is."""
    try:
        return b64decode(text, validate=True).decode()
    except ValueError:
        return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
