"""Missing occurrences whose work a run of an earlier schedule may have done. Pure.

The id of an occurrence is its time. If the schedule moves from 06:00 to 07:00, an old day has no run at 07:00, and a
backfill would do the day's work twice. The ledger shows such a day by a run at a time that no schedule has now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cronstack.errors import OperationError
from cronstack_infra.ops.runs import RunRow
from cronstack_infra.ops.schedules import DeployedSchedule


@dataclass(frozen=True)
class Neighbours:
    """The instants of the schedules before and after a time; None where there is no such instant."""

    before: datetime | None
    after: datetime | None


def neighbours(schedules: Sequence[DeployedSchedule], instant: datetime) -> Neighbours:
    """Return the last instant before a time and the first after it, of all schedules of a job."""
    before = [next(deployed.schedule.before(instant), None) for deployed in schedules]
    after = [next(deployed.schedule.after(instant), None) for deployed in schedules]
    return Neighbours(
        max((time for time in before if time is not None), default=None),
        min((time for time in after if time is not None), default=None),
    )


def refuse_repeats(
    job: str, schedules: Sequence[DeployedSchedule], missing: Iterable[datetime], rows: Iterable[RunRow]
) -> None:
    """Raise OperationError if a run next to a missing occurrence has a time that the schedules do not have."""
    missed = set(missing)
    repeated: set[datetime] = set()
    example: RunRow | None = None
    for row in rows:
        if not _did_work(row) or _is_scheduled(schedules, row.due):
            continue
        around = neighbours(schedules, row.due)
        near = missed & {time for time in (around.before, around.after) if time is not None}
        if near:
            example = example or row
            repeated |= near
    if example is not None:
        raise OperationError(
            f"{len(repeated)} of {len(missed)} missing occurrences of {job} may repeat work: the ledger has runs near"
            f" them at times that its schedules do not have, such as {example.occurrence} ({example.status})",
            remedy="The schedule has changed since, or an operator triggered those times. Choose a span without them,"
            f" or run every occurrence of this span again: cronstack backfill {job} all --from … --to …",
        )


def _did_work(row: RunRow) -> bool:
    return row.status == "succeeded" or not row.final


def _is_scheduled(schedules: Sequence[DeployedSchedule], instant: datetime) -> bool:
    return any(deployed.schedule.has_grid and deployed.schedule.has(instant) for deployed in schedules)
