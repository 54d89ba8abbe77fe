"""Pause and resume a job. The pause is in the ledger, where each claim of the job finds it, so no deploy ends it.

A pause stops what has not begun when its write is stored. ``cronstack.guard.protocol`` describes what it stops, and why. Nothing
catches up by itself: ``resume`` counts what was passed over, and an operator decides with ``cronstack backfill``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.errors import OperationError
from cronstack.ledger import pause_requests
from cronstack.ledger.items import read_lease
from cronstack.ledger.partitions import LEASE_KEY, job_partition, lease_key
from cronstack.ledger.rows import PAUSED, LeaseItem, PlanItem
from cronstack.ledger.run_requests import get_lease
from cronstack.occurrence import print_instant, split_generation, to_datetime, to_milliseconds
from cronstack_infra.ops.audit import Action, Operator, caller, record
from cronstack_infra.ops.deployment import Clients, Deployment, find_job
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.onetime import wirings
from cronstack_infra.ops.runs import RunRow, runs_between
from cronstack_infra.ops.schedules import instants, schedules_of

LONGEST_REASON: Final = 300
"""Most characters of a reason. Each claim reads the lease row, which should stay within 1 KB: one write unit."""
OLDEST: Final = timedelta(days=1)
"""An occurrence is due at most so long before it is passed over: the longest start deadline."""


@dataclass(frozen=True)
class Pause:
    """The pause of a job."""

    job: str
    at: datetime
    by: str
    """ARN of the identity that has paused it."""
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {"job": self.job, "paused": print_instant(self.at), "by": self.by, "reason": self.reason or None}


@dataclass(frozen=True)
class Paused:
    """The result of ``pause``: the pause that the job has now."""

    pause: Pause
    is_new: bool
    """False: it was paused before, and nothing was changed."""


@dataclass(frozen=True)
class PassedOver:
    """What a paused job did not run."""

    occurrences: tuple[datetime, ...] = ()
    """Due times of scheduled occurrences that were skipped, oldest first."""
    unrecorded: tuple[datetime, ...] = ()
    """Due times at which the timetable expects an occurrence that has no row. Its event may still come."""
    keys: tuple[str, ...] = ()
    """Keys of plans that were skipped."""

    def command(self, job: str) -> str:
        """Return the command that runs the scheduled occurrences; "" if there are none."""
        due = sorted((*self.occurrences, *self.unrecorded))
        if not due:
            return ""
        first, last = (print_seconds(moment) for moment in (due[0], due[-1] + timedelta(seconds=1)))
        many = f" --max {len(due)}" if len(due) > 100 else ""
        return f"cronstack backfill {job} missing --from {first} --to {last}{many}"


@dataclass(frozen=True)
class Resumed:
    """The result of ``resume``."""

    job: str
    pause: Pause | None
    """The pause that has ended. None: the job was not paused, and nothing was changed."""
    passed_over: PassedOver = PassedOver()


def print_seconds(moment: datetime) -> str:
    """Return "2013-01-01T05:00:00Z"."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def pause_of(dynamodb: Any, ledger: str, job: str) -> Pause | None:
    """Return the pause of a job; None if it is not paused."""
    return _read(job, read_lease(dynamodb.get_item(**get_lease(ledger, job).parameters).get("Item")))


def pauses_of(dynamodb: Any, ledger: str, jobs: Iterable[str]) -> dict[str, Pause]:
    """Return the pauses of those jobs that are paused."""
    names = tuple(jobs)
    items = Reader(dynamodb, ledger).items(lease_key(job) for job in names)
    pauses = {job: _read(job, read_lease(items.get((job_partition(job), LEASE_KEY)))) for job in names}
    return {job: pause for job, pause in pauses.items() if pause is not None}


def pause(clients: Clients, deployment: Deployment, job: str, *, now: datetime, reason: str) -> Paused:
    """Pause a job. When this returns, no attempt of the job begins until it is resumed, except as follows.

    An attempt without a lease (overlap "allow", or a key) may still begin if its delivery has read the lease row
    before. An operator's event that says ``while_paused`` begins. Raise OperationError for an unknown job, and for a
    reason that is empty or too long.
    """
    find_job(clients("lambda"), deployment, job)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise OperationError(
            f"the reason has {len(reason)} characters",
            remedy=f"Say why in 1 to {LONGEST_REASON} characters: the next operator reads it.",
        )
    dynamodb = clients("dynamodb")
    if (known := pause_of(dynamodb, deployment.ledger, job)) is not None:
        return Paused(known, is_new=False)
    operator = caller(clients("sts"), reason)
    record(dynamodb, deployment.ledger, Action(job, "pause", now, operator))
    at = to_milliseconds(now)
    call = pause_requests.pause(deployment.ledger, job, now=at, by=operator.by, reason=reason)
    own = Pause(job, to_datetime(at), operator.by, reason)
    try:
        dynamodb.update_item(**call.parameters)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        stored = pause_of(dynamodb, deployment.ledger, job)
        if stored is None:
            raise _changed(job) from None
        return Paused(stored, is_new=stored == own)  # own: botocore has sent it again after a lost answer
    return Paused(own, is_new=True)


