"""What a pass stores for the next one: one row, as JSON. Pure.

    watches    declared schedules, each with the span in which its instants are expected
    seen       schedules of Scheduler: their last change, and whether they equal their declaration
    jobs       occurrences that later passes must look at again
    queues     since when each queue of dead letters has not been empty

Each pass replaces all of it. A pass that ends before stores nothing, so the next pass begins from the same snapshot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

VERSION: Final = 1
"""Version of the JSON. A snapshot of another version counts as absent, so nothing is expected before the next pass."""


class Watch(NamedTuple):
    """A declared schedule, in a span in which it was in the template and active in Scheduler. Epoch milliseconds."""

    job: str
    expression: str
    timezone: str
    start: str | None
    end: str | None
    window: int
    """Minutes."""
    since: int
    """Instants after it are expected."""
    until: int = 0
    """Instants up to it are expected; 0: the span lasts."""

    @property
    def schedule(self) -> tuple[str, str, str, str | None, str | None, int]:
        """The values that define its instants."""
        return self.job, self.expression, self.timezone, self.start, self.end, self.window

    @property
    def is_rate(self) -> bool:
        return self.expression.startswith("rate(")


class Seen(NamedTuple):
    """A schedule as it was last read from Scheduler."""

    modified: int
    """Its LastModificationDate, epoch milliseconds."""
    declared: str
    """Hash of the declaration with which it was compared."""
    differences: str
    """What differs from the declaration; "" if nothing does."""


class Missed(NamedTuple):
    """An occurrence that was missed."""

    due: int
    too_late: bool
    """Its event came after the start deadline. Else it never came."""
    started: int = 0
    """When the watchdog has started it (``on_missed="run"``), or 0."""


class JobState(NamedTuple):
    """What later passes must look at again."""

    checked: int = 0
    """Instants up to it were looked at: each has arrived, or is in ``absent`` or ``missed``."""
    arrived: int = 0
    """Due time of the latest expected occurrence that has arrived."""
    absent: tuple[int, ...] = ()
    """Due times of occurrences that are late."""
    missed: tuple[Missed, ...] = ()
    running: tuple[str, ...] = ()
    """Ids of runs that were running."""
    last: int = 0
    """Due time of the latest run of a job with a rate()."""
    planned: int = 0
    """Plans due up to it were looked at."""
    overdue: tuple[str, ...] = ()
    """Keys of plans that are overdue."""
    listed: int = 0
    """When its lists of open runs were read last, epoch milliseconds; 0: in the last pass."""
    failed: tuple[str, ...] = ()
    """Occurrences in these lists that had failed shortly before. The index is a moment behind, so others may be new."""
    paused: int = 0
    """When a pass saw last that an operator pauses the job, epoch milliseconds; 0: never."""


class Snapshot(NamedTuple):
    """What a pass has seen. ``at``: epoch milliseconds at which it began; 0: there was no pass."""

    at: int = 0
    watches: tuple[Watch, ...] = ()
    seen: Mapping[str, Seen] = {}
    """By the name of the schedule."""
    suspects: tuple[str, ...] = ()
    """Schedules that were missing or different in this pass. The next pass reports them if they still are."""
    jobs: Mapping[str, JobState] = {}
    queues: Mapping[str, int] = {}
    """By URL: epoch milliseconds since which the queue has not been empty."""
    metrics: int = 0
    """When Lambda's metrics were read last."""
    turn: int = 0
    """Which of many ``once()`` jobs is the next to be looked at."""


def to_text(snapshot: Snapshot) -> str:
    """Return the snapshot as JSON, without its time, which is an attribute of the row."""
    state = {
        "version": VERSION,
        "watches": snapshot.watches,
        "seen": snapshot.seen,
        "suspects": snapshot.suspects,
        "jobs": {job: _given(state) for job, state in snapshot.jobs.items()},
        "queues": snapshot.queues,
        "metrics": snapshot.metrics,
        "turn": snapshot.turn,
    }
    return json.dumps(state, separators=(",", ":"))


def read_text(at: int, text: str) -> Snapshot:
    """Return the snapshot of a row; an empty one for a row of another version."""
    fields: dict[str, Any] = json.loads(text) if text else {}
    if not at or fields.get("version") != VERSION:
        return Snapshot()
    return Snapshot(
        at=at,
        watches=tuple(Watch(*watch) for watch in fields["watches"]),
        seen={name: Seen(*seen) for name, seen in fields["seen"].items()},
        suspects=tuple(fields["suspects"]),
        jobs={job: _job(state) for job, state in fields["jobs"].items()},
        queues=fields["queues"],
        metrics=fields["metrics"],
        turn=fields["turn"],
    )


def _given(state: JobState) -> dict[str, Any]:
    return {name: value for name, value in state._asdict().items() if value}


def _job(fields: Mapping[str, Any]) -> JobState:
    lists: dict[str, Any] = {
        name: tuple(fields[name]) for name in ("absent", "running", "overdue", "failed") if name in fields
    }
    missed = tuple(Missed(*missed) for missed in fields.get("missed", ()))
    return JobState(**{**fields, **lists, "missed": missed})
