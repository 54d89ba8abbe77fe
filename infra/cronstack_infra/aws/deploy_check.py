"""The resources of the deploy check: a function with the stack's code, and the custom resource that invokes it.

Its properties name the jobs, so removing a job updates it. It depends on all resources of the stack: an update reaches
it last, before anything is deleted, and a deletion starts with it. See ``cronstack.deploy_check``.

All names are generated, so the function cannot have the name of a job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cronstack.deploy_check import check, names
from cronstack.ledger import partitions
from cronstack_infra.aws import logical_ids
from cronstack_infra.aws.foundation import Foundation

CONTEXT: Final = "cronstack:even-if-waiting"
"""Context key: names of jobs that may be removed although work waits, separated by commas, or "all"."""
KIND: Final = "Custom::CronstackDeployCheck"
SERVICE_TIMEOUT: Final = 60
RESOURCES: Final = 4
"""Resources that the deploy check adds to a stack."""


class DeployCheck(Construct):
    """The deploy check of one stack. Call ``come_last`` when all other resources exist."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        code: lambda_.Code,
        runtime: lambda_.Runtime,
        architecture: lambda_.Architecture,
        jobs: Mapping[str, bool],
        kept: Mapping[str, bool],
    ) -> None:
        """``jobs``: the declared jobs, and whether code may schedule each. ``kept``: jobs of which only roles stay, or
        whose plans still run, and whether code may have scheduled each."""
        super().__init__(scope, id)
        log = logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY)
        role = self._role(foundation, log)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Refuses an update of {Stack.of(self).stack_name} that would lose something",
            code=code,
            handler="cronstack.deploy_check.check.handler",
            runtime=runtime,
            architecture=architecture,
            role=role,
            log_group=log,
            memory_size=512,
            timeout=Duration.seconds(check.TIMEOUT),
            environment={
                names.LEDGER: foundation.ledger.table_name,
                names.CARRIERS: foundation.carriers.schedule_group_name,
                names.PLANS_GROUP: foundation.once_group.schedule_group_name,
                names.QUEUES: " ".join(
                    queue.queue_url for queue in (foundation.delivery_dead_letters, foundation.handler_dead_letters)
                ),
            },
        )
        self.resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type=KIND,
            service_token=self.function.function_arn,
            service_timeout=Duration.seconds(SERVICE_TIMEOUT),
            properties={
                names.JOBS: sorted(jobs),
                names.BY_CODE: sorted(name for name, once in jobs.items() if once),
                names.KEPT: sorted(kept.keys() - jobs.keys()),
                names.RETAINED_ONCE: sorted(name for name, once in kept.items() if once),
                names.REGARDLESS: self.node.try_get_context(CONTEXT) or "",
            },
        )
        for kind, construct in (("Log", log), ("Role", role), ("Function", self.function), ("", self.resource)):
            logical_ids.fix(construct, logical_ids.of_stack(f"DeployCheck{kind}"))

    def come_last(self) -> None:
        """Depend on all other resources that the stack has now."""
        others = [child for child in Stack.of(self).node.children if child.node.id != self.node.id]
        self.resource.node.add_dependency(*others)

    def _role(self, foundation: Foundation, log: logs.LogGroup) -> iam.Role:
        table = foundation.ledger.table_arn
        statements = (
            ("OwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn]),
            ("Lists", ["dynamodb:Query"], [f"{table}/index/{partitions.INDEX}"]),
            ("Rows", ["dynamodb:BatchGetItem"], [table]),
            (
                "Letters",
                ["sqs:GetQueueAttributes"],
                [foundation.delivery_dead_letters.queue_arn, foundation.handler_dead_letters.queue_arn],
            ),
            # Scheduler authorizes this action without a resource, for all groups together.
            ("Schedules", ["scheduler:ListSchedules"], ["*"]),
            ("OwnStack", ["cloudformation:DescribeStacks"], [Stack.of(self).stack_id]),
        )
        allowed = [iam.PolicyStatement(sid=sid, actions=actions, resources=arns) for sid, actions, arns in statements]
        return iam.Role(
            self,
            "Role",
            description=f"What the deploy check of {Stack.of(self).stack_name} may read",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"check": iam.PolicyDocument(statements=allowed)},
        )
