"""Responses with items, serialized to JSON directly.

moto serializes a response by the model of the service. For each attribute it looks up all ten value types under several
names, so a row takes a millisecond or more, with the lock held. Items are JSON already, except binary values. moto
serializes the other fields of a response.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

from cronstack_infra.local.moto.patch import Patch, wrapped_by

_ITEMS: Final = ("Items", "Item", "Attributes", "Responses")
"""Fields of responses that contain only items."""


def _execute(execute: Callable[..., Any], response: Any, context: Any) -> Any:
    fields = response.result
    items = {name: fields.pop(name) for name in _ITEMS if name in fields}
    status, headers, body = execute(response, context)
    if items and isinstance(body, str):
        body = json.dumps(json.loads(body or "{}") | items, default=_plain)
    elif items:  # another protocol than JSON
        fields |= items
        return execute(response, context)
    return status, headers, body


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"an item contains {value!r}, which is not a valid attribute value")


PATCHES: Final = (
    Patch(
        "moto.dynamodb.responses:DynamoResult",
        "execute_result",
        "(self, context)",
        "Serializing an attribute takes dozens of lookups, so a listing of a hundred rows delays all other requests.",
        "each_attribute_is_looked_up_under_many_names",
        wrapped_by(_execute),
    ),
)
