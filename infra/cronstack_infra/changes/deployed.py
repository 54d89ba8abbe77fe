"""Read the deployed side of a comparison: template, schedules and pending occurrences. Reads only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata, jobs_of_template
from cronstack.guard import carrier
from cronstack.ledger.partitions import open_lists, plan_partitions
from cronstack.occurrence import to_datetime, to_milliseconds
from cronstack.timetable.instants import Schedule
from cronstack_infra import names
from cronstack_infra.changes.sides import WATCHDOG, DeployedJobSide, JobSide, TimedSchedule, side_of, sorted_json
from cronstack_infra.changes.waiting import Kind, Pending
from cronstack_infra.ops.deployment import Clients, Deployment, deployed_jobs, find_deployment
from cronstack_infra.ops.ledger.keyed import open_runs, planned
from cronstack_infra.ops.ledger.reader import Reader, Seen, ignore
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.schedules import DeployedSchedule, schedules_of

MOST: Final = 1_000
"""Most pending occurrences of one kind and one job that are read."""
BEHIND: Final = 2 * 86_400_000
"""Milliseconds. How far back plans are read: Scheduler tries for a day at most, and then leaves a dead letter."""
_OPEN: Final[tuple[Kind, ...]] = ("retrying", "crashed", "buffered")


def is_deployed(cloudformation: Any, stack: str) -> bool:
    """Return whether the stack exists. A stack that only has a change set has no resources yet."""
    from botocore.exceptions import ClientError

    try:
        stacks = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return False
    return bool(stacks) and stacks[0]["StackStatus"] not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")


def read_stack(clients: Clients, stack: str) -> dict[str, DeployedJobSide]:
    """Return the jobs of a deployed stack, by name, without the kit's own."""
    deployment = find_deployment(clients("cloudformation"), stack)
    metadata = jobs_of_template(_template(clients("cloudformation"), stack))
    jobs = {}
    for name in {*metadata, *(job.name for job in deployed_jobs(clients("lambda"), deployment))} - {WATCHDOG}:
        found = schedules_of(clients("scheduler"), deployment, name)
        timed = tuple(_timed(clients("scheduler"), deployment, each) for each in found)
        declared = _declared(name, metadata.get(name), timed, found)
        jobs[name] = DeployedJobSide(declared, timed)
    return jobs


def read_pending(
    clients: Clients, stack: str, jobs: Iterable[str], now: datetime, seen: Seen = ignore
) -> dict[str, list[Pending]]:
    """Return the pending occurrences of some jobs, ``MOST`` of each kind."""
    deployment = find_deployment(clients("cloudformation"), stack)
    reader = Reader(clients("dynamodb"), deployment.ledger, seen=seen)
    pending = {}
    for job in jobs:
        by_code = names.once_output(job) in deployment.outputs
        pending[job] = [*_pending(clients, deployment, reader, job, now, by_code=by_code)]
    return pending


def _pending(
    clients: Clients, deployment: Deployment, reader: Reader, job: str, now: datetime, *, by_code: bool
) -> Iterator[Pending]:
    dynamodb = clients("dynamodb")
    running = list_runs(dynamodb, deployment, (job,), now=now, most=MOST, status="running")
    due: dict[Kind, list[datetime]] = {"running": [row.due for row in running]}
    for run in islice(open_runs(reader, open_lists(job, by_code=by_code)), MOST):
        for kind in _OPEN:
            if run.status == kind:
                due.setdefault(kind, []).append(to_datetime(run.due))
    if by_code:
        plans = planned(reader, job, plan_partitions(job), to_milliseconds(now) - BEHIND)
        due["planned"] = [to_datetime(plan.due) for plan in islice(plans, MOST)]
    for kind, instants in due.items():
        if instants:
            yield Pending(kind, len(instants), min(instants), max(instants), len(instants) >= MOST)
    # A carrier without a row brings a delivery back that came too early, or while another one ran.
    if not due.keys() & set(_OPEN) and (carriers := _carriers(clients("scheduler"), deployment, job)):
        yield Pending("carrier", carriers, at_least=carriers >= MOST)


def _carriers(scheduler: Any, deployment: Deployment, job: str) -> int:
    pages = scheduler.get_paginator("list_schedules").paginate(
        GroupName=names.carriers_group(deployment.stack), NamePrefix=carrier.prefix(job)
    )
    return len(list(islice((schedule for page in pages for schedule in page["Schedules"]), MOST)))


def _template(cloudformation: Any, stack: str) -> Mapping[str, Any]:
    """Return the template of a stack. boto3 parses JSON templates; it returns others as text."""
    body = cloudformation.get_template(StackName=stack)["TemplateBody"]
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return {}  # YAML, which Cronstack does not write
    return body if isinstance(body, Mapping) else {}


def _timed(scheduler: Any, deployment: Deployment, found: DeployedSchedule) -> TimedSchedule:
    number = int(found.name.rpartition(".")[2])
    since = None
    if not found.schedule.has_grid:
        got = scheduler.get_schedule(Name=found.name, GroupName=deployment.group)
        since = got["LastModificationDate"]
    return TimedSchedule(number, found.schedule, found.enabled, since)


def _declared(
    name: str, metadata: JobMetadata | None, timed: tuple[TimedSchedule, ...], found: tuple[DeployedSchedule, ...]
) -> JobSide:
    """Return the declaration in the template; without metadata, what the schedules show."""
    input = _input(found)
    if metadata is not None:
        side = side_of(metadata)
        return JobSide(side.job, side.schedules, input)
    enabled = all(each.enabled for each in timed)
    job = JobMetadata(name, tuple(_metadata(each.schedule) for each in timed), enabled)
    return JobSide(job, timed, input, has_policies=False)


def _metadata(schedule: Schedule) -> ScheduleMetadata:
    start, end = (None if bound is None else bound.isoformat() for bound in (schedule.start, schedule.end))
    return ScheduleMetadata(schedule.expression, schedule.timezone, start, end, schedule.window)


def _input(found: tuple[DeployedSchedule, ...]) -> str | None:
    """Return the input of a job's first schedule. None: unknown."""
    for each in found:
        try:
            given = json.loads(each.target_input)["input"]
        except (ValueError, KeyError, TypeError):
            return None
        return sorted_json(given) if isinstance(given, dict) else None
    return None
