"""Create and delete the resources of the questions: roles, queues, groups, schedules and functions.

Each name starts with ``PREFIX`` and the id of the run. So the end of a run can list and delete all resources, even if
the response to a create request was lost. The next run deletes the resources of a killed run. Run one at a time.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from cronstack_infra.progress import Report

Clients = Callable[[str], Any]

PREFIX: Final = "cronstack-ask-"
PAUSE: Final = 5.0
"""Seconds between two reads of a queue."""
ROLE_PATIENCE: Final = 120.0
"""Longest time in seconds until a new role is usable."""


@dataclass(frozen=True)
class Message:
    """A message of a queue. ``sent``: when SQS accepted it, by SQS's clock."""

    body: str
    sent: datetime
    sender: str
    attributes: dict[str, str]


class TemporaryResources:
    """The resources of one run. The caller passes the clock: ``now`` and ``sleep``."""

    def __init__(
        self,
        clients: Clients,
        run: str,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        progress: Report = lambda line: None,
        scale: float = 1.0,
    ) -> None:
        """``scale``: factor for waits whose end cannot be observed. AWS needs the default, 1."""
        self.clients, self.prefix = clients, f"{PREFIX}{run}-"
        self.now, self.sleep, self.progress, self.scale = now, sleep, progress, scale
        self.known: dict[str, Any] = {}
        """Measurements that several questions use."""
        self._names = 0

    # -- names and resources -------------------------------------------------------------------------------------------
    def name(self, what: str) -> str:
        self._names += 1
        return f"{self.prefix}{what}-{self._names}"

    def queue(self, what: str = "queue") -> tuple[str, str]:
        """Create a queue. Return its URL and ARN."""
        sqs = self.clients("sqs")
        url = sqs.create_queue(QueueName=self.name(what))["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def role(self, *, service: str = "scheduler.amazonaws.com", name: str = "", settled: bool = True) -> str:
        """Create a role that may send to this run's queues and invoke its functions. Return its ARN.

        ``settled``: wait until IAM has most probably propagated it.
        """
        iam, name = self.clients("iam"), name or self.name("role")
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
        _, partition, _, _, account, _ = arn.split(":", 5)
        queues = f"arn:{partition}:sqs:*:{account}:{self.prefix}*"
        functions = f"arn:{partition}:lambda:*:{account}:function:{self.prefix}*"
        logs = {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]}
        statements: list[dict[str, Any]] = [
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queues},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": functions},
            {**logs, "Resource": "*"},
        ]
        iam.put_role_policy(RoleName=name, PolicyName="ask", PolicyDocument=_document(*statements))
        if settled:
            self.sleep(20 * self.scale)
        return str(arn)

    def shared(self, what: str, make: Callable[[], Any]) -> Any:
        """Return a value that is created once for all questions."""
        if what not in self.known:
            self.known[what] = make()
        return self.known[what]

    @property
    def scheduler_role(self) -> str:
        return str(self.shared("scheduler role", self.role))

    def group(self) -> str:
        name = self.name("group")
        self.clients("scheduler").create_schedule_group(Name=name)
        return name

    def schedule(self, expression: str, target: str, input: str = "{}", *, wait: bool = True, **more: Any) -> str:
        """Create a schedule that sends ``input`` to the target; return its name. ``wait``: for a new role."""
        self.create(**self.parameters(expression, target, input, **more), patience=ROLE_PATIENCE if wait else 0)
        return str(more.get("Name") or self.known["last schedule"])

    def parameters(self, expression: str, target: str, input: str = "{}", **more: Any) -> dict[str, Any]:
        """Return the parameters of a CreateSchedule, with a new name."""
        self.known["last schedule"] = self.name("schedule")
        sent = {"Arn": target, "RoleArn": more.pop("role", None) or self.scheduler_role, "Input": input}
        sent |= more.pop("sent", {})
        return {
            "Name": self.known["last schedule"],
            "GroupName": more.pop("group", None) or self.shared("group", self.group),
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": sent,
        } | more

    def create(self, *, patience: float = 0, **parameters: Any) -> None:
        """Create a schedule. Retry while its role is too new to be assumed."""
        self._patiently(self.clients("scheduler").create_schedule, patience=patience, **parameters)

    def _patiently(self, call: Callable[..., Any], *, patience: float = ROLE_PATIENCE, **parameters: Any) -> Any:
        """Call, and retry while a role is too new to be assumed."""
        end = self.now() + timedelta(seconds=patience)
        while True:
            try:
                return call(**parameters)
            except Exception as fault:  # a service may raise any class
                if not _is_too_new(fault) or self.now() >= end:
                    raise
            self.sleep(2.0)

    def function(self, code: str, *, timeout: int = 10, environment: dict[str, str] | None = None) -> tuple[str, str]:
        """Create a function of one inline module, whose ``handler`` Lambda calls. Return its name and ARN."""
        role = self.shared("function role", lambda: self.role(service="lambda.amazonaws.com"))
        functions, name = self.clients("lambda"), self.name("function")
        created = self._patiently(
            functions.create_function,
            FunctionName=name,
            Runtime="python3.13",
            Handler="index.handler",
            Role=role,
            Timeout=timeout,
            Code={"ZipFile": _zip(code)},
            Environment={"Variables": environment or {}},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        return name, str(created["FunctionArn"])

    # -- reads ---------------------------------------------------------------------------------------------------------
    def messages(self, url: str, wanted: int, seconds: float, *, pause: float = PAUSE) -> list[Message]:
        """Receive ``wanted`` messages, or those that arrive within ``seconds``. ``pause``: seconds between reads."""
        messages, end = list[Message](), self.now() + timedelta(seconds=seconds)
        while True:
            got = self.clients("sqs").receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=3600,
                WaitTimeSeconds=1,  # a short poll may be empty by mistake
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp", "SenderId"],
            )
            messages += [_message(received) for received in got.get("Messages", ())]
            if got.get("Messages"):
                continue
            if len(messages) >= wanted or self.now() >= end:
                return sorted(messages, key=lambda message: message.sent)
            self.sleep(pause)

    def ahead(self, seconds: float) -> datetime:
        """Return the first whole minute that is at least so many seconds in the future."""
        at = self.now() + timedelta(seconds=seconds + 59)
        return at.replace(second=0, microsecond=0)


