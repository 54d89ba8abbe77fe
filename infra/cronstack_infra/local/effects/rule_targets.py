"""Delivery to the targets of EventBridge's scheduled rules. The caller holds BACKENDS.

With a RoleArn, EventBridge acts as that role. Without it, the target's resource policy decides. A function whose
policy does not allow EventBridge is not invoked. A queue or topic still receives the event; a note reports that AWS
would refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from cronstack_infra.local.effects import targets
from cronstack_infra.local.engine.values import Deliver, SendRecord, TargetError
from cronstack_infra.local.lookups import permissions
from cronstack_infra.local.lookups.functions import qualified
from cronstack_infra.local.moto import privates

EVENTS: Final = "events.amazonaws.com"
NO_PERMISSIONS: Final = "NO_PERMISSIONS"
NO_RESOURCE: Final = "NO_RESOURCE"

Accept = Callable[[str, str], Any]
Note = Callable[[str], None]


def deliver(given: Deliver, accept: Accept, note: Note) -> None:
    """Deliver once. Raises Refused.

    accept: queues an asynchronous event of a function. note: reports a difference from AWS to the user.
    """
    arn, rule = given.target.arn, given.schedule_arn
    service = arn.split(":")[2]
    try:
        if service == "lambda":
            function = targets.require_function(arn)
            _require(given, "lambda:InvokeFunction", lambda: _require_permission(function, arn, rule))
            accept(qualified(arn), given.payload)
        elif service == "sqs":
            _require(given, "sqs:SendMessage", lambda: _note_of_queue(arn, rule, note))
            parameters, role = given.target.parameters.get("SqsParameters"), given.target.role_arn or None
            targets.send_to_queue(arn, given.payload, {}, parameters, role=role)
        else:
            _require(given, "sns:Publish", lambda: _note_of_topic(arn, rule, note))
            targets.publish(arn, given.payload)
    except targets.TargetRefused as refused:
        raise targets.TargetRefused(_with_eventbridge_code(refused.refusal)) from None


def send_letter(record: SendRecord, note: Note) -> None:
    """Write an event that could not be delivered to the target's dead-letter queue. Raises Refused."""
    _note_of_queue(record.destination, str(record.schedule_arn), note)
    targets.send_to_queue(record.destination, record.body, record.attributes, role=None)


def _require(given: Deliver, action: str, by_policy: Callable[[], None]) -> None:
    if not given.target.role_arn:
        by_policy()
        return
    role = permissions.find_role(given.target.role_arn)
    context = _context(given.schedule_arn)
    if role is None or not permissions.may_be_assumed(role, EVENTS, context).allowed:
        text = f"The role {given.target.role_arn} does not exist, or its trust policy does not let {EVENTS} assume it"
        raise targets.TargetRefused(TargetError("FAILED_TO_ASSUME_ROLE", text, 403))
    targets.require(given.target.role_arn, action, given.target.arn, NO_PERMISSIONS)


def _require_permission(function: Any, arn: str, rule: str) -> None:
    statements = [{**statement, "Resource": "*"} for statement in function.policy.statements]
    policy = {"Statement": statements}
    verdict = permissions.lets_in(policy, EVENTS, "lambda:InvokeFunction", arn, _context(rule))
    if not verdict.allowed:
        text = (
            f"{EVENTS} may not invoke {arn} for {rule}, {verdict.reason}."
            " Add an AWS::Lambda::Permission (or call AddPermission) with this principal and this SourceArn."
        )
        raise targets.TargetRefused(TargetError(NO_PERMISSIONS, text, 403))


def _note_of_queue(arn: str, rule: str, note: Note) -> None:
    _, _, _, region, account, name = arn.split(":", 5)
    queue = sqs_backends[account][region].queues.get(name)
    if queue is not None:
        _note(permissions.lets_in(queue.policy, EVENTS, "sqs:SendMessage", arn, _context(rule)), arn, rule, note)


def _note_of_topic(arn: str, rule: str, note: Note) -> None:
    _, _, _, region, account, _ = arn.split(":", 5)
    topic = sns_backends[account][region].topics.get(arn)
    if topic is not None:
        _note(
            permissions.lets_in(privates.topic_policy(topic), EVENTS, "sns:Publish", arn, _context(rule)),
            arn,
            rule,
            note,
        )


def _note(verdict: permissions.Verdict, arn: str, rule: str, note: Note) -> None:
    if not verdict.allowed:
        note(f"on AWS {rule} cannot send to {arn}: its policy does not let {EVENTS} in, {verdict.reason}")


def _context(rule: str) -> dict[str, str]:
    return {"aws:SourceArn": rule, "aws:SourceAccount": rule.split(":")[4]}


def _with_eventbridge_code(refusal: TargetError) -> TargetError:
    """Replace the target's error code by EventBridge's code if the target does not exist."""
    missing = refusal.status == 404 or "NonExistentQueue" in refusal.code or "NotFound" in refusal.code
    return TargetError(NO_RESOURCE, refusal.message, 404) if missing else refusal
