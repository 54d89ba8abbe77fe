"""The stack of one package of jobs. Its attributes have what it creates; ``resources`` adds the project's resources."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cronstack import clock
from cronstack.deployed.job_metadata import METADATA
from cronstack.errors import DeclarationError
from cronstack.settings import MetricsOf, once_variable
from cronstack_infra import names
from cronstack_infra.aws import dashboard as dashboards
from cronstack_infra.aws import ledger_table, limits, packaging, policies, schedule_roles
from cronstack_infra.aws import watchdog as watchdogs
from cronstack_infra.aws.alarms import Alarms
from cronstack_infra.aws.at_synth import CheckedStack
from cronstack_infra.aws.checks.options import Operations
from cronstack_infra.aws.deploy_check import DeployCheck
from cronstack_infra.aws.foundation import Foundation
from cronstack_infra.aws.operators import grants
from cronstack_infra.aws.scheduled_function import ScheduledFunction
from cronstack_infra.discovery.metadata import metadata_of_synthesis
from cronstack_infra.lock_file import APP_TAG, Lock
from cronstack_infra.project import STATE_FOLDER

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

ARCHITECTURES: Final = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
REMOVALS: Final = {"retain": cdk.RemovalPolicy.RETAIN, "destroy": cdk.RemovalPolicy.DESTROY}


class Jobs(dict[str, ScheduledFunction]):
    """Jobs by name. An unknown name raises DeclarationError, which is printed without a traceback."""

    def __missing__(self, name: str) -> ScheduledFunction:
        remedy = f"Existing jobs: {', '.join(self) or 'none'}."
        raise DeclarationError(f"no job {name!r} exists", where=_caller(), remedy=remedy)


def _caller() -> str:
    """Return file and line of the code that calls this module, such as "resources.py:7".

    Read from the call stack, because ``jobs["name"]`` has no argument for it. It is slow, but only an error needs it.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame is not None else ""


def _check_adopted(
    ledger: dynamodb.ITable | None, named: object, removal: cdk.RemovalPolicy, warm_writes: int | None
) -> None:
    """Raise DeclarationError for settings of a new table if an existing table is used."""
    if ledger is None and named is None:
        return
    adopted = "CronstackStack(ledger=…)" if named is None else f'"{ledger_table.TABLE_CONTEXT}"'
    others = (
        ("CronstackStack(ledger=…)", ledger is not None and named is not None, "Keep one of the two."),
        (f'"{ledger_table.WARM_CONTEXT}"', warm_writes is not None, "Set the warm throughput of the table itself."),
        (
            'the ledger\'s removal "destroy"',
            removal == cdk.RemovalPolicy.DESTROY,
            "The stack does not own the table, so it does not destroy it.",
        ),
    )
    for other, is_set, remedy in others:
        if is_set:
            raise DeclarationError(
                f"{adopted} adopts an existing table; {other} cannot be set too",
                where="cdk.json",
                remedy=remedy,
            )
    if named is not None and not isinstance(named, str):
        raise DeclarationError(
            f'context "{ledger_table.TABLE_CONTEXT}" is {named!r}', where="cdk.json", remedy="Give a name or an ARN."
        )


