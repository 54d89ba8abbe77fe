"""A deployed shop in this process: moto provides the ledger, queues and schedules, and the functions run here.

moto cannot run functions without Docker, so ``Functions`` replaces the Lambda client: it has the operations that
operators' tools use, runs the real runtime, and retries asynchronous calls like Lambda. Carriers fire while the shop
sleeps.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from moto.sqs.models import DEFAULT_SENDER_ID, sqs_backends

from cronstack.declaration import Job
from cronstack.event import scheduled_input
from cronstack.occurrence import to_datetime, to_milliseconds
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from cronstack.run import Run
from cronstack.runtime import Invocation
from cronstack.settings import PLANS
from cronstack.transport import Transport
from cronstack_infra.local.moto import privates
from cronstack_infra.names import function_name, once_group, once_output, schedule_name
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.onetime import once_of, wiring_of
from cronstack_infra.play.answer_dates import dated
from tests.cronstack.stage import CARRIERS, TABLE, WAY, Context, Stage, job

STACK = "shop"
ACCOUNT_ID = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/once"
SCHEDULER_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/scheduler"


class FixableHandler:
    """A handler that fails while ``fixed`` is False."""

    def __init__(self) -> None:
        self.fixed = True
        self.ran: list[tuple[str, int, Any]] = []
        """Occurrence, attempt and input of each call."""

    def __call__(self, run: Run) -> None:
        self.ran.append((run.occurrence, run.attempt, run.input))
        if not self.fixed:
            raise ValueError("no")


def role_arn(function: str) -> str:
    """Return the role of a function."""
    return f"arn:aws:iam::{ACCOUNT_ID}:role/{function}"


def failure(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "made by the test"}}, operation)


_present: list[Stage] = []
"""The stage of the running test."""


def _date_answer(parsed: dict[str, Any], **_: Any) -> None:
    """Set the date of a response to the stage's clock: moto uses the clock of this machine."""
    parsed.update(dated(parsed, _present[0].now))


class Functions:
    """The Lambda operations that operators' tools use."""

    def __init__(self, stage: Stage, queue: str, sent_by: Callable[[str], AbstractContextManager[None]]) -> None:
        self.stage, self.queue, self.sent_by = stage, queue, sent_by
        self.jobs: dict[str, Job] = {}
        self.carrier_roles: dict[str, str] = {}
        """Carrier roles by function. Defaults to one role for all functions."""
        self.aliases: set[tuple[str, str]] = set()
        """Function and alias."""
        self.invoked: list[dict[str, Any]] = []
        self.external = [{"FunctionName": "shop-looks-like-it", "Timeout": 3}, {"FunctionName": "other", "Timeout": 3}]

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:
        if FunctionName not in self.jobs:
            raise failure("ResourceNotFoundException", "GetFunctionConfiguration")
        return self._configuration(FunctionName)

    @property
    def exceptions(self) -> Any:
        return type("Exceptions", (), {"ResourceNotFoundException": ClientError})

    def get_alias(self, *, FunctionName: str, Name: str) -> dict[str, Any]:
        if (FunctionName, Name) not in self.aliases:
            raise failure("ResourceNotFoundException", "GetAlias")
        return {"AliasArn": f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:{FunctionName}:{Name}"}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_functions"
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        for name in self.jobs:
            yield {"Functions": [self._configuration(name)]}
        yield {"Functions": self.external}

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:
        event = json.loads(Payload)
        self.invoked.append(event)
        if InvocationType == "RequestResponse":
            answer, failed = self._call(FunctionName, event)
            body = {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}
            return body | ({"FunctionError": "Unhandled"} if failed else {})
        for pause in (60, 120, None):
            answer, failed = self._call(FunctionName, event)
            if not failed:
                break
            if pause is None:
                context = {"condition": "RetriesExhausted", "functionArn": Context.invoked_function_arn + ":$LATEST"}
                record = {"requestContext": context, "requestPayload": event, "responsePayload": answer}
                with self.sent_by(role_arn(FunctionName)):
                    self.stage.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(record))
            else:
                self.stage.sleep(pause)
        return {"StatusCode": 202}

    def _call(self, function: str, event: object) -> tuple[Any, bool]:
        with self.sent_by(role_arn(function)):
            return self._run(self.jobs[function], event)

    def _run(self, of: Job, event: object) -> tuple[Any, bool]:
        try:
            return Invocation(of, event, Context(self.stage, of.timeout), self.stage.shell()).work(), False
        except Exception as raised:
            return {"errorType": type(raised).__name__, "errorMessage": str(raised)}, True

    def _configuration(self, name: str) -> dict[str, Any]:
        carrier_role = self.carrier_roles.get(name, WAY.role)
        variables = {"CRONSTACK_STACK": STACK, "CRONSTACK_CARRIER_ROLE": carrier_role}
        return {
            "FunctionName": name,
            "Timeout": self.jobs[name].timeout,
            "Role": role_arn(name),
            "Environment": {"Variables": variables},
        }


