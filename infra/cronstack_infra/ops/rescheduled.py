"""Missing occurrences whose work a run of an earlier schedule may have done. Pure.

An occurrence is named by its time. After a change of the schedule, a day that ran at 06:00 has no run at 07:00, and a
backfill would do the day's work twice. Such a day shows a run at a time that no schedule has today.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cronstack.errors import OperationError
from cronstack_infra.ops.runs import Row
from cronstack_infra.ops.schedules import DeployedSchedule


@dataclass(frozen=True)
class Neighbours:
    """The instants of the schedules before and after a time; None where there is no such instant."""

    before: datetime | None
    after: datetime | None


def neighbours(schedules: Sequence[DeployedSchedule], instant: datetime) -> Neighbours:
    """Return the last instant before a time and the first after it, of all schedules of a job."""
    before = [next(one.schedule.before(instant), None) for one in schedules]
    after = [next(one.schedule.after(instant), None) for one in schedules]
    return Neighbours(
        max((one for one in before if one is not None), default=None),
        min((one for one in after if one is not None), default=None),
    )


def refuse_repeats(
    job: str, schedules: Sequence[DeployedSchedule], missing: Iterable[datetime], rows: Iterable[Row]
) -> None:
    """Raise OperationError when a run beside a missing occurrence is at a time that the schedules do not have."""
    missed = set(missing)
    repeated: set[datetime] = set()
    example: Row | None = None
    for row in rows:
        if not _did_work(row) or _is_scheduled(schedules, row.due):
            continue
        beside = neighbours(schedules, row.due)
        found = missed & {one for one in (beside.before, beside.after) if one is not None}
        if found:
            example = example or row
            repeated |= found
    if example is not None:
        raise OperationError(
            f"{len(repeated)} of {len(missed)} missing occurrences of {job} may repeat work: the ledger has runs near"
            f" them at times that its schedules do not have, such as {example.occurrence} ({example.status})",
            remedy="The schedule has changed since, or an operator triggered those times. Choose a span without them,"
            " or run every occurrence of this span once more: --again",
        )


def _did_work(row: Row) -> bool:
    return row.status == "succeeded" or not row.final


def _is_scheduled(schedules: Sequence[DeployedSchedule], instant: datetime) -> bool:
    return any(one.schedule.has_grid and one.schedule.has(instant) for one in schedules)
