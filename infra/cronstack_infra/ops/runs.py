"""Runs as the ledger keeps them: listed, looked up, and followed until they are final."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from cronstack.errors import OperationError
from cronstack.ledger import items, run_requests
from cronstack.ledger.rows import FINAL, RunItem
from cronstack.occurrence import PLANNED, print_instant, print_time, scheduled_id, to_datetime, to_milliseconds
from cronstack_infra.ops.deployment import Deployment

AHEAD: Final = 5
"""Plans that are shown beside runs, however many there are."""
UNSTARTED: Final = 30.0
"""Seconds after which a run that has not started is worth a word."""
_BEYOND: Final = "\x7f"
"""Sorts behind every character of an id."""
_KINDS: Final = ("t-", "m-")
"""Of ids that grow with the due time; those of what code has scheduled do not."""


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
    """Running, but beyond the end of its lease: whoever ran it is dead, the next delivery takes over."""
    key: str = ""
    """The key that code has scheduled it by."""
    revision: int = 0
    """Of its plan; grows with each move."""

    @property
    def final(self) -> bool:
        return self.status in FINAL

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
        }


def list_runs(
    dynamodb: Any,
    deployment: Deployment,
    jobs: Iterable[str],
    *,
    now: datetime,
    most: int,
    status: str | None = None,
    since: datetime | None = None,
) -> list[Row]:
    """The newest runs of some jobs, by due time, newest first."""
    return [*islice(_newest(dynamodb, deployment, jobs, now, status, since), most)]


def list_recent(
    dynamodb: Any, deployment: Deployment, jobs: Iterable[str], *, now: datetime, most: int, since: datetime | None
) -> tuple[list[Row], int]:
    """The same, but of what code has planned ahead only the next few, and how many more there are.

    Thousands of reminders for next month must not hide what has run today.
    """
    merged = _newest(dynamodb, deployment, jobs, now, None, since)
    ahead: list[Row] = []
    rows: list[Row] = []
    for row in merged:  # what lies ahead comes first
        if row.status == "planned" and row.due > now:
            ahead.append(row)
        elif len(rows) < most:
            rows.append(row)
        else:
            break
    few = min(len(ahead), max(min(AHEAD, most // 4), most - len(rows)))
    shown = [*ahead[len(ahead) - few :], *rows[: most - few]]
    return sorted(shown, key=_newest_first), len(ahead) - few


def list_planned(
    dynamodb: Any, deployment: Deployment, jobs: Iterable[str], *, now: datetime, most: int, since: datetime | None
) -> list[Row]:
    """What code has planned, the next one first."""
    return [*_newest(dynamodb, deployment, jobs, now, "planned", since)][::-1][:most]


def _newest(
    dynamodb: Any,
    deployment: Deployment,
    jobs: Iterable[str],
    now: datetime,
    status: str | None,
    since: datetime | None,
) -> Iterator[Row]:
    def wanted(job: str) -> Iterator[Row]:
        of_job = [_of_kind(dynamodb, deployment, job, kind, now, since) for kind in _KINDS]
        rows = heapq.merge(*of_job, _by_key(dynamodb, deployment, job, now), key=_newest_first)
        return (row for row in rows if (status is None or row.status == status) and (since is None or row.due >= since))

    return heapq.merge(*(wanted(job) for job in jobs), key=_newest_first)


def runs_between(
    dynamodb: Any, deployment: Deployment, job: str, first: datetime, last: datetime, now: datetime
) -> list[Row]:
    """Runs of a job's schedules due from ``first`` to before ``last``, all generations, oldest first."""
    a, z = scheduled_id(to_milliseconds(first)), scheduled_id(to_milliseconds(last))
    pages = _pages(dynamodb, deployment, job, first=a, last=z, newest_first=False)
    return [row for row in (_row(job, run, now) for run in pages) if row.due < last]


def find_run(dynamodb: Any, deployment: Deployment, job: str, occurrence: str, now: datetime) -> Row | None:
    call = run_requests.get_run(deployment.ledger, job, occurrence)
    run = items.read_run(dynamodb.get_item(**call.parameters).get("Item"))
    return None if run is None else _row(job, run, now)


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
    beyond_attempt: int = 0,
    report: Report = no_report,
) -> Row:
    """Look until a run is final, and return it. Raise OperationError when it is not after ``patience`` seconds.

    beyond_attempt: a death no later than this attempt's is the old one. report: receives the states before the end.
    """
    began, pause = clock(), 0.3
    reported: tuple[object, ...] = ()
    while True:
        row = find_run(dynamodb, deployment, job, occurrence, clock())
        waited = (clock() - began).total_seconds()
        old_death = row is not None and row.status == "dead" and row.attempt <= beyond_attempt
        if row is not None and row.final and not old_death:
            return row
        state = _state(row)
        if state != reported and not old_death and (row is not None or waited > UNSTARTED):
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


def _of_kind(
    dynamodb: Any, deployment: Deployment, job: str, kind: str, now: datetime, since: datetime | None
) -> Iterator[Row]:
    first = scheduled_id(to_milliseconds(since)) if since is not None and kind == "t-" else kind
    for run in _pages(dynamodb, deployment, job, first=first, last=kind + _BEYOND, newest_first=True):
        yield _row(job, run, now)


def _by_key(dynamodb: Any, deployment: Deployment, job: str, now: datetime) -> Iterator[Row]:
    """What code has scheduled: its ids are hashes, so all of it is read before the newest is known."""
    pages = _pages(dynamodb, deployment, job, first=PLANNED, last=PLANNED + _BEYOND, newest_first=True)
    yield from sorted((_row(job, run, now) for run in pages), key=_newest_first)


def _pages(
    dynamodb: Any, deployment: Deployment, job: str, *, first: str, last: str, newest_first: bool
) -> Iterator[RunItem]:
    start = None
    while True:
        call = run_requests.query_runs(
            deployment.ledger, job, first=first, last=last, newest_first=newest_first, start=start
        )
        page = dynamodb.query(**call.parameters)
        for item in page["Items"]:
            run = items.read_run(item)
            if run is not None:
                yield run
        start = page.get("LastEvaluatedKey")
        if not start:
            return


def _row(job: str, run: RunItem, now: datetime) -> Row:
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


def _error(text: str) -> str:
    told = _json(text)
    return f"{told.get('type', '')}: {told.get('message', '')}" if isinstance(told, dict) else text


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _newest_first(row: Row) -> tuple[float, str]:
    return (-row.due.timestamp(), row.occurrence)


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else print_instant(instant.astimezone(UTC))
