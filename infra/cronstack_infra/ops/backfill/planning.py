"""The occurrences of a past span, and the aim of a backfill for each. Nothing runs here.

The *deployed* schedules give the due times, and the ledger gives the runs. The ids are those of the schedules, so no
occurrence runs twice. Occurrences that are older than the ledger's records run only as a new generation (``all``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cronstack.defaults import DEFAULTS
from cronstack.errors import OperationError
from cronstack.occurrence import scheduled_id, split_generation, to_milliseconds
from cronstack_infra.ops.backfill.aims import Aim, DueOccurrence, Kind, choose, due_occurrence
from cronstack_infra.ops.backfill.rescheduled import neighbours, refuse_repeats
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment, find_job
from cronstack_infra.ops.runs import RunRow, runs_between
from cronstack_infra.ops.schedules import DeployedSchedule, instants, schedules_of
from cronstack_infra.plural import counted

UNASKED: Final = 100
"""Most occurrences that run without the option that allows more."""
Rows = Mapping[str, Sequence[RunRow]]
"""The runs of each occurrence, all generations, by the id of the first one."""


@dataclass(frozen=True)
class BackfillPlan:
    """The occurrences of a backfill."""

    job: DeployedJob
    kind: Kind
    first: datetime
    last: datetime
    """The end of the span as it was requested. It is not included."""
    timezone: str
    """Time zone of the job's first schedule, in which dates are shown."""
    planned: tuple[DueOccurrence, ...]

    @property
    def missing(self) -> tuple[DueOccurrence, ...]:
        """The occurrences that will run."""
        return tuple(planned for planned in self.planned if not planned.earlier_result)


def timezone_of(clients: Clients, deployment: Deployment, job: str) -> str:
    """Return the time zone in which an operator writes dates of this job."""
    find_job(clients("lambda"), deployment, job)
    schedules = schedules_of(clients("scheduler"), deployment, job)
    return schedules[0].schedule.timezone if schedules else "UTC"


def plan_backfill(
    clients: Clients,
    deployment: Deployment,
    job: str,
    kind: Kind = "missing",
    *,
    first: datetime,
    last: datetime,
    now: datetime,
    most: int = UNASKED,
) -> BackfillPlan:
    """Compare the due times from ``first`` to before ``last`` with the ledger. Run nothing.

    Raise OperationError if nothing can be due, or if more than ``most`` would run. For "missing", also raise if some
    are older than the ledger's records, or if runs of an earlier schedule may have done their work.
    """
    horizon = now - timedelta(seconds=DEFAULTS.horizon)
    schedules = _schedules(clients, deployment, job, first, last)
    past = instants(schedules, first, min(last, now))
    start, end = _with_neighbours(schedules, [*past], first, last)
    known = runs_between(clients("dynamodb"), deployment, job, start, end, now)
    rows = _by_occurrence(known)

    def aim_of(due: datetime) -> Aim | None:
        return choose(kind, rows.get(scheduled_id(to_milliseconds(due)), ()), old=due < horizon)

    plan = _assemble(clients, deployment, job, kind, schedules, past, rows, aim_of, first=first, last=last)
    if kind == "missing":
        _refuse_unrecorded(plan, horizon)
        refuse_repeats(job, schedules, [planned.due for planned in plan.missing if not planned.before], known)
    if len(plan.missing) > most:
        raise OperationError(
            f"{counted(len(plan.missing), 'occurrence')} of {job} would run, more than {most}",
            remedy=f"Take a shorter span, or allow it: --max {len(plan.missing)}",
        )
    return plan


def plan_of_aims(
    clients: Clients,
    deployment: Deployment,
    job: str,
    kind: Kind,
    aim_of: Callable[[datetime], Aim | None],
    *,
    first: datetime,
    last: datetime,
    before: datetime,
    now: datetime,
) -> BackfillPlan:
    """Return the plan of an earlier backfill, with what has ended since. ``before``: the time of its first plan."""
    schedules = _schedules(clients, deployment, job, first, last)
    past = instants(schedules, first, min(last, before))
    rows = _by_occurrence(runs_between(clients("dynamodb"), deployment, job, first, last, now))
    return _assemble(clients, deployment, job, kind, schedules, past, rows, aim_of, first=first, last=last)


def _assemble(
    clients: Clients,
    deployment: Deployment,
    job: str,
    kind: Kind,
    schedules: Sequence[DeployedSchedule],
    past: Mapping[datetime, DeployedSchedule],
    rows: Rows,
    aim_of: Callable[[datetime], Aim | None],
    *,
    first: datetime,
    last: datetime,
) -> BackfillPlan:
    """Return the plan of the instants ``past`` with their schedules."""
    planned = tuple(
        due_occurrence(due, schedule.input_at(due), aim_of(due), rows.get(scheduled_id(to_milliseconds(due)), ()))
        for due, schedule in past.items()
    )
    deployed = find_job(clients("lambda"), deployment, job)
    return BackfillPlan(deployed, kind, first, last, schedules[0].schedule.timezone, planned)


def _by_occurrence(known: Sequence[RunRow]) -> dict[str, list[RunRow]]:
    """Group runs by occurrence, each group in the order of its generations."""
    rows: dict[str, list[RunRow]] = {}
    for row in sorted(known, key=lambda row: split_generation(row.occurrence)[1]):
        rows.setdefault(split_generation(row.occurrence)[0], []).append(row)
    return rows


def _schedules(
    clients: Clients, deployment: Deployment, job: str, first: datetime, last: datetime
) -> tuple[DeployedSchedule, ...]:
    find_job(clients("lambda"), deployment, job)
    if last <= first:
        raise OperationError("the span ends before it begins", remedy="--from is included, --to is not.")
    schedules = schedules_of(clients("scheduler"), deployment, job)
    if not schedules:
        raise OperationError(
            f"{job} has no schedule, so nothing was due", remedy=f"Trigger it: cronstack trigger {job} --at …"
        )
    return schedules


def _with_neighbours(
    schedules: Sequence[DeployedSchedule], past: Sequence[datetime], first: datetime, last: datetime
) -> tuple[datetime, datetime]:
    """Return the span, extended to the scheduled instants before its first and after its last instant."""
    if not past:
        return first, last
    before, after = neighbours(schedules, past[0]).before, neighbours(schedules, past[-1]).after
    return min(first, before or first), max(last, after or last)


def _refuse_unrecorded(plan: BackfillPlan, horizon: datetime) -> None:
    unrecorded = [planned for planned in plan.missing if planned.due < horizon and not planned.before]
    if unrecorded:
        raise OperationError(
            f"{counted(len(unrecorded), 'occurrence')} of {plan.job.name}, from {unrecorded[0].occurrence[2:]} on,"
            f" {'is' if len(unrecorded) == 1 else 'are'} older than"
            f" {DEFAULTS.horizon // 86400} days: the ledger no longer records whether they ran",
            remedy="Run them as a new generation, even if they have run: choose the kind `all`, as in"
            f" cronstack backfill {plan.job.name} all",
        )
