"""The file of a pulled run: one attempt with its event, its times, and its checkpoint. Pure.

{"cronstack_run": 1, "stack": "shop", "job": "stats", "occurrence": "t-2027-03-01T05:00:00Z",
 "due": "2027-03-01T05:00:00.000Z", "at": "2027-03-01T05:00:02.513Z", "attempt": 3, "limit": 3, "event": {…}, …}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from cronstack.errors import OperationError
from cronstack.event import parse_event
from cronstack.occurrence import Occurrence, print_instant
from cronstack.telemetry.logs import redact

FORMAT: Final = 1
"""Version of the form, under the key "cronstack_run"."""
VERSION_KEY: Final = "cronstack_run"
LARGEST: Final = 2 * 1024 * 1024
"""Most bytes of a file. An event has at most 200 KB, a checkpoint 64 KB."""
Source = Literal["run", "dead letter", "plan", "schedule"]
"""What the event was read from. "schedule": it was built again from the deployed schedule."""
_REMEDY: Final = "Pull the run again: cronstack runs pull JOB"


@dataclass(frozen=True)
class Code:
    """The deployed code of the function when the run was pulled."""

    sha256: str
    """CodeSha256 of Lambda."""
    modified: str
    """LastModified of the function."""
    ran: bool | None
    """Whether the attempt ran this code: it started after the last change. None: unknown."""


@dataclass(frozen=True)
class PulledRun:
    """One attempt of a run, to be replayed. Times are aware, in UTC."""

    stack: str
    job: str
    occurrence: str
    due: datetime
    at: datetime
    """When the attempt started; the due time of a run that never started."""
    attempt: int
    """From 1."""
    limit: int
    status: str
    """Status of the run when it was pulled; "" if the ledger has no row of it."""
    event: Mapping[str, Any]
    source: Source
    checkpoint: Any = None
    """The last value of ``run.checkpoint``, as JSON."""
    error: Any = None
    """The last error, as the ledger has it: type, message, trace."""
    key: str = ""
    code: Code | None = None
    redacted: bool = False

    @property
    def parsed(self) -> Occurrence:
        """Return the occurrence of the event. Raise EventError if a job would refuse it."""
        return parse_event(dict(self.event), self.job)


def without_secrets(pulled: PulledRun) -> PulledRun:
    """Return the run with redacted values, by the rules of logs: structure and names stay."""
    event = dict(pulled.event) | {"input": redact(pulled.event.get("input", {}))}
    return replace(pulled, event=event, checkpoint=redact(pulled.checkpoint), error=redact(pulled.error), redacted=True)


def as_text(pulled: PulledRun) -> str:
    """Return the content of the file."""
    code = pulled.code
    fields = {
        VERSION_KEY: FORMAT,
        "stack": pulled.stack,
        "job": pulled.job,
        "occurrence": pulled.occurrence,
        "key": pulled.key or None,
        "status": pulled.status or None,
        "due": print_instant(pulled.due),
        "at": print_instant(pulled.at),
        "attempt": pulled.attempt,
        "limit": pulled.limit,
        "event": dict(pulled.event),
        "event_from": pulled.source,
        "checkpoint": pulled.checkpoint,
        "error": pulled.error,
        "code": None if code is None else {"sha256": code.sha256, "modified": code.modified, "ran": code.ran},
        "redacted": pulled.redacted,
    }
    return json.dumps(fields, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n"


def read_text(text: str) -> PulledRun:
    """Return the run of a file. Raise OperationError for a file of another form, EventError for an invalid event."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise OperationError(f"it is not JSON: {fault}", remedy=_REMEDY) from None
    if not isinstance(fields, dict) or VERSION_KEY not in fields:
        raise OperationError(f'it is not the file of a run: "{VERSION_KEY}" is missing', remedy=_REMEDY)
    if fields[VERSION_KEY] != FORMAT:
        raise OperationError(
            f"it has the format {fields[VERSION_KEY]!r}; this version reads {FORMAT}",
            remedy="Replay it with the version of Cronstack that has pulled it, or pull it again.",
        )
    given = _Fields(fields)
    code = fields.get("code")
    pulled = PulledRun(
        stack=given.text("stack"),
        job=given.text("job"),
        occurrence=given.text("occurrence"),
        due=given.time("due"),
        at=given.time("at"),
        attempt=given.count("attempt"),
        limit=given.count("limit"),
        status=str(fields.get("status") or ""),
        event=given.mapping("event"),
        source=fields.get("event_from", "run"),
        checkpoint=fields.get("checkpoint"),
        error=fields.get("error"),
        key=str(fields.get("key") or ""),
        code=_code(code) if isinstance(code, dict) else None,
        redacted=bool(fields.get("redacted")),
    )
    if (actual := pulled.parsed.id) != pulled.occurrence:
        raise OperationError(f"its event is of {actual}, not of {pulled.occurrence}", remedy=_REMEDY)
    return pulled


class _Fields:
    """The fields of a file. Each method raises OperationError for a missing or invalid value."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value:
            raise _invalid(name, value, "text")
        return value

    def count(self, name: str) -> int:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
            raise _invalid(name, value, "a number from 1 on")
        return value

    def time(self, name: str) -> datetime:
        value = self._fields.get(name)
        try:
            time = datetime.fromisoformat(str(value))
            if time.utcoffset() is not None:  # without an offset, it would be a time of this machine
                return time.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise _invalid(name, value, "a time such as 2027-03-01T05:00:00Z")

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self._fields.get(name)
        if not isinstance(value, dict):
            raise _invalid(name, value, "an object")
        return value


def _code(fields: Mapping[str, Any]) -> Code:
    ran = fields.get("ran")
    return Code(str(fields.get("sha256", "")), str(fields.get("modified", "")), ran if isinstance(ran, bool) else None)


def _invalid(name: str, value: object, expected: str) -> OperationError:
    return OperationError(f'"{name}" is {str(value)[:60]!r}, not {expected}', remedy=_REMEDY)
