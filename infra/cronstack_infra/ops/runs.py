"""Runs as the ledger keeps them: looked up, and followed until they are final. (``listing`` lists them.)

A key that has not begun has no run. Its plan is shown in place of one, as "planned", "cancelled", or "begun" where its
run is not written yet or is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack.defaults import DEFAULTS
from cronstack.errors import OperationError
from cronstack.ledger import items, plan_requests, run_requests
from cronstack.ledger.rows import FAILED, FINAL, PlanItem, RunItem
from cronstack.occurrence import planned_id, print_instant, print_time, scheduled_id, to_datetime, to_milliseconds
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.ledger.reader import Reader, Seen, ignore

LATE: Final = timedelta(minutes=5)
"""A plan that has not begun so long after its time is overdue."""
UNSTARTED: Final = 30.0
"""Seconds after which a run that has not started is worth a word."""


@dataclass(frozen=True)
class Row:
    """A run, for people."""

    job: str
    occurrence: str
    status: str
    due: datetime
    attempt: int
    limit: int
    started: datetime | None
    """Of the last attempt."""
    ended: datetime | None
    after: datetime | None
    """Of one that is retrying: its carrier brings it back then, or a little later."""
    reason: str
    met: str
    """The occurrence that ran when this one was skipped or buffered; "" where the ledger does not know it."""
    error: str
    """Class and message of what failed last."""
    result: Any
    overdue: bool
    """Running, but beyond the end of its lease: its process is dead, and the next delivery takes over. Or planned, but
    its time has passed."""
    key: str = ""
    """The key that code has scheduled it by."""
    revision: int = 0
    """Of its plan; grows with each move."""

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def remedy(self) -> str:
        """The command that starts a missed run; "" for all others. Its dead letter is kept for 14 days."""
        missed = self.status == "missed" and self.ended is not None
        return f"cronstack dead-letters redrive {self.job} --origin missed" if missed else ""

    @property
    def took(self) -> float | None:
        """Seconds of the last attempt."""
        if self.started is None or self.ended is None:
            return None
        return max(0.0, (self.ended - self.started).total_seconds())

    def as_json(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "occurrence": self.occurrence,
            "status": self.status,
            "due": print_time(to_milliseconds(self.due)),
            "attempt": self.attempt,
            "limit": self.limit,
            "started": _iso(self.started),
            "ended": _iso(self.ended),
            "after": _iso(self.after),
            "took": self.took,
            "reason": self.reason,
            "met": self.met or None,
            "error": self.error,
            "result": self.result,
            "overdue": self.overdue,
            "key": self.key or None,
            "remedy": self.remedy or None,
        }


def runs_between(
    dynamodb: Any,
    deployment: Deployment,
    job: str,
    first: datetime,
    last: datetime,
    now: datetime,
    seen: Seen = ignore,
) -> list[Row]:
    """Return the runs of a job's schedules due from ``first`` to before ``last``, all generations, oldest first."""
    a, z = scheduled_id(to_milliseconds(first)), scheduled_id(to_milliseconds(last))
    runs = Reader(dynamodb, deployment.ledger, seen=seen).runs(job, a, z, newest_first=False, size=200)
    return [row for row in (row_of(job, run, now) for run in runs) if row.due < last]


def find_run(dynamodb: Any, deployment: Deployment, job: str, occurrence: str, now: datetime) -> Row | None:
    """Return the run of an occurrence. A key that has not begun has none."""
    call = run_requests.get_run(deployment.ledger, job, occurrence)
    run = items.read_run(dynamodb.get_item(**call.parameters).get("Item"))
    return None if run is None else row_of(job, run, now)


def find_key(dynamodb: Any, deployment: Deployment, job: str, key: str, now: datetime) -> Row | None:
    """Return the run of a key, or else its plan; also where the run was missed, and the key was planned anew."""
    row = find_run(dynamodb, deployment, job, planned_id(key), now)
    if row is not None and row.status != "missed":
        return row
    call = plan_requests.get(deployment.ledger, job, key)
    plan = items.read_plan(dynamodb.get_item(**call.parameters).get("Item"))
    if plan is None or (row is not None and plan.revision == row.revision):
        return row
    return row_of(job, plan, now)


