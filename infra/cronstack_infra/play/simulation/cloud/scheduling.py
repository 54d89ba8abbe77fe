"""Scheduler's responses to the runtime and ``once`` without HTTP: the same backend, with its rules and errors.

Signing, sending and parsing would take half of the time of a plan or a carrier. Requests that botocore or the gate
refuse before they reach the backend are refused here as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidator
from moto.scheduler.models import scheduler_backends

from cronstack_infra.local.apis.schedule_checks import SchedulerError
from cronstack_infra.local.apis.schedules import ARGUMENTS
from cronstack_infra.local.environment import ACCOUNT, REGION
from cronstack_infra.local.refusals.intake import judge
from cronstack_infra.local.refusals.reading import Read, model
from cronstack_infra.local.refusals.refusal import ApiError

OPERATIONS: Final = frozenset({"CreateSchedule", "GetSchedule", "DeleteSchedule"})
_VALIDATOR: Final = ParamValidator()

Answer = Mapping[str, Any]


def call(operation: str, parameters: Mapping[str, Any]) -> Answer:
    """Answer like ``cronstack.transport``. Raise ParamValidationError for a request that boto3 does not send."""
    request = Read(model("scheduler").operation_model(operation), dict(parameters))
    shape = request.operation.input_shape
    assert shape is not None
    report = _VALIDATOR.validate(request.parameters, shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())
    try:
        judge("scheduler", request, ACCOUNT, REGION)
        return _carry_out(operation, parameters)
    except ApiError as refused:
        return _error(refused.code, refused.message, refused.status)
    except SchedulerError as refused:
        return _error(refused.error_type, json.loads(refused.description)["Message"], refused.code)


def _carry_out(operation: str, parameters: Mapping[str, Any]) -> Answer:
    backend: Any = scheduler_backends[ACCOUNT][REGION]
    group, name = parameters.get("GroupName"), parameters["Name"]
    match operation:
        case "CreateSchedule":
            arguments = {argument: parameters.get(member) for argument, member in ARGUMENTS.items()}
            token = parameters.get("ClientToken")
            created = backend.create_schedule(
                name=name, group_name=group, client_token=token, requested=True, **arguments
            )
            return {"ScheduleArn": created.arn}
        case "GetSchedule":
            schedule: Answer = backend.get_schedule(group, name).to_dict()
            return schedule
        case _:
            backend.delete_schedule(group, name)
            return {}


def _error(code: str, message: str, status: int) -> Answer:
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
