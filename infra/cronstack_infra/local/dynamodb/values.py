"""Attribute values in a form that compares as DynamoDB compares: by type, then by value."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any, Final

Comparable = tuple[str, Any]

ORDERED: Final = ("N", "S", "B")
"""Types that "<", "<=", ">", ">=" and BETWEEN support."""


def comparable(value: Any) -> Comparable:
    """Return the comparable form of moto's DynamoType, or of a value in a request: ``{"N": "1.0"}`` equals 1."""
    if isinstance(value, dict):
        ((kind, content),) = value.items()
    else:
        kind, content = value.type, value.value
    if kind == "N":
        return kind, Decimal(content)
    if kind == "S":
        return kind, content.encode()  # strings are ordered by their bytes
    if kind == "B":
        return kind, content if isinstance(content, bytes) else base64.b64decode(content)
    if kind == "L":
        return kind, tuple(comparable(part) for part in content)
    if kind == "M":
        return kind, frozenset((name, comparable(part)) for name, part in content.items())
    if kind in ("SS", "NS", "BS"):
        return kind, frozenset(comparable({kind[0]: part}) for part in content)
    return kind, content
