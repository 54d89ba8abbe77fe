"""Checks of PutRule and PutTargets for scheduled rules, with AWS's error for each.

Sources: botocore's model for lengths and bounds; AWS's responses, as recorded by other projects, for the texts.
A feature that the local cloud does not support is refused as well, with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import botocore.session
from botocore.model import ServiceModel
from moto.core.exceptions import JsonRESTError
from moto.events.exceptions import ValidationException
from moto.events.models import Rule

from cronstack.errors import ScheduleError
from cronstack.timetable.instants import parse
from cronstack_infra.local.engine.transforming import PREDEFINED, is_path, variables_of
from cronstack_infra.local.refusals.constraints import Malformed, violations

MAX_TARGETS: Final = 5
"""AWS's limit of targets of a rule."""

_TARGETS: Final = {
    "lambda": re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9-_]+(:[a-zA-Z0-9-_$]+)?"),
    "sqs": re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+(\.fifo)?"),
    "sns": re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+(\.fifo)?"),
}
_QUEUE: Final = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+")
_INPUTS: Final = ("Input", "InputPath", "InputTransformer")
_MEMBERS: Final = {
    "scheduled_expression": "ScheduleExpression",
    "event_pattern": "EventPattern",
    "state": "State",
    "description": "Description",
    "role_arn": "RoleArn",
    "event_bus_arn": "EventBusName",
}
"""Members of PutRule by moto's argument of put_rule."""


def check_rule(name: str, given: Mapping[str, Any]) -> None:
    """Raise the first error of PutRule. ``given`` has moto's arguments."""
    members = {_MEMBERS[key]: value for key, value in given.items() if key in _MEMBERS and value is not None}
    expression = members.get("ScheduleExpression")
    if not expression:
        return
    _by_model("PutRule", {"Name": name, **members})
    if str(members.get("EventBusName", "default")).rpartition("/")[2] != "default":
        raise ValidationException("ScheduleExpression is supported only on the default event bus.")
    if members.get("EventPattern"):
        raise ValidationException(
            "The local cloud fires a rule by its schedule only. Move the event pattern to a second rule."
        )
    if not is_expression(expression):
        raise ValidationException("Parameter ScheduleExpression is not valid.")


def is_expression(text: str) -> bool:
    """Return whether a rule may have this schedule: cron, or rate with a unit that fits its value (1 minute)."""
    try:
        schedule = parse(text)
    except ScheduleError:
        return False
    return schedule.kind == "cron" or (schedule.kind == "rate" and schedule.expression == text)


def check_targets(rule: Rule, targets: Sequence[Mapping[str, Any]]) -> None:
    """Raise the first error of PutTargets for a scheduled rule."""
    _by_model("PutTargets", {"Rule": rule.name, "Targets": list(targets)})
    ids = {target["Id"] for target in (*rule.targets, *targets)}
    if len(ids) > MAX_TARGETS:
        raise JsonRESTError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    for target in targets:
        _check_target(target)
        _check_input(target)


def _check_target(target: Mapping[str, Any]) -> None:
    arn = str(target["Arn"])
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if not arn.startswith("arn:") or not service:
        raise ValidationException(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    if service not in _TARGETS:
        raise ValidationException(
            f"Parameter {arn} is not valid. Reason: in the local cloud rules deliver to Lambda, SQS and SNS only."
            " Let one of these receive the event."
        )
    if not _TARGETS[service].fullmatch(arn):
        raise ValidationException(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    if service == "sqs" and arn.endswith(".fifo") and not (target.get("SqsParameters") or {}).get("MessageGroupId"):
        raise ValidationException(f"Parameter(s) SqsParameters must be specified for target: {target['Id']}.")
    letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if letters is not None and not _QUEUE.fullmatch(str(letters)):
        raise ValidationException(f"Parameter {letters} is not valid. Reason: it must be a standard SQS queue.")


def _check_input(target: Mapping[str, Any]) -> None:
    given = [name for name in _INPUTS if target.get(name) is not None]
    if len(given) > 1:
        raise ValidationException(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}."
        )
    if "Input" in given:
        try:
            json.loads(target["Input"])
        except ValueError as fault:
            raise ValidationException(f"JSON syntax error in input for target {target['Id']}: {fault}") from None
    if "InputPath" in given and not is_path(target["InputPath"]):
        raise ValidationException(f"Invalid InputPath for target {target['Id']}.")
    if "InputTransformer" in given:
        _check_transformer(target["Id"], target["InputTransformer"])


def _check_transformer(target_id: str, given: Mapping[str, Any]) -> None:
    paths = given.get("InputPathsMap") or {}
    for name, path in paths.items():
        if name.lower().startswith("aws"):
            raise ValidationException(f"InputPathsMap for target {target_id} contains the reserved key {name}.")
        if not is_path(path):
            raise ValidationException(f"Invalid InputPathsMap for target {target_id}: {path}")
    for name in variables_of(given["InputTemplate"]):
        if name not in paths and name not in PREDEFINED:
            raise ValidationException(f"InputTemplate for target {target_id} contains invalid placeholder {name}.")


def _by_model(operation: str, members: Mapping[str, Any]) -> None:
    shape = _model().operation_model(operation).input_shape
    assert shape is not None
    try:
        errors = list(violations(shape, members))
    except Malformed as fault:
        raise JsonRESTError("SerializationException", str(fault)) from None
    if errors:
        plural = "s" if len(errors) > 1 else ""
        raise ValidationException(f"{len(errors)} validation error{plural} detected: {'; '.join(errors)}")


@lru_cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("events")
