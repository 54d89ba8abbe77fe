"""Rows of the kit, and the words they are written with: what is asked, what AWS answers, and who says so.

A row's parameters are plain data. Text such as ``@role@`` and values such as ``In(minutes=5)`` stand for what is known
only when the row is asked: a role that was made, an address, an instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

Parameters = Mapping[str, Any]


class In:
    """An instant, counted from when the row is asked; before it with negative numbers."""

    def __init__(self, **span: float) -> None:
        self.span = timedelta(**span)

    def __repr__(self) -> str:
        return f"now{self.span.total_seconds():+.0f}s"


@dataclass(frozen=True)
class Error:
    """How AWS refuses. ``others`` are spellings that a client cannot tell apart from it."""

    code: str
    status: int
    others: tuple[str, ...] = ()

    def same(self, code: str, status: int) -> bool:
        return status == self.status and code in (self.code, *self.others)

    def __str__(self) -> str:
        return f"{self.code} {self.status}"


@dataclass(frozen=True)
class Row:
    """A bad call and its nearest valid neighbour, which must be accepted and be read back as it was given."""

    rule: str
    service: str
    operation: str
    bad: Parameters
    error: Error
    source: str
    good: Parameters
    scene: str = "bare"
    """What must be there before: a name in ``scenes``."""
    good_operation: str | None = None
    last: bool = False
    """Asked when all else is done: where it is accepted, it spoils the rest."""
    """Where the neighbour is another operation."""

    @property
    def neighbour(self) -> str:
        return self.good_operation or self.operation


@dataclass(frozen=True)
class Verdict:
    """What an endpoint answered to a row. Empty differences: as AWS."""

    row: str
    service: str
    asked: str
    expected: str
    source: str
    got: str
    refusal: str
    """``as on AWS``, ``another error``, ``accepted`` or ``no answer``; for behaviour ``as on AWS`` or ``differs``."""
    neighbour: str
    """``accepted``, or what was wrong with it."""

    @property
    def same(self) -> bool:
        return self.refusal == SAME and self.neighbour in ("", ACCEPTED)


SAME: Final = "as on AWS"
ACCEPTED: Final = "accepted"


def filled(value: Any, words: Mapping[str, str | bytes], now: datetime) -> Any:
    """Parameters with their ``@words@`` and instants put in."""
    if isinstance(value, str):
        for word, stands_for in words.items():
            if isinstance(stands_for, str):
                value = value.replace(f"@{word}@", stands_for)
            elif value == f"@{word}@":
                return stands_for
        return value
    if isinstance(value, In):
        return (now + value.span).replace(microsecond=0)
    if isinstance(value, Mapping):
        return {filled(key, words, now): filled(inner, words, now) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [filled(inner, words, now) for inner in value]
    return value


@dataclass
class Base:
    """A valid call, from which rows differ in one thing: ``base(**{"Target.Arn": …})``; None takes a member away."""

    members: dict[str, Any] = field(default_factory=dict)

    def __call__(self, **changes: Any) -> dict[str, Any]:
        made: dict[str, Any] = _copied(self.members)
        for path, value in changes.items():
            *holders, last = path.split(".")
            into = made
            for holder in holders:
                into = into.setdefault(holder, {})
            if value is None:
                into.pop(last, None)
            else:
                into[last] = value
        return made


def _copied(value: Any) -> Any:
    return {key: _copied(inner) for key, inner in value.items()} if isinstance(value, dict) else value
