"""Check the size of the code, which Lambda limits, before anything is uploaded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cronstack.errors import DeclarationError

MOST_UNZIPPED: Final = 262_144_000
"""Most bytes that Lambda allows for a function's uncompressed code and its layers: 250 MB of 1024 * 1024."""
SHOWN: Final = 5
"""Number of largest parts that the error lists."""


def check(parts: Mapping[str, int], *, package: str, where: str) -> None:
    """Raise DeclarationError if the code is too large. ``parts``: bytes of each folder and file in it, by name."""
    total = sum(parts.values())
    if total < MOST_UNZIPPED:
        return
    largest = sorted(parts, key=lambda name: (-parts[name], name))[:SHOWN]
    named = ", ".join(f"{name} {_mb(parts[name])}" for name in largest)
    raise DeclarationError(
        f"the code of the package {package!r} has {_mb(total)} unzipped; Lambda allows less than "
        f"{_mb(MOST_UNZIPPED)}; the largest: {named}",
        where=where,
        remedy="Remove packages that no job imports (boto3 is in Lambda), or move the jobs that need them into another "
        "project with its own requirements.",
    )


def _mb(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB"
