"""The trace of a simulation: one JSON object a line, in the order of events; and its counts by job.

Nothing in it depends on this machine: times are virtual, ids come from the seed, and it has no paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import IO, Any, Final

from cronstack.ledger.rows import OUTCOMES
from cronstack_infra.play.simulation.delays import Delays


@dataclass(frozen=True)
class JobCounts:
    """The counts of a job. All except ``runs`` count attempts or occurrences by their events."""

    job: str
    runs: int = 0
    """Occurrences whose handler was started."""
    succeeded: int = 0
    retries: int = 0
    """Started handlers after the first one. An attempt may crash before its handler starts."""
    crashed: int = 0
    """Attempts that ended without a result."""
    skipped: int = 0
    missed: int = 0
    dead: int = 0
    overlaps: int = 0
    """Attempts that started while another one of the job ran."""
    slowest: float = 0.0
    """Seconds of the longest attempt."""


OUTSIDE_EVENT: Final = "outside"
"""Kind of the row of an event outside its schedule's start and end. It is not an occurrence and not an attempt."""
_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
COLUMNS: Final = tuple(field.name for field in fields(JobCounts))
COUNTS: Final = COLUMNS[1:-1]
"""The columns between the name of the job and its slowest attempt."""
_COUNTED: Final = frozenset(OUTCOMES).intersection(COUNTS)


class Trace:
    """Counts every event from "begin" on and writes it to the file, if any.

    Events of the deployment, such as functions of custom resources, come before "begin".
    """

    def __init__(self, file: IO[str] | None = None) -> None:
        self.lines = 0
        self.fired = 0
        self._outside: set[tuple[str, str]] = set()
        self.letters = 0
        self.delays = Delays()
        self.kinds: dict[str, int] = {}
        self._file = file
        self._rows: dict[str, dict[str, Any]] = {}

    def emit(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind != "begin" and not self.lines:
            return
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind == "attempt":
            self._count(event)
            self.delays.count_attempt(event)
        elif kind == "held":
            self.delays.count_held(event)
        elif kind == "fired":
            self.fired += 1
        elif kind == "dead_letter":
            self.letters += 1
            self.delays.count_letter(event)
        elif kind == OUTSIDE_EVENT:
            self._outside.add((event["job"], event["due"]))  # counted once, although the event may come twice
        self.lines += 1
        if self._file is not None:
            self._file.write(_ENCODE(event) + "\n")

    @property
    def outside(self) -> int:
        """Firings outside the start and end of their schedules."""
        return len(self._outside)

    @property
    def occurrences(self) -> int:
        """Firings that are occurrences."""
        return self.fired - self.outside

    def add_job(self, job: str) -> None:
        """Add a row for a job, even if it never runs."""
        self._rows.setdefault(job, {})

    def rows(self) -> tuple[JobCounts, ...]:
        return tuple(JobCounts(job=job, **self._rows[job]) for job in sorted(self._rows))

    def _count(self, event: Mapping[str, Any]) -> None:
        row = self._rows.setdefault(event["job"], {})

        def add(name: str, count: int = 1) -> None:
            row[name] = row.get(name, 0) + count

        if event["outcome"] in _COUNTED:
            add(event["outcome"])
        if event["attempt"] == 1 or event.get("first"):
            add("runs")
        elif event["attempt"] > 1:
            add("retries")
        if event.get("overlaps"):
            add("overlaps")
        row["slowest"] = max(row.get("slowest", 0.0), event["seconds"])
