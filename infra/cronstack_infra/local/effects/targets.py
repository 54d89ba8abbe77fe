"""Calls of target APIs: messages to queues and topics, and the permissions they need. The caller holds BACKENDS.

Scheduler acts as the schedule's role and Lambda as the function's. A call that the role's policies do not allow is
refused with AWS's error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from moto.awslambda.models import LambdaFunction
from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from werkzeug.exceptions import HTTPException

from cronstack_infra.local.engine.records import api_request
from cronstack_infra.local.engine.values import Deliver, SendRecord, TargetError
from cronstack_infra.local.lookups import identities, permissions
from cronstack_infra.local.lookups.functions import find_function

_FAULTS: Final = (HTTPException, ServiceException)
"""Exceptions by which moto's backends refuse a call."""


class TargetRefused(Exception):
    """The API of a target refused a call."""

    def __init__(self, refusal: TargetError) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def require_function(arn: str) -> LambdaFunction:
    """Return the function of an ARN, qualified or not. Raises Refused when it does not exist."""
    function = find_function(arn)
    if function is None:
        raise TargetRefused(TargetError("ResourceNotFoundException", f"Function not found: {arn}", 404))
    return function


def require(role_arn: str, action: str, resource: str | None, code: str) -> None:
    """Raise Refused unless a role exists and allows an action on the resource; None: on any resource."""
    role = permissions.find_role(role_arn)
    if role is None:
        raise TargetRefused(TargetError(code, f"The role {role_arn} cannot be assumed: it does not exist.", 403))
    verdict = permissions.may(role, action, resource)
    if not verdict.allowed:
        account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
        user = f"arn:aws:sts::{account}:assumed-role/{name}/local"
        text = f"User: {user} is not authorized to perform: {action} on resource: {resource or '*'} {verdict.reason}"
        raise TargetRefused(TargetError(code, text, 403))


def require_known(role_arn: str, new_since: datetime | None) -> None:
    """Raise Refused for a role that was created later: IAM changes reach AWS's services with a delay."""
    role = permissions.find_role(role_arn) if new_since is not None else None
    if role is not None and new_since is not None and permissions.is_new(role, new_since):
        text = f"The role {role_arn} cannot be assumed yet: it was created a moment ago."
        raise TargetRefused(TargetError("AccessDeniedException", text, 403))


def require_trust(deliver: Deliver, new_since: datetime | None) -> None:
    """Raise Refused unless Scheduler may assume the role now: it may have changed since CreateSchedule."""
    require_known(deliver.target.role_arn, new_since)
    role = permissions.find_role(deliver.target.role_arn)
    _, _, _, region, account, rest = deliver.schedule_arn.split(":", 5)
    group = f"arn:aws:scheduler:{region}:{account}:schedule-group/{rest.split('/')[1]}"
    context = {"aws:SourceAccount": account, "aws:SourceArn": group}
    if role is None or not permissions.may_be_assumed(role, "scheduler.amazonaws.com", context).allowed:
        text = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        if role is None:
            text = f"{text} It does not exist."
        raise TargetRefused(TargetError("AccessDeniedException", text, 403))


def send_to_queue(
    arn: str,
    body: str,
    attributes: Mapping[str, tuple[str, str]],
    parameters: Mapping[str, Any] | None = None,
    *,
    role: str | None,
) -> None:
    """Send to an SQS queue as a role; None: as the service itself. Raises Refused."""
    _, _, _, region, account, name = arn.split(":", 5)
    given = parameters or {}
    written = {key: {"DataType": kind, "StringValue": value} for key, (kind, value) in attributes.items()}
    try:
        with identities.acting_as(role):
            sqs_backends[account][region].send_message(
                name, body, message_attributes=written, group_id=given.get("MessageGroupId")
            )
    except _FAULTS as fault:
        raise TargetRefused(_refusal(fault)) from None


def deliver_to_queue(deliver: Deliver) -> None:
    """Send to a templated SQS target. Raises Refused."""
    require(deliver.target.role_arn, "sqs:SendMessage", deliver.target.arn, "AccessDenied")
    request = api_request(deliver.target, deliver.payload)
    given, role = deliver.target.parameters.get("SqsParameters"), deliver.target.role_arn
    send_to_queue(deliver.target.arn, request["MessageBody"], {}, given, role=role)


def deliver_to_topic(deliver: Deliver) -> None:
    """Publish to a templated SNS target. Raises Refused."""
    require(deliver.target.role_arn, "sns:Publish", deliver.target.arn, "AuthorizationError")
    publish(deliver.target.arn, deliver.payload)


def publish(arn: str, text: str, attributes: Mapping[str, tuple[str, str]] | None = None) -> None:
    """Publish to an SNS topic. Raises Refused."""
    _, _, _, region, account, _ = arn.split(":", 5)
    given = {name: {"Type": kind, "Value": value} for name, (kind, value) in (attributes or {}).items()}
    try:
        sns_backends[account][region].publish(text, arn=arn, message_attributes=given)
    except _FAULTS as fault:
        raise TargetRefused(_refusal(fault)) from None


def send_record(record: SendRecord, function_role: str | None, new_since: datetime | None = None) -> None:
    """Write a record to its queue or topic. Raises Refused."""
    role = record.role_arn or function_role
    if role is None:
        raise TargetRefused(
            TargetError("ResourceNotFoundException", "the function was deleted, so its role is unknown", 404)
        )
    require_known(role, new_since)
    if record.destination.split(":")[2] == "sns":
        require(role, "sns:Publish", record.destination, "AuthorizationError")
        publish(record.destination, record.body, record.attributes)
        return
    require(role, "sqs:SendMessage", record.destination, "AccessDenied")
    send_to_queue(record.destination, record.body, record.attributes, role=role)


def _refusal(fault: Exception) -> TargetError:
    """Return the client's error for an exception of moto."""
    code = getattr(fault, "error_type", None) or getattr(fault, "code", None) or type(fault).__name__
    status = getattr(fault, "code", 400)
    return TargetError(str(code), str(getattr(fault, "message", fault)), status if isinstance(status, int) else 400)
