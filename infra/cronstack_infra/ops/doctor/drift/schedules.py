"""Schedules and schedule groups, compared with the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack_infra.ops.doctor.drift.compare import Kind, Meaning, State, command, with_json
from cronstack_infra.ops.doctor.requests import Requests
from cronstack_infra.ops.doctor.stack import Resource

_USUAL_RETRIES: Final = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
"""Scheduler's own retry policy."""
_OTHER_TIMES: Final = Meaning("Its job starts at other times than the code declares.", "error")
_OTHER_TARGET: Final = Meaning("Scheduler may not reach the job: nothing runs, without a letter.", "error")
MEANINGS: Final = {
    "ScheduleExpression": _OTHER_TIMES,
    "ScheduleExpressionTimezone": _OTHER_TIMES,
    "State": Meaning(
        "A disabled schedule starts nothing; an enabled one starts a job that the code disables.", "error"
    ),
    "StartDate": _OTHER_TIMES,
    "EndDate": _OTHER_TIMES,
    "FlexibleTimeWindow": Meaning("The job starts in another window after its time."),
    "Description": Meaning("The job's function and tools read its bounds here."),
    "Arn": _OTHER_TARGET,
    "RoleArn": _OTHER_TARGET,
    "Input": Meaning("The function refuses an event that is not Cronstack's, or gets another input.", "error"),
    "RetryPolicy": Meaning("Scheduler gives up before, or after, the job's start deadline."),
    "DeadLetterConfig": Meaning("An event that Scheduler cannot deliver is lost without a letter.", "error"),
}


def _state(properties: Mapping[str, Any]) -> State:
    target = properties.get("Target") or {}
    return {
        "ScheduleExpression": properties.get("ScheduleExpression"),
        "ScheduleExpressionTimezone": properties.get("ScheduleExpressionTimezone") or "UTC",
        "State": properties.get("State") or "ENABLED",
        "StartDate": properties.get("StartDate"),
        "EndDate": properties.get("EndDate"),
        "FlexibleTimeWindow": properties.get("FlexibleTimeWindow"),
        "Description": properties.get("Description"),
        "Arn": target.get("Arn"),
        "RoleArn": target.get("RoleArn"),
        "Input": target.get("Input"),
        "RetryPolicy": target.get("RetryPolicy") or _USUAL_RETRIES,
        "DeadLetterConfig": target.get("DeadLetterConfig"),
    }


def _group(resource: Resource) -> str:
    return str(resource.properties.get("GroupName") or "default")


def _stored(requests: Requests, resource: Resource) -> State | None:
    got = requests.ask("scheduler", "get_schedule", GroupName=_group(resource), Name=_name(resource))
    return None if got is None else _state(got)


def _name(resource: Resource) -> str:
    return resource.id.rpartition("/")[2]


def _parameters(resource: Resource) -> dict[str, Any]:
    """Return all parameters of the schedule: UpdateSchedule replaces what is not given by defaults."""
    given = ("ScheduleExpression", "ScheduleExpressionTimezone", "State", "Description", "FlexibleTimeWindow", "Target")
    fields = {name: resource.properties[name] for name in given if name in resource.properties}
    return {"Name": _name(resource), "GroupName": _group(resource), **fields}


def _restore(resource: Resource, _: str) -> str:
    return with_json(("scheduler", "update-schedule"), _parameters(resource))


def _create(resource: Resource) -> str:
    return with_json(("scheduler", "create-schedule"), _parameters(resource))


SCHEDULE: Final = Kind(
    noun="schedule",
    service="scheduler",
    wanted=lambda resource: _state(resource.properties),
    stored=_stored,
    meanings=MEANINGS,
    deleted="Its job does not start at these times any more, and nothing reports it.",
    restore=_restore,
    create=_create,
    name=_name,
)
GROUP: Final = Kind(
    noun="schedule group",
    service="scheduler",
    wanted=lambda resource: {},
    stored=lambda requests, resource: requests.ask("scheduler", "get_schedule_group", Name=resource.id) and {},
    meanings={},
    deleted="All its schedules are gone. Retries and plans cannot be scheduled.",
    restore=lambda resource, property: "",
    create=lambda resource: command("aws", "scheduler", "create-schedule-group", "--name", resource.id),
)
