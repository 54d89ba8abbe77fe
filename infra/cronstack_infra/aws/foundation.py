"""Resources that all jobs of a stack share: the ledger, two dead-letter queues, and three schedule groups.

The groups are for the declared schedules, for the carriers that jobs create, and for plans.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cronstack_infra import names
from cronstack_infra.aws import ledger_table, logical_ids, policies


class Foundation(logical_ids.Owner):
    """The shared resources of one stack, passed to each job as one object."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        functions: Sequence[str],
        removal: RemovalPolicy,
        ledger: dynamodb.ITable | str | None,
        warm_writes: int | None,
    ) -> None:
        """``functions``: names of the functions that Scheduler may invoke.

        ``removal``: of the ledger and of the queues. ``ledger``: a table to adopt, or its name or ARN; None creates a
        table that accepts ``warm_writes`` write units a second from the start.
        """
        super().__init__(scope, id)
        stack = Stack.of(self)
        self.ledger: dynamodb.ITable = (
            ledger_table.create(self, removal=removal, warm_writes=warm_writes)
            if ledger is None
            else ledger_table.adopt(self, ledger)
            if isinstance(ledger, str)
            else ledger
        )
        if ledger is None:
            self.fix(self.ledger, "Ledger")
        # Letters are data: like the ledger, the queues stay when the stack is deleted. SQS has no deletion protection.
        self._keep = removal if removal == RemovalPolicy.DESTROY else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        self.delivery_dead_letters = self._dead_letters("delivery")
        self.handler_dead_letters = self._dead_letters("handler")
        self.group = self._group("Group", names.group_name(stack.stack_name))
        self.carriers = self._group("Carriers", names.carriers_group(stack.stack_name))
        self.once_group = self._group("Once", names.once_group(stack.stack_name))
        """Group of the schedules that application code creates. It exists even if no job is declared by ``once()``:
        otherwise CloudFormation would delete the group with all plans that wait in it."""
        self.scheduler_role = iam.Role(
            self,
            "SchedulerRole",
            description=f"Lets the schedules of {stack.stack_name} invoke its jobs",
            assumed_by=policies.scheduler_principal(stack, self.group.schedule_group_arn),
            inline_policies={
                "invoke": policies.scheduler_policy(
                    stack,
                    functions=[policies.function_arn(stack, function) for function in functions],
                    dead_letters=self.delivery_dead_letters.queue_arn,
                )
            },
        )
        self.fix(self.scheduler_role, "SchedulerRole")

    def logical_id(self, kind: str) -> str:
        return logical_ids.of_stack(kind)

    def _group(self, id: str, name: str) -> scheduler.ScheduleGroup:
        group = scheduler.ScheduleGroup(self, id, schedule_group_name=name, removal_policy=RemovalPolicy.DESTROY)
        self.fix(group, id)
        return group

    def _dead_letters(self, origin: names.Origin) -> sqs.Queue:
        id = names.QUEUE_IDS[origin]
        queue = sqs.Queue(
            self,
            f"{origin.title()}DeadLetters",
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=self._keep,
        )
        logical_ids.fix(queue, id)
        logical_ids.fix(queue.node.find_child("Policy"), f"{id}Policy")
        return queue
