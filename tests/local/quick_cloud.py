"""The local cloud as ``python -m cronstack_infra.local`` makes it, with Lambda's retries in seconds for minutes.

Run as a program it is the cloud; ``quick_cloud()`` is the test's side. A process of its own, because moto's classes
are mended for good in the process that has it.
"""

from __future__ import annotations

import io
import json
import os
import queue
import subprocess
import sys
import textwrap
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cronstack_infra.local import __main__ as program
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.switches.settings import Switches
from tests.places import ROOT

RETRY_DELAYS = "QUICK_CLOUD_RETRY_DELAYS"
"""Environment variable: seconds before Lambda's first and second retry."""


def main() -> int:
    return program.main(switches=quick_knobs())


def quick_knobs() -> Switches:
    return Switches(retry_delays=tuple(json.loads(os.environ[RETRY_DELAYS])))


class Cloud:
    """A running quick cloud: clients, what it told, and the few things every test of it needs."""

    def __init__(self, cloud: LocalCloud, told: queue.Queue[dict[str, Any]]) -> None:
        self.client = cloud.client
        self.endpoint = cloud.endpoint
        self.pid = cloud.pid
        self.told: list[dict[str, Any]] = []
        self._incoming = told
        self.handler_role = self.role("handlers", "lambda.amazonaws.com", {"Action": "sqs:*", "Resource": "*"})
        may = {"Action": ["lambda:InvokeFunction", "sqs:SendMessage", "sns:Publish", "dynamodb:*"], "Resource": "*"}
        self.scheduler_role = self.role("scheduler", "scheduler.amazonaws.com", may)

    def role(self, name: str, service: str, *allowed: dict[str, Any], condition: dict[str, Any] | None = None) -> str:
        trust: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        if condition:
            trust["Condition"] = condition
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        if allowed:
            statements = [{"Effect": "Allow", **one} for one in allowed]
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy)
        return str(arn)

    def function(self, name: str, source: str, **fields: Any) -> str:
        """A deployed function, by boto3; its ARN."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("app.py", textwrap.dedent(source))
        given = {"Runtime": "python3.13", "Handler": "app.handler", "Role": self.handler_role, "Timeout": 10}
        code = {"Code": {"ZipFile": data.getvalue()}}
        made = self.client("lambda").create_function(FunctionName=name, **(given | code | fields))
        return str(made["FunctionArn"])

    def queue(self, name: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def let_in(self, url: str, topic: str) -> None:
        """Let a topic send to a queue, as SNS needs it."""
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        only = {"Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow | only]})
        self.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def receive(self, url: str) -> dict[str, Any]:
        """The next message of a queue, which comes within a minute."""
        sqs = self.client("sqs")
        for _ in range(3):
            found = sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"], AttributeNames=["All"]
            )
            for message in found.get("Messages", ()):
                return dict(message)
        raise AssertionError(f"nothing came to {url}")

    def requests(self) -> list[dict[str, Any]]:
        """The newest requests that the cloud has answered, oldest first."""
        with urllib.request.urlopen(f"{self.endpoint}/_cronstack/requests", timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)["requests"]
        return found

    def next_event(self, seconds: float = 60) -> dict[str, Any]:
        self.told.append(self._incoming.get(timeout=seconds))
        return self.told[-1]

    def await_event(self, event: str, seconds: float = 60, **fields: Any) -> dict[str, Any]:
        """The first event of this kind with these fields, of those told so far or within some seconds."""
        for known in self.told:
            if known["event"] == event and fields.items() <= known.items():
                return known
        while True:
            heard = self.next_event(seconds)
            if heard["event"] == event and fields.items() <= heard.items():
                return heard

    def await_end(self, function: str, count: int, seconds: float = 60) -> list[str]:
        """Results of a function's successful invocations, once there are so many."""
        end = time.monotonic() + seconds
        while len(found := self.events("finished", function=function, outcome="ok")) < count:
            assert time.monotonic() < end, f"{function}: only {len(found)} of {count} have ended"
            time.sleep(0.05)
        return [str(one["result"]) for one in found]

    def events(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """All told so far."""
        while not self._incoming.empty():
            self.told.append(self._incoming.get())
        return [one for one in self.told if one["event"] == event and fields.items() <= one.items()]


@contextmanager
def quick_cloud(
    program: str = "tests.local.quick_cloud", retry_delays: tuple[float, float] = (1.0, 2.0), **environment: str
) -> Iterator[Cloud]:
    """``environment``: further variables of the local cloud's process."""
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    with local_process([program], told.put, {RETRY_DELAYS: json.dumps(retry_delays)} | environment) as local:
        ready = told.get(timeout=60)
        local.endpoint = ready["endpoint"]
        yield Cloud(local, told)


def local_process(
    module: list[str], on_event: Callable[[dict[str, Any]], None] | None, environment: Mapping[str, str] | None = None
) -> LocalCloud:
    """Start a local cloud from a module of the tests, given with its arguments. It is not yet ready."""
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", *module, "--port", "0", "--events", str(writing)],
            cwd=ROOT,
            env=os.environ | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            start_new_session=True,
        )
    finally:
        os.close(writing)
    return LocalCloud(process, os.fdopen(reading, encoding="utf-8", errors="replace"), on_event)


if __name__ == "__main__":
    sys.exit(main())
