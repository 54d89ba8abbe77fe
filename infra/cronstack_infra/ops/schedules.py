"""The schedules that are deployed, as Scheduler holds them: not as the code declares them.

Their bounds, and the one instant of an ``at()``, are in their Description (see ``deployed_form``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.errors import OperationError
from cronstack.occurrence import print_time, to_milliseconds
from cronstack.payload import CONTEXT_ATTRIBUTE
from cronstack.timetable.instants import Schedule
from cronstack_infra import names
from cronstack_infra.deployed_form import read_schedule
from cronstack_infra.ops.deployment import Deployment

MOST: Final = 200_000
"""Instants of one span that are looked at."""


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
    """ARN of the role with which Scheduler invokes the function."""

    def input_at(self, due: datetime) -> dict[str, Any]:
        """Return the input that this schedule gives at an instant. Raise OperationError when a job would refuse it."""
        text = self.target_input.replace("<aws.scheduler.scheduled-time>", print_time(to_milliseconds(due)))
        text = text.replace("<aws.scheduler.schedule-arn>", self.arn)
        try:
            given = json.loads(text)["input"]
        except (ValueError, KeyError, TypeError):
            given = None
        if not isinstance(given, dict):
            raise OperationError(
                f"the target of the schedule {self.name} does not have Cronstack's Input",
                remedy="Somebody changed it in the console; deploy again.",
            )
        if CONTEXT_ATTRIBUTE in json.dumps(given):
            raise OperationError(
                f'the schedule {self.name} has "{CONTEXT_ATTRIBUTE}" in its input, which only Scheduler can replace',
                remedy=f"Deploy again, or give the input yourself: cronstack trigger {self.job} --input '{{...}}'",
            )
        return given


def schedules_of(scheduler: Any, deployment: Deployment, job: str) -> tuple[DeployedSchedule, ...]:
    """A job's deployed schedules, in the order of their numbers."""
    found = []
    prefix = names.schedule_name(deployment.stack, job, 0).removesuffix("0")
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=deployment.group, NamePrefix=prefix)
    for page in pages:
        for listed in page["Schedules"]:
            if names.job_of_schedule(deployment.stack, listed["Name"]) == job:
                found.append(_read(scheduler.get_schedule(Name=listed["Name"], GroupName=deployment.group), job))
    return tuple(sorted(found, key=lambda one: int(one.name.rpartition(".")[2])))


def instants(
    schedules: tuple[DeployedSchedule, ...], first: datetime, last: datetime
) -> dict[datetime, DeployedSchedule]:
    """When a job is due from ``first`` to before ``last``, oldest first, and by which schedule.

    Two schedules at one instant are one occurrence. Raises OperationError for a span that holds too many, and for a
    rate, whose instants only Scheduler knows.
    """
    due: dict[datetime, DeployedSchedule] = {}
    for one in schedules:
        if not one.schedule.has_grid:
            raise OperationError(
                f"the schedule {one.name} is {one.schedule.expression}: it counts from its creation, so only Scheduler"
                " knows when it was due",
                remedy=f"Declare it as cron(), or name the times: cronstack trigger {one.job} --at …",
            )
        for number, instant in enumerate(_between(one.schedule, first, last)):
            if number >= MOST:
                raise OperationError(f"the span holds more than {MOST} occurrences", remedy="Take a shorter one.")
            due.setdefault(instant, one)
    return dict(sorted(due.items()))


def _between(schedule: Schedule, first: datetime, last: datetime) -> Iterator[datetime]:
    for instant in schedule.after(first - timedelta(microseconds=1)):
        if instant >= last:
            return
        yield instant


def _read(got: Any, job: str) -> DeployedSchedule:
    enabled = got.get("State", "ENABLED") == "ENABLED"
    target = got["Target"]
    return DeployedSchedule(
        got["Name"], got["Arn"], job, read_schedule(got), target.get("Input", ""), enabled, target.get("RoleArn", "")
    )