def _is_too_new(fault: Exception) -> bool:
    return "assume the role" in str(fault) or "cannot be assumed" in str(fault)


def at(instant: datetime) -> str:
    """Return the expression of a one-time schedule."""
    return f"at({instant:%Y-%m-%dT%H:%M:%S})"


def sweep(clients: Clients, prefix: str) -> list[str]:
    """Delete all resources with the name prefix. Return a line for each, also for those that could not be deleted."""
    done = []
    for name, delete in _resources(clients, prefix):
        try:
            delete()
            done.append(name)
        except Exception as fault:  # delete the other resources after a failure
            done.append(f"{name} could not be deleted: {fault}")
    return done


def _resources(clients: Clients, prefix: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the name of each existing resource, and a function that deletes it."""
    scheduler, sqs, functions, iam = (clients(name) for name in ("scheduler", "sqs", "lambda", "iam"))
    for page in scheduler.get_paginator("list_schedules").paginate(NamePrefix=prefix):
        for listed in page["Schedules"]:
            names = {"Name": listed["Name"], "GroupName": listed["GroupName"]}
            yield f"schedule {listed['Name']}", partial(scheduler.delete_schedule, **names)
    for page in scheduler.get_paginator("list_schedule_groups").paginate(NamePrefix=prefix):
        for group in page["ScheduleGroups"]:
            if group["Name"].startswith(prefix) and group.get("State") != "DELETING":
                yield f"group {group['Name']}", partial(scheduler.delete_schedule_group, Name=group["Name"])
    for page in functions.get_paginator("list_functions").paginate():
        for name in [
            listed["FunctionName"] for listed in page["Functions"] if listed["FunctionName"].startswith(prefix)
        ]:
            yield f"function {name}", partial(functions.delete_function, FunctionName=name)
            yield f"log of {name}", partial(_delete_log, clients, name)
    for url in sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", ()):
        yield f"queue {url.rpartition('/')[2]}", partial(sqs.delete_queue, QueueUrl=url)
    for page in iam.get_paginator("list_roles").paginate():
        for name in [role["RoleName"] for role in page["Roles"] if role["RoleName"].startswith(prefix)]:
            yield f"role {name}", partial(_delete_role, iam, name)


def _delete_role(iam: Any, name: str) -> None:
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def delete_role(resources: TemporaryResources, arn: str) -> None:
    """Delete one of the roles."""
    _delete_role(resources.clients("iam"), arn.rpartition("/")[2])


def _delete_log(clients: Clients, function: str) -> None:
    logs = clients("logs")
    with suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=f"/aws/lambda/{function}")


def _message(received: Any) -> Message:
    system = received["Attributes"]
    sent = datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC)
    attributes = {name: str(of.get("StringValue", "")) for name, of in received.get("MessageAttributes", {}).items()}
    return Message(received["Body"], sent, str(system.get("SenderId", "")), attributes)


def _zip(code: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    return packed.getvalue()


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
