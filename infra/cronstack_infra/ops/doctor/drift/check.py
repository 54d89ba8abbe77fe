"""The checks of drift and of permissions: read the state of each resource, and compare it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cronstack_infra.ops.doctor.drift import functions, roles, schedules, storage
from cronstack_infra.ops.doctor.drift.compare import Kind, command, differences
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.requests import NotRead, Requests
from cronstack_infra.ops.doctor.stack import DeployedStack, Resource

KINDS: Final[Mapping[str, Kind]] = {
    "AWS::CloudWatch::Alarm": storage.ALARM,
    "AWS::DynamoDB::GlobalTable": storage.TABLE,
    "AWS::DynamoDB::Table": storage.TABLE,
    "AWS::Lambda::Alias": functions.ALIAS,
    "AWS::Lambda::EventInvokeConfig": functions.EVENT_INVOKE_CONFIG,
    "AWS::Lambda::Function": functions.FUNCTION,
    "AWS::Logs::LogGroup": storage.LOG_GROUP,
    "AWS::SQS::Queue": storage.QUEUE,
    "AWS::Scheduler::Schedule": schedules.SCHEDULE,
    "AWS::Scheduler::ScheduleGroup": schedules.GROUP,
}
ROLES: Final[Mapping[str, Kind]] = {"AWS::IAM::Role": roles.ROLE}


def drift(requests: Requests, stack: DeployedStack) -> Iterator[Finding | NotRead]:
    """Yield what was edited or deleted outside the stack, except roles."""
    return _compare(requests, stack, KINDS, list(stack.resources(*KINDS)))


def permissions(requests: Requests, stack: DeployedStack) -> Iterator[Finding | NotRead]:
    """Yield roles that are missing, or that do not have the rights of the template."""
    with_grants = [roles.with_grants(stack, role) for role in stack.resources(*ROLES)]
    return _compare(requests, stack, ROLES, with_grants)


def _compare(
    requests: Requests, stack: DeployedStack, kinds: Mapping[str, Kind], resources: list[Resource]
) -> Iterator[Finding | NotRead]:
    for kind in kinds.values():
        requests.clients(kind.service)  # boto3 creates clients in one thread only
    answers = requests.each(lambda resource: kinds[resource.kind].stored(requests, resource), resources)
    for resource, stored in zip(resources, answers, strict=True):
        if isinstance(stored, NotRead):
            yield stored
        else:
            yield from differences(kinds[resource.kind], resource, stored, revert=revert(stack))


def revert(stack: DeployedStack) -> str:
    """Return the command that restores all resources of a stack. A deployment without a change restores nothing."""
    name = ("--stack-name", stack.name, "--change-set-name", "revert-drift")
    create = ("--use-previous-template", "--deployment-mode", "REVERT_DRIFT", "--capabilities", "CAPABILITY_NAMED_IAM")
    return " && ".join(
        (
            command("aws", "cloudformation", "create-change-set", *name, *create),
            command("aws", "cloudformation", "wait", "change-set-create-complete", *name),
            command("aws", "cloudformation", "execute-change-set", *name),
        )
    )
