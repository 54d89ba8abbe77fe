"""Who may do what.

A job's role reaches its own rows of the ledger, its own log, and carriers of its own; its carrier role invokes its own
function. So a job can neither read nor write what another keeps, nor make another run. One role of the stack is
Scheduler's, for the declared schedules; no job may pass it on. Code that is granted to schedule a job may do that, and
nothing else, with schedules of the names of that job's plans.
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

LEDGER_ACTIONS: Final = ("dynamodb:GetItem", "dynamodb:UpdateItem")
"""The guard updates and reads single items; a transaction needs the permission of each of its actions."""
SCHEDULER: Final = "scheduler.amazonaws.com"


def function_arn(stack: Stack, function: str) -> str:
    """Of a function by its name, so that the role that may invoke it does not wait for it."""
    return stack.format_arn(
        service="lambda", resource="function", resource_name=function, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def plans_arn_of_function(stack: Stack, function: str) -> str:
    """Of a function by the alias through which plans come."""
    return f"{function_arn(stack, function)}:{PLANS}"


def log_group_arn(stack: Stack, log_group: str) -> str:
    """Of a log group by its name; CloudFormation's own attribute already ends in ":*"."""
    return stack.format_arn(
        service="logs", resource="log-group", resource_name=log_group, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def carriers_arn(stack: Stack, group: str, job: str) -> str:
    """Of all carriers a job can make. The prefix ends behind the hash of the job's name: no other job's begins so."""
    return stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/{carrier.prefix(job)}*")


def plans_arn(stack: Stack, group: str, job: str) -> str:
    """Of all one-time schedules that code can make for a job."""
    return stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/{schedules.prefix(job)}*")


def grant_schedule(grantee: iam.IGrantable, *, job: str, ledger: str, plans: str, role: str) -> iam.Grant:
    """What code needs to schedule, move and cancel a job's plans; all but ``job`` are ARNs.

    A plan's schedule is never updated (see ``cronstack.onetime.schedules``), so UpdateSchedule is not among it.
    """
    to_scheduler = {"StringEquals": {"iam:PassedToService": SCHEDULER}}
    grants = [
        (("dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Query"), ledger, _own_rows("planner", job)),
        (("scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:DeleteSchedule"), plans, None),
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
    *, job: str, ledger: str, log_group: str, dead_letters: str, carriers: str, carrier_role: str
) -> iam.PolicyDocument:
    """What a job's function may do before ``resources`` grants it more; all but ``job`` are ARNs."""
    own_rows = iam.PolicyStatement(
        sid="OwnRowsOfTheLedger",
        actions=list(LEDGER_ACTIONS),
        resources=[ledger],
        conditions=_own_rows("job", job),
    )
    own_log = iam.PolicyStatement(
        sid="OwnLog", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[f"{log_group}:*"]
    )
    # Both paths: the runtime's own record, and Lambda's on-failure destination, which uses the function's role.
    records = iam.PolicyStatement(sid="HandlerDeadLetters", actions=["sqs:SendMessage"], resources=[dead_letters])
    # To make them is enough: a carrier is never changed, and deletes itself.
    own_carriers = iam.PolicyStatement(sid="OwnCarriers", actions=["scheduler:CreateSchedule"], resources=[carriers])
    own_carrier_role = iam.PolicyStatement(
        sid="OwnCarrierRole",
        actions=["iam:PassRole"],
        resources=[carrier_role],
        conditions={"StringEquals": {"iam:PassedToService": SCHEDULER}},
    )
    return iam.PolicyDocument(statements=[own_rows, own_log, records, own_carriers, own_carrier_role])


def _own_rows(writer: Reader, job: str) -> dict[str, Any]:
    """Condition that a request to the ledger names only partitions that ``writer`` may write (see ``partitions``)."""
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*partitions_of(writer, job)]},
        # "For all values" is also true of no value at all: a request without keys must not pass.
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def scheduler_principal(stack: Stack, group_arn: str) -> iam.IPrincipal:
    """Scheduler, and only for this group of this account: the source of a schedule is its group, never itself."""
    return iam.ServicePrincipal(
        SCHEDULER,
        conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group_arn}},
    )


def scheduler_policy(*, functions: Sequence[str], dead_letters: str) -> iam.PolicyDocument:
    """Invoke the stack's functions, each by its ARN; deliver what could not be invoked to the dead letters."""
    statements = [iam.PolicyStatement(sid="DeliveryDeadLetters", actions=["sqs:SendMessage"], resources=[dead_letters])]
    if functions:
        statements.append(iam.PolicyStatement(sid="Jobs", actions=["lambda:InvokeFunction"], resources=list(functions)))
    return iam.PolicyDocument(statements=statements)
