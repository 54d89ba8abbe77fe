"""Grant the rights that the commands of operators need, and no others.

A viewer can run every command that changes nothing. To list dead letters, it receives them: SQS has no other way to
read. It cannot delete one. An operator can also run the commands that change something. Both are limited to the
resources of one stack, where the service has a resource to limit.

    rows of the ledger      viewer       operator writes
    job#JOB                 reads        the lease row, to pause a job
    run#JOB#?               reads        -
    plan#JOB#?              reads        plans of once()
    watch                   reads        acknowledgements of incidents
    audit#JOB               reads        the record of each action

DynamoDB limits by partition, not by row. So an operator could also write the runs in the partition ``job#JOB`` by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from cronstack.ledger.partitions import INDEX, PARTITIONS
from cronstack_infra import names
from cronstack_infra.aws import policies

ANY_JOB: Final = "*"
WRITTEN_BY_ONCE: Final = f"plan#{ANY_JOB}"
"""The partitions of plans. ``PARTITIONS`` names their writer "planner"."""
LISTED: Final = ("open#*", WRITTEN_BY_ONCE)
"""Lists of the index."""


class StackParts(NamedTuple):
    """The parts of a stack that grants name. All but ``stack`` and ``functions`` are ARNs."""

    stack: Stack
    ledger: str
    functions: Sequence[str]
    """Names of the jobs' functions."""
    once_roles: Sequence[str]
    queues: Sequence[str]
    """The two queues of dead letters, and the patterns of replaced ones."""
    topic: str
    """Of the alarms. It may be the user's own."""


class Right(NamedTuple):
    """One statement of a policy."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: dict[str, Any] | None = None


def grant_view(grantee: iam.IGrantable, parts: StackParts) -> iam.Grant:
    """Grant what the commands that change nothing need."""
    return _grant(grantee, _rights_to_view(parts))


def grant_operate(grantee: iam.IGrantable, parts: StackParts) -> iam.Grant:
    """Grant what all commands need."""
    return _grant(grantee, [*_rights_to_view(parts), *_rights_to_act(parts)])


def _rights_to_view(parts: StackParts) -> Iterator[Right]:
    stack, name = parts.stack, parts.stack.stack_name
    ledger, index = parts.ledger, f"{parts.ledger}/index/{INDEX}"
    read = [partition.pattern.format(job=ANY_JOB).replace("?", "*") for partition in PARTITIONS]
    yield Right(
        ("cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:ListStackResources"),
        [stack.format_arn(service="cloudformation", resource="stack", resource_name=f"{name}/*")],
    )
    yield Right(("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"), [ledger], _only(read))
    yield Right(("dynamodb:Query",), [index], _only(LISTED))
    yield Right(
        ("dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:DescribeContinuousBackups"), [ledger]
    )
    yield Right(
        (
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionConcurrency",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:GetAlias",
        ),
        [policies.function_arn(stack, f"{name}-*")],
    )
    groups = (names.group_name(name), names.once_group(name), names.carriers_group(name))
    yield Right(("scheduler:GetSchedule",), [_schedules(stack, group) for group in groups])
    yield Right(
        ("scheduler:GetScheduleGroup",),
        [stack.format_arn(service="scheduler", resource="schedule-group", resource_name=group) for group in groups],
    )
    yield Right(
        ("sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"), [*dict.fromkeys(parts.queues)]
    )
    yield Right(("logs:FilterLogEvents",), [f"{policies.log_group_arn(stack, f'/aws/lambda/{name}-*')}:*"])
    yield Right(
        ("iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"), _roles(stack)
    )
    yield Right(
        ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"),
        [stack.format_arn(service="sns", resource=f"{name}-*"), parts.topic],
    )
    yield Right(
        ("cloudwatch:DescribeAlarms",),
        [stack.format_arn(service="cloudwatch", resource="alarm", resource_name="*", arn_format=_COLON)],
    )
    # These actions have no resource to limit.
    yield Right(
        (
            "cloudwatch:GetMetricData",
            "iam:GetAccountSummary",
            "lambda:GetAccountSettings",
            "lambda:ListFunctions",
            "logs:DescribeLogGroups",
            "scheduler:ListSchedules",
            "sqs:ListQueues",
        ),
        ["*"],
    )


def _rights_to_act(parts: StackParts) -> Iterator[Right]:
    stack, name = parts.stack, parts.stack.stack_name
    written = [partition.pattern.format(job=ANY_JOB) for partition in PARTITIONS if "operator" in partition.writers]
    yield Right(("dynamodb:UpdateItem",), [parts.ledger], _only([*dict.fromkeys([*written, WRITTEN_BY_ONCE])]))
    if parts.functions:
        yield Right(("lambda:InvokeFunction",), [policies.function_arn(stack, each) for each in parts.functions])
    plans = _schedules(stack, names.once_group(name))
    yield Right(("scheduler:CreateSchedule", "scheduler:DeleteSchedule"), [plans])
    yield Right(("scheduler:DeleteSchedule",), [_schedules(stack, names.carriers_group(name))])
    if parts.once_roles:
        to_scheduler = {"StringEquals": {"iam:PassedToService": policies.SCHEDULER}}
        yield Right(("iam:PassRole",), [*parts.once_roles], to_scheduler)
    yield Right(("sqs:DeleteMessage",), [*dict.fromkeys(parts.queues)])


_COLON: Final = ArnFormat.COLON_RESOURCE_NAME


def _schedules(stack: Stack, group: str) -> str:
    return stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/*")


def _roles(stack: Stack) -> list[str]:
    """Return the patterns of the roles of a stack. The names of some contain only the first letters of the stack's."""
    prefixes = dict.fromkeys((stack.stack_name, stack.stack_name[:16]))
    return [
        stack.format_arn(service="iam", region="", resource="role", resource_name=f"{prefix}-*") for prefix in prefixes
    ]


def _only(partitions: Sequence[str]) -> dict[str, Any]:
    """Return the condition that a request names only these partitions, or lists of the index."""
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*dict.fromkeys(partitions)]},
        # "ForAllValues" is also true without any value: a request without keys must not pass.
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def _grant(grantee: iam.IGrantable, rights: Iterator[Right] | Sequence[Right]) -> iam.Grant:
    grants = [
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[*right.actions],
            resource_arns=[*right.resources],
            conditions=right.conditions,
        )
        for right in rights
    ]
    combined = grants[0]
    for grant in grants[1:]:
        combined = combined.combine(grant)
    return combined
