"""Answers that hold items, written as JSON at once.

moto serializes an answer by the model of the service: for each attribute it looks up all ten types of values under
several names each, so that a row takes a millisecond or more, with the lock held. Items are JSON already, but for
binary values. All else in an answer is left to moto.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

from cronstack_infra.local.moto.patch import Patch, wrapped_by

_ITEMS: Final = ("Items", "Item", "Attributes", "Responses")
"""Fields of answers that hold nothing but items."""


def _execute(execute: Callable[..., Any], answer: Any, context: Any) -> Any:
    fields = answer.result
    items = {name: fields.pop(name) for name in _ITEMS if name in fields}
    status, headers, body = execute(answer, context)
    if items and isinstance(body, str):
        body = json.dumps(json.loads(body or "{}") | items, default=_plain)
    elif items:  # another protocol than JSON
        fields |= items
        return execute(answer, context)
    return status, headers, body


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"an item holds {value!r}, which is no value of an attribute")


PATCHES: Final = (
    Patch(
        "moto.dynamodb.responses:DynamoResult",
        "execute_result",
        "(self, context)",
        "To serialize an attribute takes dozens of lookups, so a listing of a hundred rows holds up all others.",
        "each_attribute_is_looked_up_under_many_names",
        wrapped_by(_execute),
    ),
)
