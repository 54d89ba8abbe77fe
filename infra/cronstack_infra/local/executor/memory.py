"""Memory of handler processes: the resident size of a sandbox's session, from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection
from typing import Final

_STARTING: Final = 48 * 1024 * 1024
"""Bytes of memory reserved for a process that is starting."""


def available_share(starting: int = 0) -> float:
    """Return the free share of the machine's memory, less that of ``starting`` processes; 1 where unknown."""
    try:
        with open("/proc/meminfo", "rb") as meminfo:
            sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(b":") for line in meminfo)}
    except OSError:
        return 1.0
    total, free = sizes[b"MemTotal"], sizes[b"MemAvailable"]
    most, used = (_number(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if most is not None and used is not None and most < total:
        total, free = most, min(free, most - used)
    return (free - starting * _STARTING) / total


def _number(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def resident(sessions: Collection[int]) -> dict[int, int]:
    """Return the resident bytes of each session: a process and its descendants. Empty without /proc."""
    sizes: dict[int, int] = defaultdict(int)
    page = os.sysconf("SC_PAGE_SIZE")
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if (session := int(fields[3])) in sessions:
            sizes[session] += int(fields[21]) * page
    return sizes


def resident_of(pid: int | None) -> int:
    """Return the resident bytes of one process, without its children; 0 where unknown."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
