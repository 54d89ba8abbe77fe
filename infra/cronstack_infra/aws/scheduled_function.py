"""One job on AWS: its function with a log and a role of its own, a role for its carriers, and its schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cronstack.defaults import DEFAULTS
from cronstack.errors import DeclarationError
from cronstack.event import scheduled_input
from cronstack.onetime.schedules import Wiring
from cronstack.settings import PLANS, Settings, once_variable
from cronstack_infra import names
from cronstack_infra.aws import logical_ids, policies, schedule_roles
from cronstack_infra.aws.foundation import Foundation
from cronstack_infra.deployed_form import deployed_form

if TYPE_CHECKING:
    from cronstack.declaration import Job
    from cronstack_infra.discovery.discover import DeclaredJob

LATEST: Final = "$LATEST"
DELIVERY_RETRIES: Final = 185
"""Scheduler's own limit: what ends its retries is the age of the event, the job's start deadline."""


class ScheduledFunction(logical_ids.Owner):
    """A declared job's resources. Grant to ``.function``: ``bucket.grant_read(jobs["daily_stats"].function)``."""

    job: str
    """The job's name."""
    where: str
    """Where it is declared."""
    once_role: iam.Role | None
    """What its one-time schedules are sent with, where code may make some."""
    wiring: Wiring | None
    """How such code reaches it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        declared: DeclaredJob,
        foundation: Foundation,
        code: lambda_.Code,
        runtime: lambda_.Runtime,
        architecture: lambda_.Architecture,
        keeps_plans: bool = False,
    ) -> None:
        """``keeps_plans``: code could schedule the job once; what it has planned still runs."""
        super().__init__(scope, id)
        job, stack = declared.job, Stack.of(self)
        self.job, self.where = job.name, declared.where
        function_name = names.function_name(stack.stack_name, job.name)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{function_name}",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.carrier_role = schedule_roles.carrier_role(
            self,
            stack=stack,
            job=job.name,
            group=foundation.carriers,
            dead_letters=foundation.delivery_dead_letters.queue_arn,
        )
        self.role = self._role(job.name, foundation)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=function_name,
            description=f"Job {job.name} of {stack.stack_name}",
            code=code,
            handler=job.handler,
            runtime=runtime,
            architecture=architecture,
            role=self.role,
            log_group=self.log_group,
            memory_size=job.memory,
            timeout=Duration.seconds(job.timeout),
            environment={**job.env, **self._settings(foundation).environment()},
        )
        self._retries = self._lambda_retries(foundation, "Retries", LATEST)
        self.once_role = self._for_plans(job.name, foundation) if job.by_code or keeps_plans else None
        self.wiring = self._wiring(job, self.once_role, foundation) if job.by_code and self.once_role else None
        self._ledger = foundation.ledger.table_arn
        self.schedules = tuple(
            self._schedule(declared, number, foundation) for number in range(1, len(declared.schedules) + 1)
        )
        self._fix_ids()

    def _settings(self, foundation: Foundation) -> Settings:
        """Return what the runtime in the job's function knows of its stack."""
        return Settings(
            ledger=foundation.ledger.table_name,
            dead_letters=foundation.handler_dead_letters.queue_url,
            stack=Stack.of(self).stack_name,
            carriers=foundation.carriers.schedule_group_name,
            carrier_role=self.carrier_role.role_arn,
            delivery_dead_letters=foundation.delivery_dead_letters.queue_arn,
        )

    def _fix_ids(self) -> None:
        self.fix(self.log_group, "Log")
        self.fix(self.role, "Role")
        self.fix(self.function, "Function")
        for number, schedule in enumerate(self.schedules, start=1):
            self.fix(schedule, f"Schedule{number}")

    def logical_id(self, kind: str) -> str:
        return logical_ids.of_job(self.job, kind)

    def _for_plans(self, job: str, foundation: Foundation) -> iam.Role:
        """Create what plans need to run: the alias, and the role with which they are sent."""
        self._alias(foundation)
        return schedule_roles.once_role(
            self,
            stack=Stack.of(self),
            job=job,
            group=foundation.once_group,
            dead_letters=foundation.delivery_dead_letters.queue_arn,
        )

    def _wiring(self, job: Job, role: iam.Role, foundation: Foundation) -> Wiring:
        """Return how code that makes plans reaches the job."""
        stack = Stack.of(self)
        return Wiring(
            job=job.name,
            ledger=foundation.ledger.table_name,
            group=foundation.once_group.schedule_group_name,
            role=role.role_arn,
            function=policies.alias_arn(stack, names.function_name(stack.stack_name, job.name)),
            dead_letters=foundation.delivery_dead_letters.queue_arn,
            start_deadline=job.start_deadline,
        )

    def _alias(self, foundation: Foundation) -> None:
        """Create the alias by which plans come, with retries of its own.

        It points to $LATEST: a plan runs the code that is deployed at its time, as every other event does. Lambda
        allows that (CreateAlias: FunctionVersion is "$LATEST" or a number), and an EventInvokeConfig takes an alias as
        its Qualifier. An alias without one has Lambda's defaults and no destination: the config of $LATEST is not
        inherited.
        """
        alias = lambda_.CfnAlias(
            self, "Plans", function_name=self.function.function_name, function_version=LATEST, name=PLANS
        )
        self.fix(alias, "Plans")
        # The qualifier is a plain text, so CloudFormation does not see that the config needs the alias.
        self._lambda_retries(foundation, "PlansRetries", PLANS).add_resource_dependency(alias)

    def grant_schedule(self, grantee: ScheduledFunction | iam.IGrantable) -> iam.Grant:
        """Let code schedule, move and cancel occurrences of this job, and of no other (see ``CronstackStack``)."""
        stack = Stack.of(self)
        if self.wiring is None or self.once_role is None:
            raise DeclarationError(
                f"grant_schedule: the job {self.job!r} is not declared by once()",
                remedy=f"Add it to its schedules: @job(schedule=once()) above def {self.job}, or in the list.",
            )
        function = grantee.function if isinstance(grantee, ScheduledFunction) else grantee
        if isinstance(function, lambda_.Function):
            function.add_environment(once_variable(self.wiring.job), self.wiring.text())
        return policies.grant_schedule(
            function,
            job=self.wiring.job,
            ledger=self._ledger,
            schedules_of_plans=policies.schedules_of_plans_arn(
                stack, names.once_group(stack.stack_name), self.wiring.job
            ),
            role=self.once_role.role_arn,
        )

    def _role(self, job: str, foundation: Foundation) -> iam.Role:
        stack = Stack.of(self)
        log_group = f"/aws/lambda/{names.function_name(stack.stack_name, job)}"
        return iam.Role(
            self,
            "Role",
            description=f"What the job {job} may do",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "job": policies.job_policy(
                    job=job,
                    ledger=foundation.ledger.table_arn,
                    log_group=policies.log_group_arn(stack, log_group),
                    dead_letters=[foundation.handler_dead_letters.queue_arn, *policies.queues_arn(stack, "handler")],
                    carriers=policies.carriers_arn(stack, names.carriers_group(stack.stack_name), job),
                    carrier_role=self.carrier_role.role_arn,
                )
            },
        )

    def _lambda_retries(self, foundation: Foundation, id: str, qualifier: str) -> lambda_.CfnEventInvokeConfig:
        """Lambda's own retries are the same whatever the job's: they serve faults only, a ledger that does not answer
        or a handler that was killed. A handler that failed comes back by a carrier.

        Written out because the L2 form grants the role more than sending to the queue.
        """
        config = lambda_.CfnEventInvokeConfig(
            self,
            id,
            function_name=self.function.function_name,
            qualifier=qualifier,
            maximum_retry_attempts=DEFAULTS.delivery_retries,
            maximum_event_age_in_seconds=DEFAULTS.lambda_event_age,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(
                    destination=foundation.handler_dead_letters.queue_arn
                )
            ),
        )
        self.fix(config, id)
        return config

    def _schedule(self, declared: DeclaredJob, number: int, foundation: Foundation) -> scheduler.CfnSchedule:
        """L1, because the L2 form cannot put context attributes into our JSON, nor keep the role as it is."""
        job, schedule = declared.job, declared.schedules[number - 1]
        form = deployed_form(schedule)
        made = scheduler.CfnSchedule(
            self,
            f"Schedule{number}",
            name=names.schedule_name(Stack.of(self).stack_name, job.name, number),
            group_name=foundation.group.schedule_group_name,
            schedule_expression=form.expression,
            schedule_expression_timezone=form.timezone,
            description=form.description,
            state="ENABLED" if job.enabled else "DISABLED",
            flexible_time_window=_window(schedule.window),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.function.function_arn,
                role_arn=foundation.scheduler_role.role_arn,
                input=scheduled_input(job.name, job.input),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=job.start_deadline + 60 * schedule.window,
                    maximum_retry_attempts=DELIVERY_RETRIES,
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=foundation.delivery_dead_letters.queue_arn
                ),
            ),
        )
        # Without the retries, a first event could meet Lambda's defaults and leave no letter.
        made.node.add_dependency(foundation.group, foundation.scheduler_role, self._retries)
        return made


def _window(minutes: int) -> scheduler.CfnSchedule.FlexibleTimeWindowProperty:
    of = scheduler.CfnSchedule.FlexibleTimeWindowProperty
    return of(mode="FLEXIBLE", maximum_window_in_minutes=minutes) if minutes else of(mode="OFF")
