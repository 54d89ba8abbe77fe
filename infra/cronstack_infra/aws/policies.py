"""Policies of all roles: the rights of a job, a planner and Scheduler.

    role            partitions of the ledger         schedules                    functions
    job             job#, run#?, plan#? of its own   create, get its own carriers (none)
    planner         plan#? of the granted job        create, get, delete plans    (none)
    SchedulerRole   (none)                           (none)                       all of the stack, unqualified
    CarrierRole     (none)                           (none)                       its job's, unqualified
    OnceRole        (none)                           (none)                       its job's, by the alias "plans"

The partitions come from ``cronstack.ledger.partitions``, which both the runtime and these policies read. Only
operators and the deploy check read the index; its role is in ``deploy_check``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from cronstack.guard import carrier
from cronstack.ledger.partitions import Reader, partitions_of
from cronstack.onetime import schedules
from cronstack.settings import PLANS
from cronstack_infra import names

JOB_ACTIONS: Final = ("dynamodb:GetItem", "dynamodb:UpdateItem")
"""All actions of the guard on the ledger. DynamoDB authorizes a transaction by its single actions: ConditionCheckItem,
PutItem and DeleteItem of ``run.commit`` are granted by the user on the user's own table."""
PLANNER_ACTIONS: Final = ("dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Query")
"""All actions of ``cronstack.onetime`` on the ledger."""
CARRIER_ACTIONS: Final = ("scheduler:CreateSchedule", "scheduler:GetSchedule")
"""All actions of the guard on its own carriers."""
TRACING_ACTIONS: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
"""All actions of Lambda and of X-Ray's SDK on traces."""
SCHEDULER: Final = "scheduler.amazonaws.com"


def function_arn(stack: Stack, function: str) -> str:
    """Return the ARN of a function, built from its name, so that a role does not depend on the function.

    A policy for this ARN allows invoking the function unqualified, and not by an alias or a version.
    """
    return stack.format_arn(
        service="lambda", resource="function", resource_name=function, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def alias_arn(stack: Stack, function: str) -> str:
    """Return the ARN of the alias that receives the events of plans. A policy for this ARN allows only the alias."""
    return f"{function_arn(stack, function)}:{PLANS}"


def log_group_arn(stack: Stack, log_group: str) -> str:
    """Return the ARN of a log group by its name. CloudFormation's own attribute already ends in ":*"."""
    return stack.format_arn(
        service="logs", resource="log-group", resource_name=log_group, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def queues_arn(stack: Stack, origin: names.Origin) -> list[str]:
    """Return the ARN pattern of all queues whose names CloudFormation generated for this stack, replaced ones included.

    A replaced queue stays, and older schedules keep its ARN: without this right their letters would be lost. The prefix
    includes the logical id, so it matches no queue of a stack with a similar name. The list is empty if CloudFormation
    shortens the names.
    """
    prefix = names.queue_prefix(stack.stack_name, origin)
    return [] if prefix is None else [stack.format_arn(service="sqs", resource=f"{prefix}*")]


def carriers_arn(stack: Stack, group: str, job: str) -> str:
    """Return the ARN pattern of a job's carriers. The prefix has a hash of the job's name: no other job's matches."""
    return stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/{carrier.prefix(job)}*")


def schedules_of_plans_arn(stack: Stack, group: str, job: str) -> str:
    """Return the ARN pattern of all one-time schedules that code can create for a job."""
    return stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/{schedules.prefix(job)}*")


def grant_schedule(grantee: iam.IGrantable, *, job: str, ledger: str, schedules_of_plans: str, role: str) -> iam.Grant:
    """Grant the rights to schedule, move and cancel a job's plans. All arguments but ``job`` are ARNs.

    A plan's schedule is never updated (see ``cronstack.onetime.schedules``), so UpdateSchedule is not granted.
    """
    to_scheduler = {"StringEquals": {"iam:PassedToService": SCHEDULER}}
    grants = [
        (PLANNER_ACTIONS, ledger, _only_partitions_of("planner", job)),
        (("scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:DeleteSchedule"), schedules_of_plans, None),
        (("iam:PassRole",), role, to_scheduler),
    ]
    first, *others = (
        iam.Grant.add_to_principal(grantee=grantee, actions=[*actions], resource_arns=[arn], conditions=conditions)
        for actions, arn, conditions in grants
    )
    for other in others:
        first = first.combine(other)
    return first


def job_policy(
    *,
    job: str,
    ledger: str,
    log_group: str,
    dead_letters: Sequence[str],
    carriers: str,
    carrier_role: str,
    tracing: bool = False,
) -> iam.PolicyDocument:
    """Return the rights of a job's function without the grants of ``resources``. All texts but ``job`` are ARNs.

    ``tracing``: it may send traces to X-Ray.
    """
    own_rows = iam.PolicyStatement(
        sid="OwnRowsOfTheLedger",
        actions=list(JOB_ACTIONS),
        resources=[ledger],
        conditions=_only_partitions_of("job", job),
    )
    own_log = iam.PolicyStatement(
        sid="OwnLog", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[f"{log_group}:*"]
    )
    # For both the runtime's own record and Lambda's on-failure destination, which uses the function's role.
    records = iam.PolicyStatement(sid="HandlerDeadLetters", actions=["sqs:SendMessage"], resources=[*dead_letters])
    # A carrier is never changed, and deletes itself. After a failed create, GetSchedule shows whether it exists.
    own_carriers = iam.PolicyStatement(sid="OwnCarriers", actions=list(CARRIER_ACTIONS), resources=[carriers])
    own_carrier_role = iam.PolicyStatement(
        sid="OwnCarrierRole",
        actions=["iam:PassRole"],
        resources=[carrier_role],
        conditions={"StringEquals": {"iam:PassedToService": SCHEDULER}},
    )
    # X-Ray authorizes these actions without a resource.
    traces = iam.PolicyStatement(sid="Traces", actions=[*TRACING_ACTIONS], resources=["*"])
    statements = [own_rows, own_log, records, own_carriers, own_carrier_role]
    return iam.PolicyDocument(statements=[*statements, traces] if tracing else statements)


def _only_partitions_of(writer: Reader, job: str) -> dict[str, Any]:
    """Return the condition that a request names only partitions that ``writer`` may write for ``job``."""
    return only_partitions(partitions_of(writer, job))


def only_partitions(patterns: Sequence[str]) -> dict[str, Any]:
    """Return the condition that a request names only partitions that match one of the patterns."""
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*patterns]},
        # "ForAllValues" is also true without any value: a request without keys must not pass.
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def scheduler_principal(stack: Stack, group_arn: str) -> iam.IPrincipal:
    """Return Scheduler as principal, for this group of this account only. The source of a schedule is its group."""
    return iam.ServicePrincipal(
        SCHEDULER,
        conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group_arn}},
    )


def scheduler_policy(stack: Stack, *, functions: Sequence[str], dead_letters: str) -> iam.PolicyDocument:
    """Return the rights to invoke these functions, by ARN, and to send undeliverable events to the dead letters."""
    queues = [dead_letters, *queues_arn(stack, "delivery")]
    statements = [iam.PolicyStatement(sid="DeliveryDeadLetters", actions=["sqs:SendMessage"], resources=queues)]
    if functions:
        statements.append(iam.PolicyStatement(sid="Jobs", actions=["lambda:InvokeFunction"], resources=list(functions)))
    return iam.PolicyDocument(statements=statements)
