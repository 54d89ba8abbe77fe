"""The resources of one job: its function with a log group and a role, a role for its carriers, and its schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cronstack.defaults import DEFAULTS
from cronstack.deployed.form import deployed_form
from cronstack.deployed.job_metadata import METADATA
from cronstack.errors import DeclarationError
from cronstack.event import scheduled_input
from cronstack.onetime.schedules import Wiring
from cronstack.settings import PLANS, Settings, once_variable
from cronstack_infra import names
from cronstack_infra.aws import logical_ids, policies, schedule_roles
from cronstack_infra.aws.checks.options import Operations
from cronstack_infra.aws.foundation import Foundation
from cronstack_infra.discovery.metadata import metadata_of

if TYPE_CHECKING:
    from cronstack.declaration import Job
    from cronstack_infra.discovery.discover import DeclaredJob

LATEST: Final = "$LATEST"
_DEFAULT: Final = Operations()
DELIVERY_RETRIES: Final = 185
"""Scheduler's maximum, so that only the age of the event, the job's start deadline, ends its retries."""


class ScheduledFunction(logical_ids.Owner):
    """A declared job's resources. Grant to ``.function``: ``bucket.grant_read(jobs["daily_stats"].function)``."""

    job: str
    """The job's name."""
    where: str
    """File and line of the declaration."""
    once_role: iam.Role | None
    """Role of its one-time schedules, if code may create some."""
    wiring: Wiring | None
    """Wiring for code that schedules the job; None if code may not."""

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
        operations: Operations = _DEFAULT,
        keeps_plans: bool = False,
        rights: iam.PolicyDocument | None = None,
    ) -> None:
        """``keeps_plans``: code could schedule the job before, and its plans still run.

        ``rights``: what the function may do in addition to each job's rights.
        """
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
        self._operations = operations
        self.role = self._role(job.name, foundation, rights)
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
        self._complete(declared)
        self._retries = self._lambda_retries(foundation, "Retries", LATEST)
        self.once_role = self._for_plans(job.name, foundation) if job.by_code or keeps_plans else None
        self.wiring = self._wiring(job, self.once_role, foundation) if job.by_code and self.once_role else None
        self._ledger = foundation.ledger.table_arn
        self.schedules = tuple(
            self._schedule(declared, number, foundation) for number in range(1, len(declared.schedules) + 1)
        )
        self._fix_ids()

    def _complete(self, declared: DeclaredJob) -> None:
        """Add what the L2 of a function lacks: the declaration, and tracing without a policy for each job."""
        element = self.function.node.default_child
        assert isinstance(element, lambda_.CfnFunction)
        element.add_metadata(METADATA, metadata_of(declared).to_json())
        if self._operations.tracing:
            element.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")

    def _settings(self, foundation: Foundation) -> Settings:
        """Return the settings of the runtime in the job's function."""
        return Settings(
            ledger=foundation.ledger.table_name,
            dead_letters=foundation.handler_dead_letters.queue_url,
            stack=Stack.of(self).stack_name,
            carriers=foundation.carriers.schedule_group_name,
            carrier_role=self.carrier_role.role_arn,
            delivery_dead_letters=foundation.delivery_dead_letters.queue_arn,
            metrics=self._operations.metrics,
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
        """Create the alias and the role that plans need. Return the role."""
        self._alias(foundation)
        return schedule_roles.once_role(
            self,
            stack=Stack.of(self),
            job=job,
            group=foundation.once_group,
            dead_letters=foundation.delivery_dead_letters.queue_arn,
        )

    def _wiring(self, job: Job, role: iam.Role, foundation: Foundation) -> Wiring:
        """Return the wiring for code that plans the job."""
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
        """Create the alias that receives the events of plans, with its own retries.

        It points to $LATEST: a plan runs the code that is deployed at its time, like every other event. Lambda allows
        that (CreateAlias: FunctionVersion is "$LATEST" or a number), and an EventInvokeConfig accepts an alias as its
        Qualifier. An alias without a config has Lambda's defaults and no destination: it does not inherit the config
        of $LATEST.
        """
        alias = lambda_.CfnAlias(
            self, "Plans", function_name=self.function.function_name, function_version=LATEST, name=PLANS
        )
        self.fix(alias, "Plans")
        # The qualifier is a string, so CloudFormation does not see that the config depends on the alias.
        self._lambda_retries(foundation, "PlansRetries", PLANS).add_resource_dependency(alias)

    def grant_schedule(self, grantee: ScheduledFunction | iam.IGrantable) -> iam.Grant:
        """Allow code to schedule, move and cancel occurrences of this job only (see ``CronstackStack``)."""
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

    def _role(self, job: str, foundation: Foundation, rights: iam.PolicyDocument | None) -> iam.Role:
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
                    tracing=self._operations.tracing,
                ),
                **({} if rights is None else {"more": rights}),
            },
        )

    def _lambda_retries(self, foundation: Foundation, id: str, qualifier: str) -> lambda_.CfnEventInvokeConfig:
        """Configure Lambda's own retries, which are the same for each job. They are only for faults: an unreachable
        ledger, or a killed handler. After a failed handler, a carrier brings the run back.

        An L1, because the L2 grants the role more than sending to the queue.
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
        """Create a schedule. An L1, because the L2 puts no context attributes into the JSON, and changes the role."""
        job, schedule = declared.job, declared.schedules[number - 1]
        form = deployed_form(schedule)
        resource = scheduler.CfnSchedule(
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
        # Without the retries, Lambda's defaults would apply to a first event, which could then leave no letter.
        resource.node.add_dependency(foundation.group, foundation.scheduler_role, self._retries)
        return resource


def _window(minutes: int) -> scheduler.CfnSchedule.FlexibleTimeWindowProperty:
    form = scheduler.CfnSchedule.FlexibleTimeWindowProperty
    return form(mode="FLEXIBLE", maximum_window_in_minutes=minutes) if minutes else form(mode="OFF")
