"""The two roles with which Scheduler sends the one-time schedules of a job: its carriers and its plans.

A one-time schedule stores the ARN of its role. Scheduler also uses the role to send the dead letter of an event that it
cannot deliver; without the role, the event is lost. So a role has the same name and the same logical id whenever the
job is declared, and depends on no other resource of the job. A removed job may keep its roles, and if the job is
declared again, its waiting schedules work again.

Never keep such a role with RemovalPolicy.RETAIN: its name would be in use when the job is declared again.
"""

from __future__ import annotations

from typing import Literal

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cronstack_infra import names
from cronstack_infra.aws import logical_ids, policies

CARRIER_ROLE = "CarrierRole"
ONCE_ROLE = "OnceRole"


def carrier_role(
    scope: Construct, *, stack: Stack, job: str, group: scheduler.IScheduleGroup, dead_letters: str
) -> iam.Role:
    """Create the role of a job's carriers. ``group`` is the group of carriers, ``dead_letters`` an ARN."""
    function = policies.function_arn(stack, names.function_name(stack.stack_name, job))
    return _role(scope, CARRIER_ROLE, "carrier", stack, job, group, function, dead_letters)


def once_role(
    scope: Construct, *, stack: Stack, job: str, group: scheduler.IScheduleGroup, dead_letters: str
) -> iam.Role:
    """Create the role of a job's plans. ``group`` is the group of plans, ``dead_letters`` an ARN."""
    function = policies.alias_arn(stack, names.function_name(stack.stack_name, job))
    return _role(scope, ONCE_ROLE, "once", stack, job, group, function, dead_letters)


def _role(
    scope: Construct,
    id: str,
    kind: Literal["carrier", "once"],
    stack: Stack,
    job: str,
    group: scheduler.IScheduleGroup,
    function: str,
    dead_letters: str,
) -> iam.Role:
    """Create a role of one job. With a shared role, code that schedules one job could send events to any other job."""
    what = {"carrier": "carriers", "once": "one-time schedules"}[kind]
    role = iam.Role(
        scope,
        id,
        role_name=names.role_name(stack.stack_name, job, stack.region, kind),
        description=f"Lets the {what} of the job {job} invoke it",
        assumed_by=policies.scheduler_principal(stack, group.schedule_group_arn),
        inline_policies={"invoke": policies.scheduler_policy(stack, functions=[function], dead_letters=dead_letters)},
    )
    logical_ids.fix(role, logical_ids.of_job(job, id))
    return role
