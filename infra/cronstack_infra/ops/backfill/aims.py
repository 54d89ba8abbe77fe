"""The aim of a backfill for one occurrence, by the rows that the ledger has of it. Pure.

An aim names the run that must happen: a generation, or the next attempt of a run that failed. The guard runs each aim
at most once, however often its event is sent. So a backfill that sends the same aims again doubles nothing.

    the ledger has            missing               failed                 all
    no run                    generation 1          -                      generation 1
    a run that has not ended  continues it          -                      continues it
    missed                    redrives it           redrives it            the next generation
    dead                      -                     redrives it            the next generation
    skipped by a pause        the next generation   -                      the next generation
    succeeded, else skipped   -                     -                      the next generation

The guard never leaves "skipped", so what a pause has skipped runs as a new generation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from cronstack.ledger.rows import FAILED, PAUSED
from cronstack.occurrence import scheduled_id, split_generation, to_milliseconds
from cronstack_infra.ops.runs import RunRow

Kind = Literal["missing", "failed", "all"]
"""missing: never started. failed: dead or missed. all: everything, what has ended as a new generation."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True)
class Aim:
    """The run that a backfill requests."""

    generation: int
    redrive: int | None = None
    """Attempt of the failed run that is redriven, 0 for a miss. None: it has not failed."""


@dataclass(frozen=True)
class DueOccurrence:
    """One due time of the span."""

    occurrence: str
    due: datetime
    generation: int
    input: dict[str, Any]
    earlier_result: str
    """Result of an earlier run: "succeeded", "skipped: overlap", "dead", …; "" if the occurrence will run."""
    redrive: int | None = None
    """Attempt of the failed run that is redriven, 0 for a miss."""
    before: str = ""
    """What the ledger has of it: "missed: too_late", "succeeded", …; "" if it has nothing."""
    aimed: bool = True
    """Whether the backfill requests a run of it. False for what its kind leaves out."""


def choose(kind: Kind, rows: Sequence[RunRow], *, old: bool) -> Aim | None:
    """Return the aim of a new backfill; None if its kind leaves the occurrence out.

    rows: all generations of the occurrence. old: the ledger no longer stores whether it ran.
    """
    latest = last_of(rows)
    generation = 1 if latest is None else _generation(latest)
    if latest is None or not latest.final:
        if kind == "failed":
            return None
        return Aim(max(2, generation) if old and kind == "all" else generation)
    if kind == "all":
        return Aim(generation + 1)
    if latest.status == "missed" or (kind == "failed" and latest.status in FAILED):
        return Aim(generation, latest.attempt)
    if kind == "missing" and (latest.status, latest.reason) == ("skipped", PAUSED):
        return Aim(generation + 1)
    return None


def due_occurrence(due: datetime, input: dict[str, Any], aim: Aim | None, rows: Sequence[RunRow]) -> DueOccurrence:
    """Return the occurrence with its aim, and whether that is done by now."""
    latest = last_of(rows)
    before = "" if latest is None else shown(latest)
    if aim is None:
        generation = 1 if latest is None else _generation(latest)
        return DueOccurrence(_id(due, generation), due, generation, input, before or "no run", None, before, False)
    done = result_of(aim, rows)
    return DueOccurrence(_id(due, aim.generation), due, aim.generation, input, done, aim.redrive, before)


def result_of(aim: Aim, rows: Sequence[RunRow]) -> str:
    """Return how an aim has ended; "" if it has not ended, or was never sent."""
    row = next((row for row in rows if _generation(row) == aim.generation), None)
    if row is None:
        later = [row for row in rows if _generation(row) > aim.generation]
        return shown(later[-1]) if later else ""
    if not row.final or (aim.redrive is not None and row.status in FAILED and row.attempt <= aim.redrive):
        return ""
    return shown(row)


def last_of(rows: Sequence[RunRow]) -> RunRow | None:
    """Return the row of the latest generation."""
    return max(rows, key=_generation, default=None)


def shown(row: RunRow) -> str:
    """Return "skipped: overlap", "succeeded"."""
    return f"{row.status}: {row.reason}" if row.reason else row.status


def _generation(row: RunRow) -> int:
    return split_generation(row.occurrence)[1]


def _id(due: datetime, generation: int) -> str:
    return scheduled_id(to_milliseconds(due), generation)
