"""A question to AWS, and its answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cronstack_infra.ask.temporary_resources import TemporaryResources


@dataclass(frozen=True)
class Observation:
    """What AWS did."""

    text: str
    """The answer in one sentence."""
    setting: str = ""
    """The setting of a switch that simulates the answer, such as "past-at=refused"; "" if no switch does."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Measurements, as JSON."""


@dataclass(frozen=True)
class Question:
    """One question."""

    id: str
    asks: str
    minutes: float
    """Approximate duration on AWS."""
    cents: float
    """Highest cost in cents of a US dollar, at the list prices of us-east-1."""
    ask: Callable[[TemporaryResources], Observation]
    switch: str = ""
    """The switch whose setting the answer gives."""


def number(value: float) -> str:
    """Return a number of seconds, or a share, as the value of a switch."""
    return f"{round(max(value, 0), 2):g}"
