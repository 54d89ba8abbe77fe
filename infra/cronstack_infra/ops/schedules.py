"""The deployed schedules as Scheduler stores them, not as the code declares them.

Their bounds, and the one instant of an ``at()``, are in their Description (see ``cronstack.deployed.form``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.deployed.form import read_schedule
from cronstack.errors import OperationError
from cronstack.occurrence import print_time, to_milliseconds
from cronstack.payload import CONTEXT_ATTRIBUTE
from cronstack.timetable.instants import Schedule
from cronstack_infra import names
from cronstack_infra.ops.deployment import Deployment

MOST: Final = 200_000
"""Most instants of one span and one schedule."""


@dataclass(frozen=True)
class DeployedSchedule:
    """One schedule of a job."""

    name: str
    arn: str
    job: str
    schedule: Schedule
    target_input: str
    """The JSON of Target.Input, with Scheduler's context attributes not yet replaced."""
    enabled: bool
    role: str = ""
    """ARN of the role that Scheduler uses to invoke the function."""

    def input_at(self, due: datetime) -> dict[str, Any]:
        """Return the input of this schedule at an instant. Raise OperationError if a job would refuse it."""
        text = self.target_input.replace("<aws.scheduler.scheduled-time>", print_time(to_milliseconds(due)))
        text = text.replace("<aws.scheduler.schedule-arn>", self.arn)
        try:
            input = json.loads(text)["input"]
        except (ValueError, KeyError, TypeError):
            input = None
        if not isinstance(input, dict):
            raise OperationError(
                f"the target of the schedule {self.name} does not have Cronstack's Input",
                remedy="It was changed outside the stack, such as in the console; deploy again.",
            )
        if CONTEXT_ATTRIBUTE in json.dumps(input):
            raise OperationError(
                f'the schedule {self.name} has "{CONTEXT_ATTRIBUTE}" in its input, which only Scheduler can replace',
                remedy=f"Deploy again, or pass the input yourself: cronstack trigger {self.job} --input '{{...}}'",
            )
        return input


def schedules_of(scheduler: Any, deployment: Deployment, job: str) -> tuple[DeployedSchedule, ...]:
    """Return a job's deployed schedules, in the order of their numbers."""
    schedules = []
    prefix = names.schedule_name(deployment.stack, job, 0).removesuffix("0")
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=deployment.group, NamePrefix=prefix)
    for page in pages:
        for listed in page["Schedules"]:
            if names.job_of_schedule(deployment.stack, listed["Name"]) == job:
                schedules.append(
                    read_deployed(scheduler.get_schedule(Name=listed["Name"], GroupName=deployment.group), job)
                )
    return tuple(sorted(schedules, key=lambda deployed: int(deployed.name.rpartition(".")[2])))


def instants(
    schedules: tuple[DeployedSchedule, ...], first: datetime, last: datetime
) -> dict[datetime, DeployedSchedule]:
    """Return the due times of a job from ``first`` to before ``last``, oldest first, with their schedules.

    Two schedules at one instant are one occurrence. Raise OperationError for a span with too many instants, and for
    a rate, whose instants only Scheduler can compute.
    """
    due: dict[datetime, DeployedSchedule] = {}
    for deployed in schedules:
        if not deployed.schedule.has_grid:
            raise OperationError(
                f"the schedule {deployed.name} is {deployed.schedule.expression}: it counts from its creation,"
                " so only Scheduler can compute when it was due",
                remedy=f"Declare it as cron(), or give the times: cronstack trigger {deployed.job} --at …",
            )
        for number, instant in enumerate(_between(deployed.schedule, first, last)):
            if number >= MOST:
                raise OperationError(f"the span has more than {MOST} occurrences", remedy="Choose a shorter span.")
            due.setdefault(instant, deployed)
    return dict(sorted(due.items()))


def _between(schedule: Schedule, first: datetime, last: datetime) -> Iterator[datetime]:
    for instant in schedule.after(first - timedelta(microseconds=1)):
        if instant >= last:
            return
        yield instant


def read_deployed(schedule: Any, job: str) -> DeployedSchedule:
    """Return a schedule of a job. ``schedule`` is the answer of GetSchedule."""
    enabled = schedule.get("State", "ENABLED") == "ENABLED"
    target = schedule["Target"]
    return DeployedSchedule(
        schedule["Name"],
        schedule["Arn"],
        job,
        read_schedule(schedule),
        target.get("Input", ""),
        enabled,
        target.get("RoleArn", ""),
    )