Report = Callable[[Row | None], None]
"""Receive each new state of a run that is followed; None once when it has not started after ``UNSTARTED`` seconds."""


def no_report(row: Row | None) -> None:
    """Ignore the states of a run."""


def follow(
    dynamodb: Any,
    deployment: Deployment,
    job: str,
    occurrence: str,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    patience: float,
    beyond_attempt: int | None = None,
    report: Report = no_report,
) -> Row:
    """Look until a run is final, and return it. Raise OperationError when it is not after ``patience`` seconds.

    beyond_attempt: a failure no later than this attempt's is the one that was redriven; 0 of a miss. report: receives
    the states before the end.
    """
    began, pause = clock(), 0.3
    reported: tuple[object, ...] = ()
    while True:
        row = find_run(dynamodb, deployment, job, occurrence, clock())
        waited = (clock() - began).total_seconds()
        redriven = beyond_attempt is not None and row is not None and row.attempt <= beyond_attempt
        is_old = redriven and row is not None and row.status in FAILED
        if row is not None and row.final and not is_old:
            return row
        state = _state(row)
        if state != reported and not is_old and (row is not None or waited > UNSTARTED):
            report(row)
            reported = state
        if waited > patience:
            stands = "has not started" if row is None else f"is {row.status}, attempt {row.attempt} of {row.limit}"
            raise OperationError(
                f"{occurrence} of {job} {stands} after {patience:.0f} s",
                remedy=f"It goes on without you; look again: cronstack runs {job}",
            )
        sleep(pause)
        pause = min(3.0, pause * 1.3)


def _state(row: Row | None) -> tuple[object, ...]:
    """Return what a person who waits wants to know of a run; equal for two rows that differ in nothing else."""
    return ("unstarted",) if row is None else (row.status, row.attempt, row.after, row.overdue)


def row_of(job: str, found: RunItem | PlanItem, now: datetime) -> Row:
    """Return a run, or a plan without a run, as people see it."""
    return _row_of_plan(job, found, now) if isinstance(found, PlanItem) else _row_of_run(job, found, now)


def _row_of_run(job: str, run: RunItem, now: datetime) -> Row:
    return Row(
        job=job,
        occurrence=run.occurrence,
        status=run.status,
        due=to_datetime(run.due),
        attempt=run.attempt,
        limit=run.limit,
        started=to_datetime(run.started) if run.started else None,
        ended=to_datetime(run.ended) if run.ended else None,
        after=to_datetime(run.after) if run.after and run.status == "retrying" else None,
        reason=run.reason,
        met=run.met,
        error=_error(run.error),
        result=_json(run.result),
        overdue=run.status == "running" and to_milliseconds(now) > run.expires,
        key=run.key,
        revision=run.revision,
    )


def _row_of_plan(job: str, plan: PlanItem, now: datetime) -> Row:
    due, reason = to_datetime(plan.due), ""
    if plan.status in ("begun", "missed"):
        forgotten = now - to_datetime(plan.begun) > timedelta(seconds=DEFAULTS.retention)
        reason = "its run is forgotten" if forgotten else "its run is not written yet"
    return Row(
        job=job,
        occurrence=planned_id(plan.key),
        status=plan.status,
        due=due,
        attempt=0,
        limit=0,
        started=None,
        ended=None,
        after=None,
        reason=reason,
        met="",
        error="",
        result=None,
        overdue=plan.status == "planned" and now - due > LATE,
        key=plan.key,
        revision=plan.revision,
    )


def _error(text: str) -> str:
    told = _json(text)
    return f"{told.get('type', '')}: {told.get('message', '')}" if isinstance(told, dict) else text


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else print_instant(instant.astimezone(UTC))
