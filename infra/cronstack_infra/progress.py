"""Callbacks by which long work reports its progress. The caller decides where the reports are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Report = Callable[[str], None]
"""Callback for a line of text about a step that takes time."""


class Progress(Protocol):
    """The progress of one piece of work, such as the load of a year of flights."""

    def update(self, detail: str) -> None:
        """Replace the shown detail: the current step, or the result."""

    def bar(self, completed: float, total: float) -> None:
        """Show how much of the work is completed."""
