"""Resources that a row needs: roles, queues, functions and schedules, created on the endpoint by its API.

``Stage`` has the resources that all rows share. Each row gets a new scene, so rows do not depend on each other.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any, Final

Placeholders = dict[str, str | bytes]

_HANDLER: Final = "def handler(event, context):\n    return event\n"


def zipped(source: str) -> bytes:
    """Return a deployment package with one module, ``app``. The same source gives the same bytes."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2020, 1, 1, 0, 0, 0)), source)
    return package.getvalue()


class Stage:
    """An endpoint, its clients, and the resources that all rows share. ``prefix`` makes the names of a run unique."""

    def __init__(self, client: Callable[[str], Any], prefix: str) -> None:
        self.client = client
        self._prefix = prefix
        self._names = 0
        self._undo: list[Callable[[], Any]] = []
        self.placeholders: Placeholders = {}

    def name(self) -> str:
        """Return a new name, short enough for every service."""
        self._names += 1
        return f"{self._prefix}-{self._names}"

    def build(self) -> None:
        """Create the roles, and two queues for dead letters."""
        roles = {
            "scheduler-role": ("scheduler.amazonaws.com", ["lambda:InvokeFunction", "sqs:*", "sns:Publish"]),
            "lambda-role": ("lambda.amazonaws.com", ["sqs:*", "sns:Publish", "logs:*"]),
        }
        for word, (service, actions) in roles.items():
            self.placeholders[word] = self.role(f"{self._prefix}-{word}", service, actions)
        account = str(self.placeholders["lambda-role"]).split(":")[4]
        region = self.client("sqs").meta.region_name
        _, arn = self.queue(self.name())
        _, other = self.queue(self.name())
        self.placeholders |= {
            "queue-arn": arn,
            "other-queue-arn": other,
            "no-role": f"arn:aws:iam::{account}:role/{self._prefix}-missing",
            "topic-arn": f"arn:aws:sns:{region}:{account}:{self._prefix}",
            "function-arn": f"arn:aws:lambda:{region}:{account}:function:{self._prefix}-dummy",
            "zip": zipped(_HANDLER),
            "no-zip": b"this is no zip",
            "policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}],
                }
            ),
        }

    def role(self, name: str, service: str, actions: list[str]) -> str:
        """Create a role that a service may assume. Return its ARN."""
        iam = self.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName=name, PolicyName="conformance", PolicyDocument=policy)
        self.undo(lambda: self.delete_role(arn))
        return str(arn)

    def delete_role(self, arn: str) -> None:
        """Delete a role that ``role`` has created."""
        iam, name = self.client("iam"), arn.rpartition("/")[2]
        iam.delete_role_policy(RoleName=name, PolicyName="conformance")
        iam.delete_role(RoleName=name)

    def undo(self, step: Callable[[], Any]) -> None:
        """Register a step for ``clear``, which runs them in reverse order."""
        self._undo.append(step)

    def clear(self) -> None:
        """Delete all created resources. Ignore those that cannot be deleted."""
        while self._undo:
            step = self._undo.pop()
            try:
                step()
            except Exception:  # of any type: a row has deleted it already, or the endpoint has stopped
                continue

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """Create a queue. Return its URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.undo(lambda: sqs.delete_queue(QueueUrl=url))
        response = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(url), str(response["Attributes"]["QueueArn"])

    def function(self, name: str, *, source: str = _HANDLER, timeout: int = 3, **more: Any) -> str:
        """Create a function and wait until it can be invoked. Return its ARN."""
        client = self.client("lambda")
        response = client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=self.placeholders["lambda-role"],
            Code={"ZipFile": zipped(source)},
            Timeout=timeout,
            **more,
        )
        self.undo(lambda: client.delete_function(FunctionName=name))
        if response.get("State") == "Pending":
            client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return str(response["FunctionArn"])


def _bare(stage: Stage) -> Placeholders:
    return {}


def _schedule(stage: Stage) -> Placeholders:
    scheduler = stage.client("scheduler")
    name, group = stage.name(), stage.name()
    response = scheduler.create_schedule(
        Name=name,
        ScheduleExpression="cron(0 6 * * ? 2199)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": stage.placeholders["function-arn"],
            "RoleArn": stage.placeholders["scheduler-role"],
            "Input": "{}",
        },
    )
    stage.undo(lambda: scheduler.delete_schedule(Name=name))
    group_arn = scheduler.create_schedule_group(Name=group)["ScheduleGroupArn"]
    stage.undo(lambda: scheduler.delete_schedule_group(Name=group))
    return {"schedule": name, "schedule-arn": response["ScheduleArn"], "group": group, "group-arn": group_arn}


def _queue(stage: Stage) -> Placeholders:
    name = stage.name()
    url, arn = stage.queue(name)
    return {"queue": name, "queue-url": url, "queue-arn-here": arn}


def _fifo(stage: Stage) -> Placeholders:
    name = stage.name() + ".fifo"
    url, arn = stage.queue(name, FifoQueue="true")
    return {"queue": name, "queue-url": url, "queue-arn-here": arn}


def _message(stage: Stage) -> Placeholders:
    placeholders = _queue(stage)
    sqs = stage.client("sqs")
    sqs.send_message(QueueUrl=placeholders["queue-url"], MessageBody="hello")
    received = sqs.receive_message(QueueUrl=placeholders["queue-url"], WaitTimeSeconds=5)
    return placeholders | {"handle": received["Messages"][0]["ReceiptHandle"]}


def _function(stage: Stage) -> Placeholders:
    name = stage.name()
    return {"function": name, "function-arn": stage.function(name)}


def _version(stage: Stage) -> Placeholders:
    placeholders = _function(stage)
    client, name = stage.client("lambda"), placeholders["function"]
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.add_permission(
        FunctionName=name, StatementId="there", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    return placeholders


def _function_and_queue(stage: Stage) -> Placeholders:
    return _function(stage) | _queue(stage)


def _slow_function_and_queue(stage: Stage) -> Placeholders:
    slow, quick = stage.name(), stage.name()
    stage.function(slow, timeout=60)
    stage.function(quick)
    return {"function": slow, "quick-function": quick, **_queue(stage)}


def _mapping(stage: Stage) -> Placeholders:
    placeholders = _function_and_queue(stage)
    client = stage.client("lambda")
    mapping = client.create_event_source_mapping(
        FunctionName=placeholders["function"], EventSourceArn=placeholders["queue-arn-here"], BatchSize=5
    )
    stage.undo(lambda: client.delete_event_source_mapping(UUID=mapping["UUID"]))
    return placeholders | {"uuid": mapping["UUID"]}


SCENES: Final[dict[str, Callable[[Stage], Placeholders]]] = {
    "bare": _bare,
    "schedule": _schedule,
    "queue": _queue,
    "fifo": _fifo,
    "message": _message,
    "function": _function,
    "version": _version,
    "function and queue": _function_and_queue,
    "slow function and queue": _slow_function_and_queue,
    "mapping": _mapping,
}
