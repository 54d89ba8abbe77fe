"""The stack: its template, and deploys that take time, delete jobs, or are rolled back."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final

from cronstack.declaration import ONCE as ONCE_EXPRESSION
from cronstack.declaration import Job, When
from cronstack.deployed.form import DeployedForm, deployed_form
from cronstack.deployed.job_metadata import FUNCTION, METADATA, JobMetadata, ScheduleMetadata
from cronstack.event import scheduled_input
from cronstack.occurrence import to_datetime
from cronstack.timetable.instants import Schedule, parse
from tests.cronstack.watchdog_simulation.cloud.clients import Answer, ServiceError
from tests.cronstack.watchdog_simulation.cloud.functions import STACK, Functions, function_arn
from tests.cronstack.watchdog_simulation.cloud.schedules import Schedules
from tests.cronstack.watchdog_simulation.cloud.virtual_time import SECOND, VirtualTime

LONGEST_DEPLOY: Final = 150 * SECOND
Jobs = Mapping[str, Job]


def schedule_name(job: str, number: int) -> str:
    return f"{STACK}-{job}.{number}"


@lru_cache(maxsize=1024)
def declared(when: When) -> Schedule:
    """Return the validated schedule, as discovery does."""
    return parse(
        when.expression, timezone=when.timezone or "UTC", start=when.start, end=when.end, window=when.window or 0
    )


def declared_schedules(job: Job) -> list[Schedule]:
    """Return the schedules of a job, without ``once()``."""
    return [declared(when) for when in job.schedules if when.expression != ONCE_EXPRESSION]


def metadata_of(job: Job) -> JobMetadata:
    """Return the values that the CDK writes into the template."""
    schedules = tuple(
        ScheduleMetadata(
            of.expression,
            of.timezone,
            None if of.start is None else of.start.isoformat(),
            None if of.end is None else of.end.isoformat(),
            of.window,
        )
        for of in declared_schedules(job)
    )
    own = {name: getattr(job, name) for name in JobMetadata._fields if name not in ("job", "schedules", "where")}
    return JobMetadata(job=job.name, schedules=schedules, where=f"functions/jobs/{job.name}.py:7", **own)


@lru_cache(maxsize=1024)
def _form(schedule: Schedule) -> DeployedForm:
    return deployed_form(schedule)


def schedule_parameters(job: Job, number: int) -> dict[str, Any]:
    """Return the parameters of CreateSchedule for a declared schedule, as CloudFormation sends them."""
    schedule = declared_schedules(job)[number - 1]
    form = _form(schedule)
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": schedule.window} if schedule.window else {"Mode": "OFF"}
    parameters: dict[str, Any] = {
        "Name": schedule_name(job.name, number),
        "GroupName": STACK,
        "ScheduleExpression": form.expression,
        "ScheduleExpressionTimezone": form.timezone,
        "State": "ENABLED" if job.enabled else "DISABLED",
        "FlexibleTimeWindow": window,
        "Target": {
            "Arn": function_arn(job.name),
            "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
            "Input": scheduled_input(job.name, dict(job.input)),
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": job.start_deadline + 60 * schedule.window,
                "MaximumRetryAttempts": 185,
            },
            "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:delivery"},
        },
    }
    return parameters | ({"Description": form.description} if form.description else {})


def template_of(jobs: Jobs) -> dict[str, Any]:
    """Return the template, in the parts that matter: functions with metadata, and schedules."""
    resources: dict[str, Any] = {
        "SharedLedger": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {}},
        "SharedDeployCheckFunction": {"Type": FUNCTION, "Properties": {"Handler": "cronstack.deploy_check.check"}},
    }
    for name, job in jobs.items():
        logical = "".join(part.capitalize() for part in name.split("_"))
        resources[f"{logical}Function"] = {
            "Type": FUNCTION,
            "Properties": {"FunctionName": f"{STACK}-{name}", "Timeout": job.timeout},
            "Metadata": {METADATA: metadata_of(job).to_json()},
        }
        for number in range(1, len(declared_schedules(job)) + 1):
            properties = schedule_parameters(job, number)
            properties["GroupName"] = {"Ref": "SharedScheduleGroup"}
            properties["Target"] = properties["Target"] | {"Arn": {"Fn::GetAtt": [f"{logical}Function", "Arn"]}}
            resources[f"{logical}Schedule{number}"] = {"Type": "AWS::Scheduler::Schedule", "Properties": properties}
    return {"Resources": resources}


class Stack:
    """The deployed stack, and CloudFormation's answers about it."""

    def __init__(self, time: VirtualTime, chance: random.Random, schedules: Schedules, functions: Functions) -> None:
        self._time, self._chance, self._schedules, self._functions = time, chance, schedules, functions
        self.jobs: dict[str, Job] = {}
        """The jobs of the last finished deploy."""
        self.template: dict[str, Any] = {"Resources": {}}
        self.status, self.updated = "CREATE_COMPLETE", time.now
        self.created = time.now
        self.busy_until = 0
        self.deploys = 0

    def create(self, jobs: Jobs) -> None:
        """Create the stack at once, before the history begins."""
        self._functions.jobs.update(jobs)
        for job in jobs.values():
            for number in range(1, len(declared_schedules(job)) + 1):
                self._schedules.create(schedule_parameters(job, number))
        self.jobs, self.template = dict(jobs), template_of(jobs)

    def deploy(self, jobs: Jobs, *, rolls_back: bool = False) -> int:
        """Begin a deploy. Return the moment by which it has ended."""
        time, chance = self._time, self._chance
        assert time.now >= self.busy_until, "one deploy at a time"
        before, template = dict(self.jobs), self.template
        takes = chance.randrange(20 * SECOND, LONGEST_DEPLOY)
        after = before if rolls_back else dict(jobs)
        self.deploys += 1
        self.status, self.updated = "UPDATE_IN_PROGRESS", time.now
        self.busy_until = time.now + takes * (2 if rolls_back else 1) + 1
        if chance.random() < 0.5:
            self.template = template_of(jobs)
        for change in self._changes(before, dict(jobs)):
            time.after(chance.randrange(takes), change)
        if rolls_back:
            time.after(takes, lambda: self._set("UPDATE_ROLLBACK_IN_PROGRESS", template))
            for change in self._changes(dict(jobs), before):
                time.after(takes + chance.randrange(takes), change)
        end = "UPDATE_ROLLBACK_COMPLETE" if rolls_back else "UPDATE_COMPLETE"
        final = template if rolls_back else template_of(jobs)

        def finish() -> None:
            self._set(end, final)
            self.jobs = after
            for name in set(self._functions.jobs) - set(after):
                del self._functions.jobs[name]

        time.at(self.busy_until, finish)
        return self.busy_until

    def _set(self, status: str, template: dict[str, Any]) -> None:
        self.status, self.template = status, template

    def _changes(self, before: Jobs, after: Jobs) -> list[Callable[[], None]]:
        """Return the changes of resources from one set of jobs to another. A function exists before its schedules."""
        changes: list[Callable[[], None]] = []
        for name, job in after.items():
            if before.get(name) != job:
                changes.append(partial(self._functions.jobs.__setitem__, name, job))
        old, new = _schedules_of(before), _schedules_of(after)
        for name, parameters in new.items():
            if old.get(name) != parameters:
                changes.append(partial(self._put, parameters, after))
        changes += [partial(self._delete, name) for name in old if name not in new]
        return changes

    def _put(self, parameters: dict[str, Any], jobs: Jobs) -> None:
        name = parameters["Name"]
        job = name.rpartition(".")[0].removeprefix(f"{STACK}-")
        self._functions.jobs.setdefault(job, jobs[job])
        if name in self._schedules.groups[STACK]:
            self._schedules.update(STACK, name, **parameters)
        else:
            self._schedules.create(parameters)

    def _delete(self, name: str) -> None:
        if name in self._schedules.groups[STACK]:
            self._schedules.delete(STACK, name)

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        if parameters.get("StackName") != STACK:
            raise ServiceError("ValidationError", f"Stack with id {parameters.get('StackName')} does not exist")
        match operation:
            case "GetTemplate":
                return {"TemplateBody": self.template, "StagesAvailable": ["Original", "Processed"]}
            case "DescribeStacks":
                shown = {
                    "StackName": STACK,
                    "StackId": f"arn:aws:cloudformation:us-east-1:123456789012:stack/{STACK}/1",
                    "CreationTime": to_datetime(self.created),
                    "StackStatus": self.status,
                }
                if self.deploys:
                    shown["LastUpdatedTime"] = to_datetime(self.updated)
                return {"Stacks": [shown]}
        raise AssertionError(f"the watchdog has no right to cloudformation:{operation}")


def _schedules_of(jobs: Jobs) -> dict[str, dict[str, Any]]:
    return {
        schedule_name(name, number): schedule_parameters(job, number)
        for name, job in jobs.items()
        for number in range(1, len(declared_schedules(job)) + 1)
    }
