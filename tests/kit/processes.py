"""Processes a test looks after: whether one still lives, and waiting for its end without asking again and again."""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path


def ended_within(pid: int, seconds: float) -> bool:
    """Whether process ``pid`` ends within ``seconds``; true at once if it is not there. Linux."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def processes() -> dict[int, int]:
    """Every living process and its parent. Linux."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[0] not in "ZX":
                found[int(folder.name)] = int(fields[1])
    return found


def family(pid: int) -> set[int]:
    """A process and all its descendants."""
    parents, found = processes(), {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found