def resume(clients: Clients, deployment: Deployment, job: str, *, now: datetime, reason: str = "") -> Resumed:
    """End the pause of a job, and count what it has passed over. Started runs continue within 5 minutes.

    Raise OperationError for an unknown job, and if another operator has paused it again meanwhile.
    """
    find_job(clients("lambda"), deployment, job)
    dynamodb = clients("dynamodb")
    known = pause_of(dynamodb, deployment.ledger, job)
    if known is None:
        return Resumed(job, None)
    operator: Operator = caller(clients("sts"), reason)
    span = {"from": print_instant(known.at), "to": print_instant(now)}
    record(dynamodb, deployment.ledger, Action(job, "resume", now, operator, span))
    call = pause_requests.resume(deployment.ledger, job, paused=to_milliseconds(known.at))
    try:
        dynamodb.update_item(**call.parameters)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        if pause_of(dynamodb, deployment.ledger, job) is not None:
            raise _changed(job) from None
    return Resumed(job, known, passed_over(clients, deployment, job, since=known.at, now=now))


def passed_over(clients: Clients, deployment: Deployment, job: str, *, since: datetime, now: datetime) -> PassedOver:
    """Return what was passed over from ``since``, the start of the pause, to ``now``, and did not run afterwards."""
    rows: dict[str, list[RunRow]] = {}
    for row in runs_between(clients("dynamodb"), deployment, job, since - OLDEST, now, now):
        rows.setdefault(split_generation(row.occurrence)[0], []).append(row)
    skipped = [of[-1].due for of in rows.values() if _was_passed_over(of, since)]
    known = {row.due for of in rows.values() for row in of}
    schedules = tuple(
        deployed
        for deployed in schedules_of(clients("scheduler"), deployment, job)
        if deployed.enabled and deployed.schedule.has_grid
    )
    expected = [due for due in instants(schedules, since, now) if due not in known]
    return PassedOver(tuple(sorted(skipped)), tuple(expected), _keys(clients, deployment, job, since, now))


def refuse_if_paused(dynamodb: Any, ledger: str, job: str, *, what: str, anyway: str) -> None:
    """Raise OperationError if a job is paused. ``what``: what would not run. ``anyway``: how to run it nevertheless."""
    if (known := pause_of(dynamodb, ledger, job)) is not None:
        raise OperationError(
            f"{describe(known)}, so {what} would not run",
            remedy=f"Resume it: cronstack resume {job}. To run it although the job is paused: {anyway}",
        )


def describe(pause: Pause) -> str:
    """Return "stats is paused since 2026-01-01 12:00 UTC by kim: wrong totals"."""
    who = pause.by.rpartition("/")[2] or "an unknown identity"
    return f"{pause.job} is paused since {pause.at:%Y-%m-%d %H:%M} UTC by {who}: {pause.reason or 'no reason given'}"


def _was_passed_over(generations: list[RunRow], since: datetime) -> bool:
    """Return whether the last generation of an occurrence was skipped by the pause that began at ``since``."""
    last = max(generations, key=lambda row: split_generation(row.occurrence)[1])
    return (last.status, last.reason) == ("skipped", PAUSED) and last.ended is not None and last.ended >= since


def _keys(clients: Clients, deployment: Deployment, job: str, since: datetime, now: datetime) -> tuple[str, ...]:
    if job not in wirings(deployment):
        return ()
    reader = Reader(clients("dynamodb"), deployment.ledger)
    first, last = to_milliseconds(since - OLDEST), to_milliseconds(now)
    rows = keyed.by_due(reader, job, now=last, first=first, last=last, newest_first=False)
    return tuple(row.key for row in rows if isinstance(row, PlanItem) and row.status == "skipped")


def _changed(job: str) -> OperationError:
    return OperationError(
        f"another operator has paused or resumed {job} at the same moment",
        remedy=f"Look at it, and repeat the command: cronstack runs {job}",
    )


def _read(job: str, lease: LeaseItem) -> Pause | None:
    if not lease.paused:
        return None
    note = pause_requests.read_note(lease)
    return Pause(job, to_datetime(lease.paused), note["by"], note["reason"])
