"""Trigger an occurrence by hand: now, with a new id; or the occurrence of a scheduled time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cronstack.defaults import DEFAULTS
from cronstack.errors import OperationError
from cronstack.event import operator_event
from cronstack.occurrence import print_time, scheduled_id, to_milliseconds, trigger_id
from cronstack.payload import check_input
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment, find_job
from cronstack_infra.ops.invoking import invoke_async
from cronstack_infra.ops.pause import refuse_if_paused
from cronstack_infra.ops.runs import RunRow, find_run
from cronstack_infra.ops.schedules import schedules_of


@dataclass(frozen=True)
class Triggered:
    """The occurrence that was sent to the function."""

    job: DeployedJob
    occurrence: str
    due: datetime
    input: Mapping[str, Any]


def trigger(
    clients: Clients,
    deployment: Deployment,
    job: str,
    *,
    now: datetime,
    ulid: str,
    at: datetime | None = None,
    input: Mapping[str, Any] | None = None,
    while_paused: bool = False,
    before: Callable[[str], None] = lambda occurrence: None,
) -> Triggered:
    """Send the job an event, asynchronously. Without ``input`` the job gets the input of its schedule.

    before: receives the occurrence before the event is sent. If it raises, nothing is sent.

    Raise EventError for an input that the job would refuse. Raise OperationError for an unknown job, for a paused job
    unless ``while_paused``, for a time in the future or older than the ledger's records, and for an occurrence that
    has run.
    """
    given = None if input is None else check_input(input)
    deployed = find_job(clients("lambda"), deployment, job)
    if not while_paused:
        anyway = f"cronstack trigger {job} --while-paused"
        refuse_if_paused(clients("dynamodb"), deployment.ledger, job, what="the occurrence", anyway=anyway)
    due = (now if at is None else at).replace(microsecond=0)
    if at is not None:
        _check(clients, deployment, job, due, now)
    if given is None:
        schedules = schedules_of(clients("scheduler"), deployment, job)
        given = schedules[0].input_at(due) if schedules else {}
    occurrence = trigger_id(ulid) if at is None else scheduled_id(to_milliseconds(due))
    event = operator_event(
        job,
        "trigger",
        due=to_milliseconds(due),
        requested=to_milliseconds(now),
        input=given,
        occurrence=occurrence if at is None else None,
        while_paused=while_paused,
    )
    before(occurrence)
    invoke_async(clients("lambda"), deployed, event)
    return Triggered(deployed, occurrence, due, given)


def _check(clients: Clients, deployment: Deployment, job: str, due: datetime, now: datetime) -> None:
    written = print_time(to_milliseconds(due))
    if due > now + timedelta(seconds=DEFAULTS.skew_margin):
        raise OperationError(
            f"{written} is in the future: run now, the occurrence would be a duplicate when it is due",
            remedy=f"Without --at the run has its own id: cronstack trigger {job}",
        )
    if now - due > timedelta(seconds=DEFAULTS.horizon):
        raise OperationError(
            f"{written} is older than {DEFAULTS.horizon // 86400} days: the ledger no longer records whether it ran",
            remedy=f"Run it as a new generation: cronstack backfill {job} all --from … --to …",
        )
    row = find_run(clients("dynamodb"), deployment, job, scheduled_id(to_milliseconds(due)), now)
    if row is not None and row.final:
        ended = f"was missed ({row.reason})" if row.status == "missed" else _ended(row)
        letter = row.remedy or ("cronstack dead-letters redrive" if row.status == "dead" else "")
        raise OperationError(
            f"{row.occurrence} of {job} {ended}",
            remedy=f"Nothing was run. To run it{'' if row.remedy else ' again'}:"
            f" {letter or f'cronstack backfill {row.job} all --from … --to …'}",
        )


def _ended(row: RunRow) -> str:
    return f"has {row.status}{' (' + row.reason + ')' if row.reason else ''} already"
