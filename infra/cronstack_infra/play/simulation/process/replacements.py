"""Members that are replaced in this process while a cloud plays, and restored afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


class Replacements:
    """Replaced members. ``undo`` restores all of them, the latest first."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def __bool__(self) -> bool:
        """Return whether any member is replaced."""
        return bool(self._undo)

    def put(self, owner: Any, **replacements: Any) -> None:
        """Replace members of a module or class. Skip a missing name: versions and systems differ."""
        for name, replacement in replacements.items():
            if hasattr(owner, name):
                self._undo.append(partial(setattr, owner, name, getattr(owner, name)))
                setattr(owner, name, replacement)

    def on_undo(self, call: Callable[[], object]) -> None:
        """Make ``undo`` call this too."""
        self._undo.append(call)

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()