class Stack:
    """The CloudFormation operations that operators' tools use. Only the stack's schedules are listed."""

    def __init__(self) -> None:
        self.schedules: dict[str, datetime] = {}
        """Names, with the time of the last change by the stack."""

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName: str) -> Iterator[dict[str, Any]]:
        assert StackName == STACK
        yield {"StackResourceSummaries": [self._resource("AWS::SQS::Queue", "http://queue", datetime.now(UTC))]}
        listed = [self._resource("AWS::Scheduler::Schedule", *item) for item in self.schedules.items()]
        yield {"StackResourceSummaries": listed}

    def _resource(self, type: str, id: str, at: datetime) -> dict[str, Any]:
        status = "CREATE_COMPLETE"
        return {"ResourceType": type, "PhysicalResourceId": id, "LastUpdatedTimestamp": at, "ResourceStatus": status}


class Shop:
    """The deployed stack, and clients for it."""

    def __init__(self, stage: Stage) -> None:
        import boto3

        self.stage = stage
        self.delivery = stage.sqs.create_queue(QueueName="delivery")["QueueUrl"]
        self.outputs: dict[str, str] = {}
        self.deployment = Deployment(STACK, TABLE, self.delivery, stage.queue, STACK, self.outputs)
        self.functions = Functions(stage, stage.queue, self.sent_by)
        self.scheduler = stage.scheduler
        self.scheduler.create_schedule_group(Name=STACK)
        self.scheduler.create_schedule_group(Name=once_group(STACK))
        self.iam = boto3.client("iam")
        self._role_ids: dict[str, str] = {}
        for arn in (SCHEDULER_ROLE, ROLE, WAY.role):
            self.make_role(arn)
        self.stack = Stack()
        self._clients = {
            "iam": self.iam,
            "cloudformation": self.stack,
            "lambda": self.functions,
            "dynamodb": stage.dynamodb,
            "sqs": stage.sqs,
            "scheduler": self.scheduler,
            "sts": boto3.client("sts"),
        }
        _present[:] = [stage]
        for client in (stage.dynamodb, stage.scheduler):
            client.meta.events.register("after-call", _date_answer, unique_id="shop")  # the clients outlive the shop

    def sleep(self, seconds: float) -> None:
        """Advance the clock, and fire each carrier at its time."""
        end = self.stage.now + int(seconds * 1000)
        while (due := self._next_carrier()) is not None and due[0] <= end:
            at, name = due
            of = self.scheduler.get_schedule(GroupName=CARRIERS, Name=name)
            self.scheduler.delete_schedule(GroupName=CARRIERS, Name=name)
            self.stage.now = max(self.stage.now, at)
            event = json.loads(of["Target"]["Input"])
            self.invoke(event)
        self.stage.now = max(self.stage.now, end)

    def invoke(self, event: Any) -> None:
        """Invoke a function asynchronously, as Scheduler does."""
        function = function_name(STACK, event["job"] if isinstance(event, dict) and "job" in event else "stats")
        self.functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())

    def _next_carrier(self) -> tuple[int, str] | None:
        carriers = []
        for listed in self.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]:
            of = self.scheduler.get_schedule(GroupName=CARRIERS, Name=listed["Name"])
            due = datetime.fromisoformat(of["ScheduleExpression"].removeprefix("at(").rstrip(")")).replace(tzinfo=UTC)
            carriers.append((to_milliseconds(due), of["Name"]))
        return min(carriers, default=None)

    @contextmanager
    def sent_by(self, role: str) -> Iterator[None]:
        """Set the SenderId of messages that are sent meanwhile, to that of a role or a user."""
        self._stamp()
        yield
        self._stamp(self.sender_id(role) if ":role/" in role else role)

    def sender_id(self, role: str) -> str:
        return f"{self._role_ids[role]}:session"

    def _stamp(self, sender: str = "") -> None:
        """Replace moto's constant SenderId. Defaults to Scheduler, and to the function of the job "stats"."""
        for url in (self.delivery, self.stage.queue):
            default = SCHEDULER_ROLE if url == self.delivery else role_arn(function_name(STACK, "stats"))
            for message in privates.messages(sqs_backends[ACCOUNT_ID]["us-east-1"].queues[url.rpartition("/")[2]]):
                if message.sender_id == DEFAULT_SENDER_ID:
                    message.sender_id = sender or self.sender_id(default)

    def make_role(self, arn: str) -> None:
        role = self.iam.create_role(RoleName=arn.rpartition("/")[2], AssumeRolePolicyDocument="{}")
        self._role_ids[arn] = role["Role"]["RoleId"]

    def clients(self, service: str) -> Any:
        if service == "sqs":
            self._stamp()
        return self._clients[service]

    def deploy(self, function: Callable[..., object], *schedules: str, timezone: str = "UTC", **policies: Any) -> Job:
        """Deploy a job with schedules by their expressions."""
        of = job(function, **policies)
        name = function_name(STACK, of.name)
        if name not in self.functions.jobs:
            self.make_role(role_arn(name))
        self.functions.jobs[name] = of
        if of.by_code:
            arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
            self.functions.aliases.add((name, PLANS))
            wiring = Wiring(of.name, TABLE, once_group(STACK), ROLE, f"{arn}:{PLANS}", WAY.dead_letters)
            self.outputs[once_output(of.name)] = wiring.text()
        for number, expression in enumerate(schedules, 1):
            self.stack.schedules[schedule_name(STACK, of.name, number)] = self.clock()
            self.scheduler.create_schedule(
                Name=schedule_name(STACK, of.name, number),
                GroupName=STACK,
                ScheduleExpression=expression,
                ScheduleExpressionTimezone=timezone,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={
                    "Arn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
                    "RoleArn": SCHEDULER_ROLE,
                    "Input": scheduled_input(of.name, of.input),
                },
            )
        return of

    def once(self) -> Once:
        """Return a ``Once`` for operators."""
        stage = self.stage
        return once_of(
            self.clients,
            self.deployment,
            now=lambda: stage.now,
            monotonic=lambda: stage.now / 1000,
            sleep=stage.sleep,
            randomness=stage.randomness,
        )

    def once_through(self, transport: Transport) -> Once:
        """Return a ``Once`` whose requests use ``transport``."""
        stage = self.stage
        return Once(
            wiring=lambda job: wiring_of(self.deployment, job),
            transport=transport,
            now=lambda: stage.now,
            monotonic=lambda: stage.now / 1000,
            sleep=stage.sleep,
            randomness=stage.randomness,
        )

    def plans(self) -> list[str]:
        """Return the names of the schedules of plans."""
        return sorted(
            schedule["Name"] for schedule in self.scheduler.list_schedules(GroupName=once_group(STACK))["Schedules"]
        )

    def clock(self) -> datetime:
        return to_datetime(self.stage.now)

    @property
    def now(self) -> datetime:
        return self.clock()

    def ago(self, **span: float) -> datetime:
        return self.now - timedelta(**span)


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type, misc]
