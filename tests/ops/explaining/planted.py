"""What a history has planted: the question, and the cause that ``explain`` must name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cronstack_infra.ops.explaining.verdict import Cause
from tests.ops.explaining.world import World


@dataclass(frozen=True)
class Planted:
    """The outcome of a history, as its own code knows it."""

    cause: Cause
    ask: str | None
    """A time or an occurrence."""
    key: str | None = None
    occurrence: str | None = None
    """The occurrence that must be explained; None: any."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts that the verdict must have."""
    words: tuple[str, ...] = ()
    """Words that the page must contain."""


History = Callable[[World], Planted]
