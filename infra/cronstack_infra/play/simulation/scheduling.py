"""Scheduler's calls of the runtime and of ``once``, answered without HTTP: the same backend, its rules, its errors.

Half of the time of a plan, or of a carrier, went into signing, sending and parsing what never leaves the process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from moto.scheduler.models import scheduler_backends

from cronstack_infra.local.environment import ACCOUNT, REGION
from cronstack_infra.local.schedule_rules import SchedulerError
from cronstack_infra.local.schedules import ARGUMENTS

OPERATIONS: Final = frozenset({"CreateSchedule", "GetSchedule", "DeleteSchedule"})

Answer = Mapping[str, Any]


def call(operation: str, parameters: Mapping[str, Any]) -> Answer:
    """As ``cronstack.transport`` answers."""
    backend: Any = scheduler_backends[ACCOUNT][REGION]
    group, name = parameters.get("GroupName"), parameters["Name"]
    try:
        match operation:
            case "CreateSchedule":
                given = {argument: parameters.get(member) for argument, member in ARGUMENTS.items()}
                token = parameters.get("ClientToken")
                made = backend.create_schedule(name=name, group_name=group, client_token=token, **given)
                return {"ScheduleArn": made.arn}
            case "GetSchedule":
                found: Answer = backend.get_schedule(group, name).to_dict()
                return found
            case _:
                backend.delete_schedule(group, name)
                return {}
    except SchedulerError as refused:
        error = {"Code": refused.error_type, "Message": json.loads(refused.description)["Message"]}
        return {"Error": error, "ResponseMetadata": {"HTTPStatusCode": refused.code}}
