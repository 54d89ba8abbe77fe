"""Universal targets of Scheduler: the API call that ``arn:aws:scheduler:::aws-sdk:service:action`` names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import botocore.session
from botocore.exceptions import UnknownServiceError

_ARN: Final = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9-]+):([a-zA-Z0-9]+)")
_READS: Final = re.compile(
    r"(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate"
    r"|batchGet|batchDescribe|batchRead|transactGet)(?![a-z])"
)
_CLIENTS: Final = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs", "ses": "ses"}
"""botocore's client by Scheduler's service name (the SDK's service id), where the two differ."""
_IAM_ACTIONS: Final = {("lambda", "Invoke"): "lambda:InvokeFunction", ("stepfunctions", "*"): "states"}


class InvalidTarget(Exception):
    """The ARN names no call that Scheduler makes. The text is the reason."""


def is_universal(arn: str) -> bool:
    return _ARN.fullmatch(arn) is not None


@lru_cache
def call_of(arn: str) -> tuple[str, str]:
    """Return botocore's client and operation of a universal target. Raise InvalidTarget for an invalid one."""
    matched = _ARN.fullmatch(arn)
    if matched is None:
        raise InvalidTarget(f"{arn} is not arn:aws:scheduler:::aws-sdk:service:apiAction")
    service, action = matched[1], matched[2]
    if _READS.match(action):
        raise InvalidTarget(f"{action} only reads, and Scheduler refuses such actions")
    client = _CLIENTS.get(service, service)
    try:
        model = botocore.session.get_session().get_service_model(client)
    except UnknownServiceError:
        raise InvalidTarget(f"service {service} does not exist") from None
    operation = action[0].upper() + action[1:]
    if not action[0].islower() or operation not in model.operation_names:
        raise InvalidTarget(f"{service} has no action {action}")
    return client, operation


def permission_of(arn: str) -> str:
    """Return the IAM action that the schedule's role must allow."""
    client, operation = call_of(arn)
    prefix = _IAM_ACTIONS.get((client, "*"), client)
    return _IAM_ACTIONS.get((client, operation), f"{prefix}:{operation}")
