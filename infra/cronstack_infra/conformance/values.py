"""Rows of the kit: the call, AWS's response, its source, and placeholders in parameters.

A row's parameters are plain data. Placeholders such as ``@role@`` and ``In(minutes=5)`` are replaced when the row runs:
by a created role, an address, an instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

Parameters = Mapping[str, Any]


class In:
    """An instant relative to the run of the row; negative numbers are before it."""

    def __init__(self, **span: float) -> None:
        self.span = timedelta(**span)

    def __repr__(self) -> str:
        return f"now{self.span.total_seconds():+.0f}s"


@dataclass(frozen=True)
class Error:
    """An error of AWS. ``others`` are codes that are equivalent for clients."""

    code: str
    status: int
    others: tuple[str, ...] = ()

    def same(self, code: str, status: int) -> bool:
        return status == self.status and code in (self.code, *self.others)

    def __str__(self) -> str:
        return f"{self.code} {self.status}"


@dataclass(frozen=True)
class Row:
    """A bad call and its nearest valid neighbour, which must be accepted and read back with the same values."""

    rule: str
    service: str
    operation: str
    bad: Parameters
    error: Error
    source: str
    good: Parameters
    scene: str = "bare"
    """The name of the required resources, in ``scenes``."""
    good_operation: str | None = None
    """The neighbour's operation, if it is another one."""
    last: bool = False
    """Run after all other rows: if it is accepted, it changes their results."""

    @property
    def neighbour(self) -> str:
        return self.good_operation or self.operation


@dataclass(frozen=True)
class RowResult:
    """The result of a row on an endpoint."""

    row: str
    service: str
    asked: str
    expected: str
    source: str
    got: str
    refusal: str
    """``as on AWS``, ``another error``, ``accepted`` or ``no answer``; for behaviour ``as on AWS`` or ``differs``."""
    neighbour: str
    """``accepted``, or the difference; empty for behaviour."""

    @property
    def same(self) -> bool:
        return self.refusal == SAME and self.neighbour in ("", ACCEPTED)


SAME: Final = "as on AWS"
ACCEPTED: Final = "accepted"


def filled(value: Any, placeholders: Mapping[str, str | bytes], now: datetime) -> Any:
    """Return parameters with their placeholders and instants replaced."""
    if isinstance(value, str):
        for word, replacement in placeholders.items():
            if isinstance(replacement, str):
                value = value.replace(f"@{word}@", replacement)
            elif value == f"@{word}@":
                return replacement
        return value
    if isinstance(value, In):
        return (now + value.span).replace(microsecond=0)
    if isinstance(value, Mapping):
        return {filled(key, placeholders, now): filled(inner, placeholders, now) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [filled(inner, placeholders, now) for inner in value]
    return value


@dataclass
class Base:
    """A valid call, of which a row changes one member: ``base(**{"Target.Arn": …})``. None removes a member."""

    members: dict[str, Any] = field(default_factory=dict)

    def __call__(self, **changes: Any) -> dict[str, Any]:
        members: dict[str, Any] = _copied(self.members)
        for path, value in changes.items():
            *holders, last = path.split(".")
            parent = members
            for holder in holders:
                parent = parent.setdefault(holder, {})
            if value is None:
                parent.pop(last, None)
            else:
                parent[last] = value
        return members


def _copied(value: Any) -> Any:
    return {key: _copied(inner) for key, inner in value.items()} if isinstance(value, dict) else value
