"""Each switch: what AWS leaves open, the harshest setting, and where it can be played. Pure.

The pages for readers are written from this table (``cronstack switches``, the README of this folder), and tests hold
them together. A place in which a switch cannot be played gives the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Place = Literal["local cloud", "cloud fixture", "simulate", "prove"]
PLACES: Final[tuple[Place, ...]] = ("local cloud", "cloud fixture", "simulate", "prove")
PLAYED: Final = ""
"""In ``Switch.places``: it can be played there."""


@dataclass(frozen=True)
class Switch:
    """One open question about AWS."""

    name: str
    """As users write it, such as "past-at". The field of ``Switches`` has "_" for "-"."""
    about: str
    """What AWS leaves open, in one sentence."""
    source: str
    """The page that is silent or promises only a range, or the reports that contradict each other."""
    harshest: Any
    """The setting that is hardest on a job."""
    places: Mapping[Place, str]
    """For each place ``PLAYED``, or why it cannot be played there."""
    asked: str
    """The question of ``cronstack ask-aws`` that settles it, or why AWS cannot be asked."""

    @property
    def field(self) -> str:
        """Name of the field of ``Switches``."""
        return self.name.replace("-", "_")
