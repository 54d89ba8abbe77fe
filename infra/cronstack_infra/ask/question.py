"""A question to AWS, and its answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cronstack_infra.ask.sandbox import Sandbox


@dataclass(frozen=True)
class Answer:
    """What AWS did."""

    said: str
    """In one sentence."""
    setting: str = ""
    """The setting of a switch that plays the same, such as "past-at=refused"; "" where no switch is asked about."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, as JSON."""


@dataclass(frozen=True)
class Question:
    """One question."""

    id: str
    asks: str
    minutes: float
    """About how long it takes on AWS."""
    cents: float
    """What it costs at most, in cents of a dollar, at the list prices of us-east-1."""
    ask: Callable[[Sandbox], Answer]
    switch: str = ""
    """The switch that it settles."""


def number(value: float) -> str:
    """Return a number of seconds, or a share, as the value of a switch."""
    return f"{round(max(value, 0), 2):g}"
