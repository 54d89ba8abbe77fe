"""Process checks for tests: wait for the end of a process without polling, and list processes."""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path


def ended_within(pid: int, seconds: float) -> bool:
    """Return whether the process ends within ``seconds``, or has ended before. Linux only."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def processes() -> dict[int, int]:
    """Return the parent of each running process, by id. Linux only."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[0] not in "ZX":
                found[int(folder.name)] = int(fields[1])
    return found


def family(pid: int) -> set[int]:
    """Return the ids of a process and all its descendants."""
    parents, found = processes(), {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found
