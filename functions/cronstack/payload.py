"""The rule for inputs: which values ``run.input`` can have. Pure.

``@job(input=...)``, ``once.schedule``, a trigger, and the files and options of the command line call ``check_input``.
So an invalid input is refused before it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cronstack.errors import EventError

MAX_INPUT_BYTES: Final = 192 * 1024
"""Most bytes of JSON. An event may have 200 KiB: the rest is for its other fields, and for those of a redrive."""
MAX_INPUT_DEPTH: Final = 62
"""Most levels of nesting. An event may have 64."""
CONTEXT_ATTRIBUTE: Final = "<aws.scheduler."
"""The beginning of EventBridge Scheduler's context attributes. Scheduler replaces them in the text of an event."""

_EXAMPLE: Final = 'Write a JSON object such as {"day": "2013-01-01"}.'
_KINDS: Final = "JSON has text, numbers, true, false, null, lists, and objects with text as keys."


def check_input(input: object) -> dict[str, Any]:
    """Return the input as a dict. Raise EventError when no event can carry it unchanged."""
    if not isinstance(input, Mapping):
        raise EventError("BadPayload", f"the input is {kind(input)}, not a JSON object", remedy=_EXAMPLE)
    given = dict(input)
    check_shape(given, "the input", MAX_INPUT_DEPTH)
    text = print_json(given, "the input")
    if (size := len(text.encode())) > MAX_INPUT_BYTES:
        raise EventError(
            "TooLarge",
            f"the input has {size} bytes of JSON; the limit is {MAX_INPUT_BYTES}",
            remedy="Store the data in S3 and give the job the object's key.",
        )
    if CONTEXT_ATTRIBUTE in text:
        raise EventError(
            "BadPayload",
            f'the input contains "{CONTEXT_ATTRIBUTE}", which Scheduler would replace and a job refuses',
            remedy="Leave it out: run.scheduled, run.occurrence and run.attempt have these values.",
        )
    return given


def print_json(value: object, what: str) -> str:
    """Return the value as JSON. Raise EventError when it is not JSON. ``what`` is its name in the message."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as fault:
        # NaN, Infinity, a number of thousands of digits, half a surrogate pair, an object of Python
        raise EventError("BadPayload", f"{what} cannot be written as JSON: {fault}", remedy=_KINDS) from None
    return text


def check_shape(value: object, what: str, deepest: int) -> None:
    """Raise EventError for a tuple, a key that is not a string, or too many levels: JSON would change them."""
    level = [value]  # level by level, because recursion could exceed Python's limit
    for _ in range(deepest):
        below: list[object] = []
        for item in level:
            if isinstance(item, Mapping):
                for key in item:
                    if not isinstance(key, str):
                        why = f"{what} has the key {shown(key)}, which is {kind(key)}; JSON has text as keys"
                        raise EventError("BadPayload", why, remedy="Write the key as text.")
                below.extend(item.values())
            elif isinstance(item, tuple):
                why = f"{what} has the tuple {shown(item)}, which JSON would make a list"
                raise EventError("BadPayload", why, remedy="Write a list: [...].")
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    raise EventError("BadPayload", f"{what} is nested more than {deepest} levels deep", remedy="Make it flatter.")


def kind(value: object) -> str:
    """Return the type of a value with its article: "null", "a list", "an int"."""
    if value is None:
        return "null"
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def shown(value: object) -> str:
    """Return the value as ASCII text of at most 80 characters, for messages in logs and consoles."""
    try:
        text = ascii(value)
    except Exception:  # a number is too long, a list is nested too deeply, or a __repr__ raises
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}..."
