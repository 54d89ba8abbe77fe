"""What must be there before a row is asked: roles, queues, functions, schedules, made on the endpoint by its own API.

``Stage`` is what all rows share; a scene is made anew for each question, so that no row leans on another.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any, Final

Words = dict[str, str | bytes]

_HANDLER: Final = "def handler(event, context):\n    return event\n"


def zipped(source: str) -> bytes:
    """A deployment package with one module, ``app``; the same bytes for the same source."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2020, 1, 1, 0, 0, 0)), source)
    return data.getvalue()


class Stage:
    """An endpoint, its clients, and what all rows lean on. ``prefix`` keeps the names of two runs apart."""

    def __init__(self, client: Callable[[str], Any], prefix: str) -> None:
        self.client = client
        self._prefix = prefix
        self._made = 0
        self._undo: list[Callable[[], Any]] = []
        self.words: Words = {}

    def name(self) -> str:
        """A new name, short enough for every service."""
        self._made += 1
        return f"{self._prefix}-{self._made}"

    def build(self) -> None:
        """Make the roles, and two queues for dead letters."""
        roles = {
            "scheduler-role": ("scheduler.amazonaws.com", ["lambda:InvokeFunction", "sqs:*", "sns:Publish"]),
            "lambda-role": ("lambda.amazonaws.com", ["sqs:*", "sns:Publish", "logs:*"]),
        }
        for word, (service, actions) in roles.items():
            self.words[word] = self.role(f"{self._prefix}-{word}", service, actions)
        account = str(self.words["lambda-role"]).split(":")[4]
        region = self.client("sqs").meta.region_name
        _, arn = self.queue(self.name())
        _, other = self.queue(self.name())
        self.words |= {
            "queue-arn": arn,
            "other-queue-arn": other,
            "no-role": f"arn:aws:iam::{account}:role/{self._prefix}-nobody",
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
        """ARN of a new role that a service may assume."""
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
        """Delete a role that ``role`` has made."""
        iam, name = self.client("iam"), arn.rpartition("/")[2]
        iam.delete_role_policy(RoleName=name, PolicyName="conformance")
        iam.delete_role(RoleName=name)

    def undo(self, step: Callable[[], Any]) -> None:
        """Have something done when all is over, the last first."""
        self._undo.append(step)

    def clear(self) -> None:
        """Take away what was made; what cannot be taken away is left."""
        while self._undo:
            step = self._undo.pop()
            try:
                step()
            except Exception:  # a question may have taken it away already, or the endpoint is gone
                continue

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.undo(lambda: sqs.delete_queue(QueueUrl=url))
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(url), str(found["Attributes"]["QueueArn"])

    def function(self, name: str, *, source: str = _HANDLER, timeout: int = 3, **more: Any) -> str:
        """ARN of a new function, once it can be invoked."""
        client = self.client("lambda")
        made = client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=self.words["lambda-role"],
            Code={"ZipFile": zipped(source)},
            Timeout=timeout,
            **more,
        )
        self.undo(lambda: client.delete_function(FunctionName=name))
        if made.get("State") == "Pending":
            client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return str(made["FunctionArn"])


def _bare(stage: Stage) -> Words:
    return {}


def _schedule(stage: Stage) -> Words:
    scheduler = stage.client("scheduler")
    name, group = stage.name(), stage.name()
    made = scheduler.create_schedule(
        Name=name,
        ScheduleExpression="cron(0 6 * * ? 2199)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": stage.words["function-arn"], "RoleArn": stage.words["scheduler-role"], "Input": "{}"},
    )
    stage.undo(lambda: scheduler.delete_schedule(Name=name))
    group_arn = scheduler.create_schedule_group(Name=group)["ScheduleGroupArn"]
    stage.undo(lambda: scheduler.delete_schedule_group(Name=group))
    return {"schedule": name, "schedule-arn": made["ScheduleArn"], "group": group, "group-arn": group_arn}


def _queue(stage: Stage) -> Words:
    name = stage.name()
    url, arn = stage.queue(name)
    return {"queue": name, "queue-url": url, "queue-arn-here": arn}


def _fifo(stage: Stage) -> Words:
    name = stage.name() + ".fifo"
    url, arn = stage.queue(name, FifoQueue="true")
    return {"queue": name, "queue-url": url, "queue-arn-here": arn}


def _message(stage: Stage) -> Words:
    words = _queue(stage)
    sqs = stage.client("sqs")
    sqs.send_message(QueueUrl=words["queue-url"], MessageBody="hello")
    received = sqs.receive_message(QueueUrl=words["queue-url"], WaitTimeSeconds=5)
    return words | {"handle": received["Messages"][0]["ReceiptHandle"]}


def _function(stage: Stage) -> Words:
    name = stage.name()
    return {"function": name, "function-arn": stage.function(name)}


def _version(stage: Stage) -> Words:
    words = _function(stage)
    client, name = stage.client("lambda"), words["function"]
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.add_permission(
        FunctionName=name, StatementId="there", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    return words


def _function_and_queue(stage: Stage) -> Words:
    return _function(stage) | _queue(stage)


def _slow_function_and_queue(stage: Stage) -> Words:
    slow, quick = stage.name(), stage.name()
    stage.function(slow, timeout=60)
    stage.function(quick)
    return {"function": slow, "quick-function": quick, **_queue(stage)}


def _mapping(stage: Stage) -> Words:
    words = _function_and_queue(stage)
    client = stage.client("lambda")
    made = client.create_event_source_mapping(
        FunctionName=words["function"], EventSourceArn=words["queue-arn-here"], BatchSize=5
    )
    stage.undo(lambda: client.delete_event_source_mapping(UUID=made["UUID"]))
    return words | {"uuid": made["UUID"]}


SCENES: Final[dict[str, Callable[[Stage], Words]]] = {
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
