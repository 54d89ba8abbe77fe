"""Find runs in the ledger, and follow them until they are final. (``listing`` lists them.)

A key that has not started has no run, so its plan is shown instead: as "planned" or "cancelled". A started plan is
shown if its run is not written yet or is no longer stored.
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
"""Time after which a plan that has not started is overdue."""
UNSTARTED: Final = 30.0
"""Seconds after which a run that has not started is reported."""


@dataclass(frozen=True)
class RunRow:
    """A run as it is shown to users."""

    job: str
    occurrence: str
    status: str
    due: datetime
    attempt: int
    limit: int
    started: datetime | None
    """Start of the last attempt."""
    ended: datetime | None
    after: datetime | None
    """For a retrying run: when its carrier brings it back, or a little later."""
    reason: str
    other_occurrence: str
    """The occurrence that ran when this one was skipped or buffered; "" if the ledger does not store it."""
    error: str
    """Class and message of the last failure."""
    result: Any
    overdue: bool
    """The lease of the running run has ended: its process is dead, and the next delivery takes over. Or the plan's time
    has passed."""
    key: str = ""
    """Key with which code scheduled it."""
    revision: int = 0
    """Revision of its plan; grows with each move."""

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def remedy(self) -> str:
        """The command that starts a missed run; "" for all others. SQS keeps its dead letter for 14 days."""
        missed = self.status == "missed" and self.ended is not None
        return f"cronstack dead-letters redrive {self.job} --origin missed" if missed else ""

    @property
    def took(self) -> float | None:
        """Duration of the last attempt in seconds."""
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
            "other_occurrence": self.other_occurrence or None,
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
) -> list[RunRow]:
    """Return the runs of a job's schedules due from ``first`` to before ``last``, all generations, oldest first."""
    a, z = scheduled_id(to_milliseconds(first)), scheduled_id(to_milliseconds(last))
    runs = Reader(dynamodb, deployment.ledger, seen=seen).runs(job, a, z, newest_first=False, size=200)
    return [row for row in (row_of(job, run, now) for run in runs) if row.due < last]


def find_run(dynamodb: Any, deployment: Deployment, job: str, occurrence: str, now: datetime) -> RunRow | None:
    """Return the run of an occurrence; None for a key that has not started."""
    call = run_requests.get_run(deployment.ledger, job, occurrence)
    run = items.read_run(dynamodb.get_item(**call.parameters).get("Item"))
    return None if run is None else row_of(job, run, now)


def find_key(dynamodb: Any, deployment: Deployment, job: str, key: str, now: datetime) -> RunRow | None:
    """Return the run of a key, else its plan; also its plan if the run was missed and the key was planned again."""
    row = find_run(dynamodb, deployment, job, planned_id(key), now)
    if row is not None and row.status != "missed":
        return row
    call = plan_requests.get(deployment.ledger, job, key)
    plan = items.read_plan(dynamodb.get_item(**call.parameters).get("Item"))
    if plan is None or (row is not None and plan.revision == row.revision):
        return row
    return row_of(job, plan, now)


Report = Callable[[RunRow | None], None]
"""Callback for each new state of a followed run; None, once, if it has not started after ``UNSTARTED`` seconds."""


def no_report(row: RunRow | None) -> None:
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
) -> RunRow:
    """Poll until a run is final, and return it. Raise OperationError if it is not final after ``patience`` seconds.

    beyond_attempt: the attempt that was redriven, 0 for a miss; a failure up to this attempt does not end the wait.
    report: receives the states before the end.
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
        seen = _state(row)
        if seen != reported and not is_old and (row is not None or waited > UNSTARTED):
            report(row)
            reported = seen
        if waited > patience:
            state = "has not started" if row is None else f"is {row.status}, attempt {row.attempt} of {row.limit}"
            raise OperationError(
                f"{occurrence} of {job} {state} after {patience:.0f} s",
                remedy=f"It continues without this command. To see its state: cronstack runs {job}",
            )
        sleep(pause)
        pause = min(3.0, pause * 1.3)


def _state(row: RunRow | None) -> tuple[object, ...]:
    """Return the facts of a run that are reported while it is followed."""
    return ("unstarted",) if row is None else (row.status, row.attempt, row.after, row.overdue)


def row_of(job: str, item: RunItem | PlanItem, now: datetime) -> RunRow:
    """Return the row of a run, or of a plan without a run."""
    return _row_of_plan(job, item, now) if isinstance(item, PlanItem) else _row_of_run(job, item, now)


def _row_of_run(job: str, run: RunItem, now: datetime) -> RunRow:
    return RunRow(
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
        other_occurrence=run.met,
        error=_error(run.error),
        result=_json(run.result),
        overdue=run.status == "running" and to_milliseconds(now) > run.expires,
        key=run.key,
        revision=run.revision,
    )


def _row_of_plan(job: str, plan: PlanItem, now: datetime) -> RunRow:
    due, reason = to_datetime(plan.due), ""
    if plan.status in ("begun", "missed"):
        expired = now - to_datetime(plan.begun) > timedelta(seconds=DEFAULTS.retention)
        reason = "its run is no longer stored" if expired else "its run is not written yet"
    elif plan.status == "skipped":
        reason = plan.reason
    return RunRow(
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
        other_occurrence="",
        error="",
        result=None,
        overdue=plan.status == "planned" and now - due > LATE,
        key=plan.key,
        revision=plan.revision,
    )


def _error(text: str) -> str:
    error = _json(text)
    return f"{error.get('type', '')}: {error.get('message', '')}" if isinstance(error, dict) else text


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else print_instant(instant.astimezone(UTC))
