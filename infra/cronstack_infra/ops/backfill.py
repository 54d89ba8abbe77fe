"""Run the missing occurrences of a past span on purpose, in order, one after the other.

The *deployed* schedules give the due times and the ledger gives the runs; the difference is missing. The ids are those
of the schedules, so no occurrence runs twice. Occurrences that have run, or that are older than the ledger's records,
run only as a new generation (``again``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.defaults import DEFAULTS
from cronstack.errors import OperationError
from cronstack.event import operator_event
from cronstack.occurrence import scheduled_id, split_generation, to_milliseconds
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment, find_job
from cronstack_infra.ops.invoking import InvocationResult, invoke_until_answered
from cronstack_infra.ops.rescheduled import neighbours, refuse_repeats
from cronstack_infra.ops.runs import Report, RunRow, follow, no_report, runs_between
from cronstack_infra.ops.schedules import DeployedSchedule, instants, schedules_of
from cronstack_infra.plural import counted

UNASKED: Final = 100
"""Most occurrences that run without the option that allows more."""
PATIENCE: Final = 1200.0
"""Seconds to wait for the end of one occurrence whose attempt failed. Its job sets the pauses between attempts."""


@dataclass(frozen=True)
class DueOccurrence:
    """One due time of the span."""

    occurrence: str
    due: datetime
    generation: int
    input: dict[str, Any]
    earlier_result: str
    """Result of an earlier run: "succeeded", "skipped: overlap", "dead", …; "" if the occurrence will run."""


@dataclass(frozen=True)
class BackfillPlan:
    """The occurrences of a backfill."""

    job: DeployedJob
    timezone: str
    """Time zone of the job's first schedule, in which dates are shown."""
    planned: tuple[DueOccurrence, ...]

    @property
    def missing(self) -> tuple[DueOccurrence, ...]:
        return tuple(planned for planned in self.planned if not planned.earlier_result)


@dataclass(frozen=True)
class Filled:
    """Result of one occurrence of the plan."""

    planned: DueOccurrence
    ended: InvocationResult


def timezone_of(clients: Clients, deployment: Deployment, job: str) -> str:
    """Return the time zone in which an operator writes dates of this job."""
    find_job(clients("lambda"), deployment, job)
    schedules = schedules_of(clients("scheduler"), deployment, job)
    return schedules[0].schedule.timezone if schedules else "UTC"


def plan_backfill(
    clients: Clients,
    deployment: Deployment,
    job: str,
    *,
    first: datetime,
    last: datetime,
    now: datetime,
    again: bool = False,
    most: int = UNASKED,
) -> BackfillPlan:
    """Compare the due times from ``first`` to before ``last`` with the ledger. Run nothing.

    Raise OperationError if nothing can be due, or if more than ``most`` are missing. Without ``again``, also raise if
    some are older than the ledger's records, or if runs of an earlier schedule may have done their work.
    """
    deployed = find_job(clients("lambda"), deployment, job)
    if last <= first:
        raise OperationError("the span ends before it begins", remedy="--from is included, --to is not.")
    schedules = schedules_of(clients("scheduler"), deployment, job)
    if not schedules:
        raise OperationError(
            f"{job} has no schedule, so nothing was due", remedy=f"Trigger it: cronstack trigger {job} --at …"
        )
    past = instants(schedules, first, min(last, now))
    start, end = _with_neighbours(schedules, [*past], first, last)
    known = runs_between(clients("dynamodb"), deployment, job, start, end, now)
    rows: dict[str, list[RunRow]] = {}
    for row in known:
        rows.setdefault(split_generation(row.occurrence)[0], []).append(row)
    horizon = now - timedelta(seconds=DEFAULTS.horizon)
    planned = tuple(
        _plan(
            due,
            rows.get(scheduled_id(to_milliseconds(due)), []),
            schedule.input_at(due),
            again=again,
            old=due < horizon,
        )
        for due, schedule in past.items()
    )
    plan = BackfillPlan(deployed, schedules[0].schedule.timezone, planned)
    if not again:
        _refuse_unrecorded(plan, horizon)
        refuse_repeats(job, schedules, [planned.due for planned in plan.missing], known)
    if len(plan.missing) > most:
        raise OperationError(
            f"{counted(len(plan.missing), 'occurrence')} of {job} would run, more than {most}",
            remedy=f"Take a shorter span, or allow it: --max {len(plan.missing)}",
        )
    return plan


def carry_out(
    clients: Clients,
    deployment: Deployment,
    plan: BackfillPlan,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    patience: float = PATIENCE,
    report: Callable[[DueOccurrence], Report] = lambda planned: no_report,
) -> Iterator[Filled]:
    """Run the missing occurrences one after the other, each to its end, oldest first.

    If an occurrence has not ended within ``patience`` seconds, its carriers continue it and the next occurrence runs.
    ``report`` returns the callback for the states of an occurrence that does not end in its first attempt.
    """
    requested = to_milliseconds(clock())
    for planned in plan.missing:
        event = operator_event(
            plan.job.name,
            "backfill",
            due=to_milliseconds(planned.due),
            requested=requested,
            input=planned.input,
            generation=planned.generation,
        )
        outcome = invoke_until_answered(clients("lambda"), plan.job, event, sleep=sleep)
        if outcome.comes_back:
            receive = report(planned)
            outcome = _await_end(clients, deployment, plan.job.name, planned, outcome, clock, sleep, patience, receive)
        yield Filled(planned, outcome)


def _await_end(
    clients: Clients,
    deployment: Deployment,
    job: str,
    planned: DueOccurrence,
    first: InvocationResult,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    patience: float,
    report: Report,
) -> InvocationResult:
    try:
        row = follow(
            clients("dynamodb"),
            deployment,
            job,
            planned.occurrence,
            clock=clock,
            sleep=sleep,
            patience=patience,
            report=report,
        )
    except OperationError as timeout:
        return replace(first, detail=str(timeout.args[0]))
    return InvocationResult(row.status, row.attempt, first.calls, row.reason or row.error)


def _with_neighbours(
    schedules: Sequence[DeployedSchedule], past: Sequence[datetime], first: datetime, last: datetime
) -> tuple[datetime, datetime]:
    """Return the span, extended to the scheduled instants before its first and after its last instant."""
    if not past:
        return first, last
    before, after = neighbours(schedules, past[0]).before, neighbours(schedules, past[-1]).after
    return min(first, before or first), max(last, after or last)


def _plan(due: datetime, rows: list[RunRow], input: dict[str, Any], *, again: bool, old: bool) -> DueOccurrence:
    latest = max(rows, key=lambda row: split_generation(row.occurrence)[1], default=None)
    generation = 1 if latest is None else split_generation(latest.occurrence)[1]
    ended_as = ""
    if latest is not None and latest.final:
        if again:
            generation += 1
        else:
            ended_as = f"{latest.status}: {latest.reason}" if latest.reason else latest.status
    if again and old:
        generation = max(2, generation)
    return DueOccurrence(scheduled_id(to_milliseconds(due), generation), due, generation, input, ended_as)


def _refuse_unrecorded(plan: BackfillPlan, horizon: datetime) -> None:
    unrecorded = [planned for planned in plan.missing if planned.due < horizon]
    if unrecorded:
        raise OperationError(
            f"{counted(len(unrecorded), 'occurrence')} of {plan.job.name}, from {unrecorded[0].occurrence[2:]} on,"
            f" {'is' if len(unrecorded) == 1 else 'are'} older than"
            f" {DEFAULTS.horizon // 86400} days: the ledger no longer records whether they ran",
            remedy="Run them as a new generation, even if they have run: --again",
        )
