"""What the ledger and the log keep of a handler's end: its result, or its error, redacted and at most 2 KB. Pure."""

from __future__ import annotations

import json
import traceback
from typing import Any, Final

from cronstack.telemetry.logs import redact, redact_text

KEPT: Final = 2048
"""Most bytes of a result, and of an error, in the ledger."""


def kept_result(result: object) -> str:
    """Return the handler's result as JSON of at most 2 KB, or a note: any result is a success."""
    try:
        text = json.dumps(redact(result), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return json.dumps({"note": f"the result, of type {type(result).__name__}, is not JSON and was not stored"})
    if len(text) > KEPT:
        return json.dumps({"note": f"the result has {len(text)} bytes and was not stored; the limit is {KEPT}"})
    return text


def kept_error(raised: BaseException) -> str:
    """Return class, message and the last frames of the traceback as JSON of at most 2 KB."""
    error: dict[str, Any] = {"type": type(raised).__name__, "message": _cut(text_of(raised), 1000), "trace": []}
    for frame in reversed(frames(raised)):
        longer = error | {"trace": [frame, *error["trace"]]}
        if len(json.dumps(longer)) > KEPT:
            break
        error = longer
    return json.dumps(error)


def text_of(raised: BaseException) -> str:
    """Return the message of an exception, redacted."""
    try:
        return redact_text(str(raised))
    except Exception:  # a user's __str__ may raise any exception
        return "(its message could not be read)"


def frames(raised: BaseException) -> list[str]:
    """Return the handler's own frames, innermost last, as Lambda prints a stack trace."""
    own = raised.__traceback__.tb_next if raised.__traceback__ is not None else None
    return [redact_text(frame) for frame in traceback.format_tb(own)]


def _cut(text: str, most: int) -> str:
    """Cut the text to at most so many bytes after JSON has escaped it."""
    while len(json.dumps(text)) > most:
        text = text[: len(text) * 3 // 4]
    return text