class CronstackStack(CheckedStack):
    """Ledger, dead letters, schedule group, and for each job a function with its schedules.

    Context values (``cdk.json``, or ``-c KEY=VALUE``):

      - ``cronstack:python``: "3.13" by default
      - ``cronstack:architecture``: "arm64" by default, or "x86_64"
      - ``cronstack:ledger``: "retain" or "destroy" the ledger's table and the queues when the stack is destroyed
      - ``cronstack:ledger-table``: name or ARN of an existing table to use as the ledger (see README.md in this folder)
      - ``cronstack:warm-writes``: write units a second that the table and its index accept from the start
      - ``cronstack:even-if-waiting``: jobs to remove although work of theirs waits, "remind,stats" or "all"
      - ``cronstack:local``: "true" to install third-party packages for this machine
      - ``cronstack:alarms-to``: mail address, or ARN of a topic, to notify of failures
      - ``cronstack:metrics``: "stack" by default, "job" for those of each job too, or "none"
      - ``cronstack:watchdog``: "true" by default, "false", or "always" to deploy it in simulations and tests as well
      - ``cronstack:dashboard``, ``cronstack:tracing`` (X-Ray): "false" by default
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        jobs: Sequence[DeclaredJob],
        functions_root: Path,
        package: str = "jobs",
        ledger: dynamodb.ITable | None = None,
        ledger_removal: cdk.RemovalPolicy | None = None,
        lock: Lock | None = None,
        metrics: MetricsOf | None = None,
        alarms_to: sns.ITopic | str | None = None,
        watchdog: bool | None = None,
        dashboard: bool | None = None,
        tracing: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """``functions_root``: the folder with ``package``. Further arguments are those of ``aws_cdk.Stack``.

        ``ledger``: an existing table to use instead of creating one, such as ``TableV2.from_table_name(…)``.
        ``lock``: content of cronstack.lock. Jobs in it that are no longer declared keep their schedules' roles.
        ``metrics`` to ``tracing``: as the context values of these names, which hold for arguments of None.
        ``alarms_to`` may also be a topic of the CDK.
        """
        super().__init__(scope, id, **kwargs)
        declared_jobs = {declared.name: declared.job.by_code for declared in jobs}
        removed = lock.removed(package, declared_jobs) if lock else {}
        dropped = lock.dropped(package, declared_jobs) if lock else ()
        operations = Operations.read(
            self.node, metrics=metrics, alarms_to=alarms_to, watchdog=watchdog, dashboard=dashboard, tracing=tracing
        )
        limits.check(self.stack_name, jobs, removed=removed, dropped=dropped)
        python = self._choice("cronstack:python", dict.fromkeys(PYTHONS), "3.13")
        architecture = self._choice("cronstack:architecture", ARCHITECTURES, "arm64")
        removal = ledger_removal or REMOVALS[self._choice("cronstack:ledger", REMOVALS, "retain")]
        named = self.node.try_get_context(ledger_table.TABLE_CONTEXT)
        warm_writes = ledger_table.warm_writes(self.node.try_get_context(ledger_table.WARM_CONTEXT))
        _check_adopted(ledger, named, removal, warm_writes)
        foundation = Foundation(
            self,
            "Shared",
            functions=self._scheduled_functions(jobs, operations),
            removal=removal,
            ledger=named or ledger,
            warm_writes=warm_writes,
        )
        alarms = Alarms(self, "Alarms", foundation=foundation, operations=operations)
        self._set_attributes(foundation, alarms)
        of_code: dict[str, Any] = {
            "foundation": foundation,
            "code": self._code(
                functions_root, package, packaging.BuildTarget(python, architecture, here=self._local())
            ),
            "runtime": lambda_.Runtime(f"python{python}", lambda_.RuntimeFamily.PYTHON),
            "architecture": ARCHITECTURES[architecture],
        }
        self.jobs = self._jobs(jobs, dropped, {**of_code, "operations": operations})
        self.watchdog = self._watchdog_and_dashboard(jobs, operations, alarms, of_code)
        self._keep_roles(removed, foundation)
        kept = removed | dict.fromkeys(dropped, True)
        self.deploy_check = DeployCheck(self, "DeployCheck", jobs=declared_jobs, kept=kept, **of_code)
        self.deploy_check.come_last()  # ``entry`` calls it again when the project's own resources exist
        self._outputs()
        self._describe_synthesis(jobs, lock)
        self.check_at_synth()

    def _describe_synthesis(self, jobs: Sequence[DeclaredJob], lock: Lock | None) -> None:
        """Tag the stack with its project. Write what ``cronstack doctor`` compares: the version, and rules of zones."""
        if lock is not None:
            self.tags.set_tag(APP_TAG, lock.app)
        about = {METADATA: metadata_of_synthesis(jobs, clock.now().year)}
        self.template_options.metadata = {**(self.template_options.metadata or {}), **about}

    def _scheduled_functions(self, jobs: Sequence[DeclaredJob], operations: Operations) -> list[str]:
        """Return the names of the functions that Scheduler invokes."""
        scheduled = [*(declared.name for declared in jobs), *([names.WATCHDOG] if operations.watchdog else [])]
        return [names.function_name(self.stack_name, job) for job in scheduled]

    def _watchdog_and_dashboard(
        self, jobs: Sequence[DeclaredJob], operations: Operations, alarms: Alarms, of_code: Mapping[str, Any]
    ) -> ScheduledFunction | None:
        """Create the dashboard and the watchdog, if the options request them. Return the watchdog."""
        if operations.dashboard:
            dashboards.create(self, alarms, [declared.name for declared in jobs])
        if not operations.watchdog:
            return None
        return watchdogs.create(self, topic=self.alarm_topic, jobs=jobs, operations=operations, **of_code)

    def _set_attributes(self, foundation: Foundation, alarms: Alarms) -> None:
        """Set the attributes that ``resources`` can grant or extend."""
        self.ledger = foundation.ledger
        self.delivery_dead_letters = foundation.delivery_dead_letters
        self.handler_dead_letters = foundation.handler_dead_letters
        self.group = foundation.group
        self.scheduler_role = foundation.scheduler_role
        self.alarms = alarms.by_name
        self.alarm_topic = alarms.topic

    def _jobs(self, jobs: Sequence[DeclaredJob], dropped: Collection[str], of_code: Mapping[str, Any]) -> Jobs:
        """Create the resources of each job. ``dropped``: jobs that code may no longer schedule."""
        # A separate scope, so that no job has the name of another construct.
        scope = Construct(self, "Jobs")
        return Jobs(
            (job.name, ScheduledFunction(scope, job.name, declared=job, keeps_plans=job.name in dropped, **of_code))
            for job in jobs
        )

    def _keep_roles(self, removed: Mapping[str, bool], foundation: Foundation) -> None:
        """Keep the roles of removed jobs: Scheduler needs them to send dead letters for their waiting schedules."""
        scope = Construct(self, "Removed")
        letters = foundation.delivery_dead_letters.queue_arn
        for job, once in removed.items():
            of_job = Construct(scope, job)
            schedule_roles.carrier_role(of_job, stack=self, job=job, group=foundation.carriers, dead_letters=letters)
            if once:
                schedule_roles.once_role(of_job, stack=self, job=job, group=foundation.once_group, dead_letters=letters)

    def grant_schedule(self, job: str, function: ScheduledFunction | iam.IGrantable) -> iam.Grant:
        """Allow the code of ``function`` to call ``once.schedule(job, …)``, ``move`` and ``cancel``, for this job only.

        A Lambda function also gets an environment variable with the job's wiring. Raise DeclarationError for a job
        that is not declared by ``once()``.
        """
        return self.jobs[job].grant_schedule(function)

    def grant_view(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a person or a program to run every command of ``cronstack`` that changes nothing.

        ``grantee``: a role, a user, or ``iam.ManagedPolicy(stack, …)``, for people from IAM Identity Center.
        """
        return grants.grant_view(grantee, self._parts())

    def grant_operate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a person or a program to run every command of ``cronstack`` on this stack. It includes grant_view."""
        return grants.grant_operate(grantee, self._parts())

    def _parts(self) -> grants.StackParts:
        queues = (self.delivery_dead_letters.queue_arn, self.handler_dead_letters.queue_arn)
        return grants.StackParts(
            stack=self,
            ledger=self.ledger.table_arn,
            functions=[names.function_name(self.stack_name, name) for name in self.jobs],
            once_roles=[job.wiring.role for job in self.jobs.values() if job.wiring is not None],
            topic=self.alarm_topic.topic_arn,
            queues=[*queues, *(arn for origin in names.QUEUE_IDS for arn in policies.queues_arn(self, origin))],
        )

    def _choice(self, key: str, allowed: dict[str, Any], default: str) -> str:
        value = self.node.try_get_context(key)
        if value is None:
            return default
        if value not in allowed:
            raise DeclarationError(
                f'context "{key}" is {value!r}', where="cdk.json", remedy=f"Valid values: {', '.join(allowed)}."
            )
        return str(value)

    def _local(self) -> bool:
        return str(self.node.try_get_context("cronstack:local")).lower() == "true"

    def _code(self, functions: Path, package: str, target: packaging.BuildTarget) -> lambda_.Code:
        """Stage the code in the output folder of this synthesis, which the CLI never shares between two syntheses."""
        app = cdk.Stage.of(self)
        assert app is not None
        staged = packaging.stage(
            functions,
            package,
            Path(app.outdir) / f"staged-{self.stack_name}",
            target=target,
            state=functions.parent / STATE_FOLDER,
            progress=lambda line: print(line, file=sys.stderr),
        )
        return lambda_.Code.from_asset(str(staged), display_name=f"code of {package}")

    def _outputs(self) -> None:
        scope = Construct(self, "Outputs")
        for name, value in {
            names.OUTPUT_LEDGER: self.ledger.table_name,
            names.OUTPUT_DELIVERY_DEAD_LETTERS: self.delivery_dead_letters.queue_url,
            names.OUTPUT_HANDLER_DEAD_LETTERS: self.handler_dead_letters.queue_url,
            names.OUTPUT_GROUP: self.group.schedule_group_name,
            names.OUTPUT_ALARM_TOPIC: self.alarm_topic.topic_arn,
        }.items():
            cdk.CfnOutput(scope, name, value=value).override_logical_id(name)
        for job in self.jobs.values():
            if job.wiring is not None:
                name = names.once_output(job.wiring.job)
                description = f"How code schedules {job.wiring.job}: the value of {once_variable(job.wiring.job)}"
                output = cdk.CfnOutput(scope, name, value=job.wiring.text(), description=description)
                output.override_logical_id(name)
