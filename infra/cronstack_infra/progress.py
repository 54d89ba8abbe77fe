"""How work that takes time reports its progress; who starts the work decides where the reports are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Say = Callable[[str], None]
"""Is called with a line when something happens that takes time."""


class Progress(Protocol):
    """The progress of one piece of work, such as the load of a year of flights."""

    def say(self, detail: str) -> None:
        """Show what is going on or what came out. It takes the place of what was shown before."""

    def bar(self, completed: float, total: float) -> None:
        """Show which part of the work is done."""
