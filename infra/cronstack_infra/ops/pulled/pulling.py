"""Read a run of a deployed stack, to replay it. Reads only; a dead letter that was read stays in its queue.

    event of                 is read from
    a run without success    its row
    a dead run               its row, or its dead letter
    a key                    its row, its dead letter, or its plan
    another run              its row, its dead letter, or built again from the deployed schedule

A run that has succeeded keeps no event. After an attempt was killed, its run has no event until the next attempt ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from cronstack.defaults import DEFAULTS
from cronstack.errors import OperationError
from cronstack.event import SCHEMA
from cronstack.ledger.items import read_plan, read_run
from cronstack.ledger.plan_requests import get as get_plan
from cronstack.ledger.rows import FINISHED, RunItem
from cronstack.ledger.run_requests import get_run
from cronstack.occurrence import payload_hash, split_generation, to_datetime
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.deployment import Clients, Deployment, find_job
from cronstack_infra.ops.ledger.kept import Event, event_of_plan, event_of_run
from cronstack_infra.ops.ledger.reader import Seen, ignore
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.pulled.file import Code, PulledRun, Source
from cronstack_infra.ops.runs import RunRow
from cronstack_infra.ops.schedules import schedules_of

FAILURES: Final = ("dead", "crashed", "retrying", "missed")
"""Statuses of the runs that are pulled unless the user names a run."""
_MARK: Final = "carrier"
"""Field of an event that a carrier sent."""


def last_failure(dynamodb: Any, deployment: Deployment, job: str, *, now: datetime, seen: Seen = ignore) -> RunRow:
    """Return the latest due run of a job that has failed. Raise OperationError if no run has."""
    found = [
        row
        for status in FAILURES
        for row in list_runs(dynamodb, deployment, (job,), now=now, most=1, status=status, seen=seen)
    ]
    if not found:
        raise OperationError(
            f"no run of {job} has failed: none is {', '.join(FAILURES[:-1])} or {FAILURES[-1]}",
            remedy=f"To pull another run, add its time or its occurrence: cronstack runs {job}",
        )
    return max(found, key=lambda row: row.due)


def pull(clients: Clients, deployment: Deployment, job: str, occurrence: str, key: str = "") -> PulledRun:
    """Return a run with its event. ``key``: of an occurrence that code has planned, if it is known.

    Raise OperationError for a run that no source knows, or without an event.
    """
    find_job(clients("lambda"), deployment, job)
    run = read_run(_item(clients, get_run(deployment.ledger, job, occurrence).parameters))
    key = run.key if run is not None and run.key else key
    event, source, letter = _event(clients, deployment, job, occurrence, run, key)
    due = to_datetime(run.due) if run is not None and run.due else _due(event)
    at = to_datetime(run.started) if run is not None and run.started else due
    attempt = max(1, run.attempt if run is not None else letter.contents.attempt if letter is not None else 1)
    return PulledRun(
        stack=deployment.stack,
        job=job,
        occurrence=occurrence,
        due=due,
        at=max(at, due),
        attempt=attempt,
        limit=max(attempt, (run.limit if run is not None else 0) or DEFAULTS.retries + 1),
        status="" if run is None else run.status,
        event={name: value for name, value in event.items() if name != _MARK},
        source=source,
        checkpoint=_json(run.checkpoint) if run is not None else None,
        error=_error(run, letter),
        key=key,
        code=_code(clients("lambda"), deployment, job, at),
    )


def _event(
    clients: Clients, deployment: Deployment, job: str, occurrence: str, run: RunItem | None, key: str
) -> tuple[Event, Source, DeadLetter | None]:
    """Return the event, its source, and the dead letter of the run if it was read."""
    if run is not None and (event := event_of_run(job, run)) is not None:
        return event, "run", None
    has_ended_well = run is not None and run.status in FINISHED  # then no letter exists
    letter = None if has_ended_well else _letter(clients, deployment, job, occurrence)
    if letter is not None:
        return dict(letter.contents.event), "dead letter", letter
    if key:
        plan = read_plan(_item(clients, get_plan(deployment.ledger, job, key).parameters))
        if plan is not None and (planned := event_of_plan(job, plan)) is not None:
            return planned, "plan", None
    elif run is not None or _was_due(clients, deployment, job, occurrence):
        payload = "" if run is None else run.payload
        for built in _built(clients, deployment, job, occurrence):
            if payload in ("", payload_hash(built["input"])):  # else the run had another input, which is lost
                return built, "schedule", None
    raise _not_found(job, occurrence, run, key)


def _letter(clients: Clients, deployment: Deployment, job: str, occurrence: str) -> DeadLetter | None:
    """Return the newest dead letter of an occurrence whose event can be replayed."""
    letters = list_letters(clients("sqs"), deployment, job=job)
    own = [letter for letter in letters if letter.occurrence == occurrence and isinstance(letter.contents.event, dict)]
    return own[-1] if own else None


def _built(clients: Clients, deployment: Deployment, job: str, occurrence: str) -> Iterator[Event]:
    """Yield the event of a scheduled occurrence, built from the deployed schedule that fires at its time."""
    base, generation = split_generation(occurrence)
    if not base.startswith("t-") or generation != 1:
        return
    due = datetime.fromisoformat(base.removeprefix("t-")).astimezone(UTC)
    schedules = schedules_of(clients("scheduler"), deployment, job)
    for deployed in sorted(schedules, key=lambda each: not (each.schedule.has_grid and each.schedule.has(due))):
        yield {
            "cronstack": SCHEMA,
            "job": job,
            "scheduled": base.removeprefix("t-"),
            "schedule": deployed.arn,
            "input": deployed.input_at(due),
        }


def _was_due(clients: Clients, deployment: Deployment, job: str, occurrence: str) -> bool:
    """Return whether a deployed schedule fires at the time of an occurrence that the ledger does not have."""
    base, _ = split_generation(occurrence)
    if not base.startswith("t-"):
        return False
    due = datetime.fromisoformat(base.removeprefix("t-")).astimezone(UTC)
    schedules = schedules_of(clients("scheduler"), deployment, job)
    return any(each.schedule.has_grid and each.schedule.has(due) for each in schedules)


def _not_found(job: str, occurrence: str, run: RunItem | None, key: str) -> OperationError:
    if run is None:
        which = f"a run of the key {key[:60]!r}" if key else f"the run {occurrence}"
        return OperationError(
            f"the stack has neither {which} of {job} nor its dead letter",
            remedy=f"To list the runs: cronstack runs {job}. The ledger keeps a run for 35 days.",
        )
    kept = "a run that has succeeded keeps none" if run.status == "succeeded" else "its row has none"
    return OperationError(
        f"the event of {occurrence} of {job} ({run.status}) is not stored: {kept}",
        remedy="Its input is lost. Trigger the job with an input, and pull that run:"
        f" cronstack trigger {job} --input '{{…}}'",
    )


def _item(clients: Clients, parameters: Any) -> Any:
    return clients("dynamodb").get_item(**parameters).get("Item")


def _due(event: Event) -> datetime:
    return datetime.fromisoformat(str(event["scheduled"])).astimezone(UTC).replace(microsecond=0)


def _error(run: RunItem | None, letter: DeadLetter | None) -> Any:
    if run is not None and run.error:
        return _json(run.error)
    return {"message": letter.error} if letter is not None and letter.error else None


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _code(functions: Any, deployment: Deployment, job: str, at: datetime) -> Code | None:
    """Return the function's code as it is now, and whether the attempt ran it."""
    configuration = functions.get_function_configuration(FunctionName=find_job(functions, deployment, job).function)
    modified = str(configuration.get("LastModified", ""))
    try:
        ran = datetime.fromisoformat(modified) <= at
    except (ValueError, TypeError):
        ran = None
    return Code(str(configuration.get("CodeSha256", "")), modified, ran)
