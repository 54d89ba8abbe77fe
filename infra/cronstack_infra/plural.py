"""Counts with their nouns, such as "1 firing"."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """Return "1 firing" or "1,200 firings"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
