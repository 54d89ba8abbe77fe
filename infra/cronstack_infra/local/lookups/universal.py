"""Universal targets: ``arn:aws:scheduler:::aws-sdk:service:action``, any call of any service, through botocore.

The call goes to the local cloud like a stranger's: over HTTP, without the lock, so never from a thread that holds it;
in virtual time to moto in the same process.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError

from cronstack_infra.local.engine.values import Refusal
from cronstack_infra.local.environment import client_arguments
from cronstack_infra.local.moto import privates

_ARN: Final = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9-]+):([a-zA-Z0-9]+)")
_READS: Final = re.compile(
    r"(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate"
    r"|batchGet|batchDescribe|batchRead|transactGet)(?![a-z])"
)
_CLIENTS: Final = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs", "ses": "ses"}
"""Scheduler says the SDK's service id; botocore's own name is another one for some."""
_IAM_ACTIONS: Final = {("lambda", "Invoke"): "lambda:InvokeFunction", ("stepfunctions", "*"): "states"}


class NotATarget(Exception):
    """The ARN names no call that Scheduler makes; the text says why."""


def is_universal(arn: str) -> bool:
    return _ARN.fullmatch(arn) is not None


@lru_cache
def call_of(arn: str) -> tuple[str, str]:
    """botocore's client and operation of a universal target. Raises NotATarget."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise NotATarget(f"{arn} is not arn:aws:scheduler:::aws-sdk:service:apiAction")
    service, action = found[1], found[2]
    if _READS.match(action):
        raise NotATarget(f"{action} only reads, and Scheduler refuses such actions")
    client = _CLIENTS.get(service, service)
    try:
        model = botocore.session.get_session().get_service_model(client)
    except UnknownServiceError:
        raise NotATarget(f"there is no service {service}") from None
    operation = action[0].upper() + action[1:]
    if not action[0].islower() or operation not in model.operation_names:
        raise NotATarget(f"{service} has no action {action}")
    return client, operation


def permission_of(arn: str) -> str:
    """The IAM action that the schedule's role must allow."""
    client, operation = call_of(arn)
    prefix = _IAM_ACTIONS.get((client, "*"), client)
    return _IAM_ACTIONS.get((client, operation), f"{prefix}:{operation}")


def call(arn: str, text: str, region: str, endpoint: str | None) -> Refusal | None:
    """Make the call; None when it succeeded. Waits for the answer. Without endpoint: to AWS's own, which moto mocks."""
    client, operation = call_of(arn)
    options: Any = {"retries": {"total_max_attempts": 1}, "read_timeout": 30, "connect_timeout": 5}
    options["ignore_configured_endpoint_urls"] = endpoint is None
    session: Any = botocore.session.get_session()
    made = session.create_client(client, config=Config(**options), **client_arguments(endpoint, region))
    try:
        privates.api_call(made)(operation, json.loads(text or "{}"))
    except ClientError as refused:
        error = refused.response["Error"]
        status = int(refused.response["ResponseMetadata"]["HTTPStatusCode"])
        return Refusal(str(error.get("Code")), str(error.get("Message")), status)
    except (BotoCoreError, TypeError, ValueError) as fault:
        return Refusal("ValidationException", str(fault), 400)
    return None
