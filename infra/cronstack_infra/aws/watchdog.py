"""The watchdog of a stack: a job of Cronstack itself, deployed as the user's jobs are, with more rights to read.

    reads      its stack's template and status, all schedules of the stack, all rows of the ledger, the lengths of both
               queues, and metrics
    writes     its incidents and its snapshot, and the rows that each job has
    publishes  to the topic of alarms
    invokes    the jobs with on_missed="run", and no others

The job is not in ``stack.jobs``, in cronstack.lock, or in the deploy check: these have the user's jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cronstack.ledger import partitions
from cronstack.watchdog.handler import watchdog
from cronstack.watchdog.scene import ALARM_TOPIC
from cronstack_infra import names
from cronstack_infra.aws import policies
from cronstack_infra.aws.checks.options import Operations
from cronstack_infra.aws.foundation import Foundation
from cronstack_infra.aws.scheduled_function import ScheduledFunction
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.discovery.validation import judge

WHERE: Final = "cronstack/watchdog/handler.py"


def declared(topic: str) -> DeclaredJob:
    """Return the watchdog's declaration. ``topic``: ARN of the topic of alarms, or a token."""
    schedules, faults = judge(watchdog, WHERE)
    assert not faults, "Cronstack's own declaration must be valid"
    return DeclaredJob(watchdog._replace(env={ALARM_TOPIC: topic}), schedules, WHERE)


def create(
    stack: Stack,
    *,
    foundation: Foundation,
    topic: sns.ITopic,
    jobs: Sequence[DeclaredJob],
    operations: Operations,
    **of_code: Any,
) -> ScheduledFunction:
    """Create the watchdog's function, role and schedule. ``jobs``: the user's jobs."""
    started = [names.function_name(stack.stack_name, job.name) for job in jobs if job.job.on_missed == "run"]
    return ScheduledFunction(
        Construct(stack, "Watchdog"),
        names.WATCHDOG,
        declared=declared(topic.topic_arn),
        foundation=foundation,
        # Its runs would be most of the stack's runs. Its heartbeat has metrics in any case.
        operations=replace(operations, metrics="none"),
        rights=rights(stack, foundation=foundation, topic=topic, started=started),
        **of_code,
    )


def rights(stack: Stack, *, foundation: Foundation, topic: sns.ITopic, started: Sequence[str]) -> iam.PolicyDocument:
    """Return what the watchdog may do, in addition to each job's rights. ``started``: functions it may invoke."""
    table = foundation.ledger.table_arn
    groups = (foundation.group, foundation.carriers, foundation.once_group)
    queues = (foundation.delivery_dead_letters, foundation.handler_dead_letters)
    schedules = [
        stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group.schedule_group_name}/*")
        for group in groups
    ]
    read = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]
    allowed = [
        ("AllRows", read, [table, f"{table}/index/{partitions.INDEX}"]),
        ("OwnStack", ["cloudformation:GetTemplate", "cloudformation:DescribeStacks"], [stack.stack_id]),
        # Scheduler authorizes ListSchedules without a resource, and CloudWatch GetMetricData.
        ("Lists", ["scheduler:ListSchedules", "cloudwatch:GetMetricData"], ["*"]),
        ("Schedules", ["scheduler:GetSchedule"], schedules),
        ("Letters", ["sqs:GetQueueAttributes"], [queue.queue_arn for queue in queues]),
        ("Notify", ["sns:Publish"], [topic.topic_arn]),
    ]
    if started:
        functions = [policies.function_arn(stack, function) for function in started]
        allowed.append(("MissedRuns", ["lambda:InvokeFunction"], functions))
    incidents = iam.PolicyStatement(
        sid="Incidents",
        actions=["dynamodb:UpdateItem"],
        resources=[table],
        conditions=policies.only_partitions(partitions.partitions_of("watchdog", names.WATCHDOG)),
    )
    statements = (iam.PolicyStatement(sid=sid, actions=actions, resources=arns) for sid, actions, arns in allowed)
    return iam.PolicyDocument(statements=[*statements, incidents])
