"""Occurrences of a past span that never ran, run on purpose, in order, one after the other.

What was due comes from the *deployed* schedules, what has run from the ledger; the difference is missing. Ids are the
schedule's own, so nothing can run twice. What is older than the ledger can tell, and what has run, runs only as a new
generation (``again``).
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
from cronstack_infra.ops.invoking import Ended, call_until_told
from cronstack_infra.ops.rescheduled import neighbours, refuse_repeats
from cronstack_infra.ops.runs import Report, Row, follow, no_report, runs_between
from cronstack_infra.ops.schedules import DeployedSchedule, instants, schedules_of
from cronstack_infra.plural import counted

UNASKED: Final = 100
"""Occurrences that are run without being allowed expressly."""
PATIENCE: Final = 1200.0
"""Seconds to wait for the end of one occurrence whose attempt failed: the pauses between attempts are its job's."""


@dataclass(frozen=True)
class Planned:
    """One instant of the span."""

    occurrence: str
    due: datetime
    generation: int
    input: dict[str, Any]
    stands: str
    """"" to be run; else how it ended already: "succeeded", "skipped: overlap", "dead", …"""


@dataclass(frozen=True)
class Plan:
    """What a backfill will do."""

    job: DeployedJob
    timezone: str
    """Of the job's first schedule: dates are shown in it."""
    planned: tuple[Planned, ...]

    @property
    def missing(self) -> tuple[Planned, ...]:
        return tuple(one for one in self.planned if not one.stands)


@dataclass(frozen=True)
class Filled:
    """One occurrence of the plan, worked."""

    planned: Planned
    ended: Ended


def timezone_of(clients: Clients, deployment: Deployment, job: str) -> str:
    """The zone in which an operator writes dates of this job."""
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
) -> Plan:
    """Compare what was due from ``first`` to before ``last`` with the ledger. Runs nothing.

    Raise OperationError when nothing can be due, or when more than ``most`` are missing. Without ``again`` raise it
    also when some are older than the ledger can tell, and when runs of an earlier schedule may have done their work.
    """
    found = find_job(clients("lambda"), deployment, job)
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
    rows: dict[str, list[Row]] = {}
    for row in known:
        rows.setdefault(split_generation(row.occurrence)[0], []).append(row)
    horizon = now - timedelta(seconds=DEFAULTS.horizon)
    planned = tuple(
        _plan(due, rows.get(scheduled_id(to_milliseconds(due)), []), one.input_at(due), again=again, old=due < horizon)
        for due, one in past.items()
    )
    plan = Plan(found, schedules[0].schedule.timezone, planned)
    if not again:
        _refuse_what_nobody_remembers(plan, horizon)
        refuse_repeats(job, schedules, [one.due for one in plan.missing], known)
    if len(plan.missing) > most:
        raise OperationError(
            f"{counted(len(plan.missing), 'occurrence')} of {job} would be run, more than {most}",
            remedy=f"Take a shorter span, or allow it: --max {len(plan.missing)}",
        )
    return plan


def carry_out(
    clients: Clients,
    deployment: Deployment,
    plan: Plan,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    patience: float = PATIENCE,
    report: Callable[[Planned], Report] = lambda one: no_report,
) -> Iterator[Filled]:
    """Work the missing occurrences one after the other, each to its end, oldest first.

    One that has not ended within ``patience`` seconds is left to its carriers, and the next one's turn comes.
    ``report`` returns what receives the states of an occurrence that does not end at its first attempt.
    """
    requested = to_milliseconds(clock())
    for one in plan.missing:
        event = operator_event(
            plan.job.name,
            "backfill",
            due=to_milliseconds(one.due),
            requested=requested,
            input=one.input,
            generation=one.generation,
        )
        said = call_until_told(clients("lambda"), plan.job, event, sleep=sleep)
        if said.comes_back:
            said = _await_end(clients, deployment, plan.job.name, one, said, clock, sleep, patience, report(one))
        yield Filled(one, said)


def _await_end(
    clients: Clients,
    deployment: Deployment,
    job: str,
    one: Planned,
    said: Ended,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    patience: float,
    report: Report,
) -> Ended:
    try:
        row = follow(
            clients("dynamodb"),
            deployment,
            job,
            one.occurrence,
            clock=clock,
            sleep=sleep,
            patience=patience,
            report=report,
        )
    except OperationError as impatience:
        return replace(said, detail=str(impatience.args[0]))
    return Ended(row.status, row.attempt, said.calls, row.reason or row.error)


def _with_neighbours(
    schedules: Sequence[DeployedSchedule], past: Sequence[datetime], first: datetime, last: datetime
) -> tuple[datetime, datetime]:
    """Return the span, widened to the scheduled instants before its first one and after its last one."""
    if not past:
        return first, last
    before, after = neighbours(schedules, past[0]).before, neighbours(schedules, past[-1]).after
    return min(first, before or first), max(last, after or last)


def _plan(due: datetime, rows: list[Row], input: dict[str, Any], *, again: bool, old: bool) -> Planned:
    latest = max(rows, key=lambda row: split_generation(row.occurrence)[1], default=None)
    generation = 1 if latest is None else split_generation(latest.occurrence)[1]
    stands = ""
    if latest is not None and latest.final:
        if again:
            generation += 1
        else:
            stands = f"{latest.status}: {latest.reason}" if latest.reason else latest.status
    if again and old:
        generation = max(2, generation)
    return Planned(scheduled_id(to_milliseconds(due), generation), due, generation, input, stands)


def _refuse_what_nobody_remembers(plan: Plan, horizon: datetime) -> None:
    forgotten = [one for one in plan.missing if one.due < horizon]
    if forgotten:
        raise OperationError(
            f"{counted(len(forgotten), 'occurrence')} of {plan.job.name}, from {forgotten[0].occurrence[2:]} on,"
            f" {'is' if len(forgotten) == 1 else 'are'} older than"
            f" {DEFAULTS.horizon // 86400} days: the ledger cannot tell whether they ran",
            remedy="Run them as a new generation, even if they have run: --again",
        )
