"""The local cloud of ``python -m cronstack_infra.local``, with Lambda's retries after seconds instead of minutes.

As a program, this module is the cloud; ``quick_cloud()`` is the test's side. The cloud is a separate process, because
it patches moto's classes permanently.
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
    return program.main(switches=quick_switches())


def quick_switches() -> Switches:
    return Switches(retry_delays=tuple(json.loads(os.environ[RETRY_DELAYS])))


class Cloud:
    """A running quick cloud: clients, its events, and resources that most tests need."""

    def __init__(self, cloud: LocalCloud, events: queue.Queue[dict[str, Any]]) -> None:
        self.client = cloud.client
        self.endpoint = cloud.endpoint
        self.pid = cloud.pid
        self.past_events: list[dict[str, Any]] = []
        self._incoming = events
        self.handler_role = self.role("handlers", "lambda.amazonaws.com", {"Action": "sqs:*", "Resource": "*"})
        allowed = {"Action": ["lambda:InvokeFunction", "sqs:SendMessage", "sns:Publish", "dynamodb:*"], "Resource": "*"}
        self.scheduler_role = self.role("scheduler", "scheduler.amazonaws.com", allowed)

    def role(self, name: str, service: str, *allowed: dict[str, Any], condition: dict[str, Any] | None = None) -> str:
        trust: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        if condition:
            trust["Condition"] = condition
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        if allowed:
            statements = [{"Effect": "Allow", **statement} for statement in allowed]
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy)
        return str(arn)

    def function(self, name: str, source: str, **fields: Any) -> str:
        """Create a function and return its ARN."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("app.py", textwrap.dedent(source))
        given = {"Runtime": "python3.13", "Handler": "app.handler", "Role": self.handler_role, "Timeout": 10}
        code = {"Code": {"ZipFile": data.getvalue()}}
        created = self.client("lambda").create_function(FunctionName=name, **(given | code | fields))
        return str(created["FunctionArn"])

    def queue(self, name: str) -> tuple[str, str]:
        """Create a queue and return its URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def allow_topic(self, url: str, topic: str) -> None:
        """Allow a topic to send to a queue."""
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        only = {"Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow | only]})
        self.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def receive(self, url: str) -> dict[str, Any]:
        """Return the next message of a queue. Fail after a minute without one."""
        sqs = self.client("sqs")
        for _ in range(3):
            received = sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"], AttributeNames=["All"]
            )
            for message in received.get("Messages", ()):
                return dict(message)
        raise AssertionError(f"no message in {url}")

    def requests(self) -> list[dict[str, Any]]:
        """Return the cloud's request log, oldest first."""
        with urllib.request.urlopen(f"{self.endpoint}/_cronstack/requests", timeout=30) as response:
            requests: list[dict[str, Any]] = json.load(response)["requests"]
        return requests

    def next_event(self, seconds: float = 60) -> dict[str, Any]:
        self.past_events.append(self._incoming.get(timeout=seconds))
        return self.past_events[-1]

    def await_event(self, event: str, seconds: float = 60, **fields: Any) -> dict[str, Any]:
        """Return the first event of this kind with these fields; wait up to ``seconds`` for each further event."""
        for past in self.past_events:
            if past["event"] == event and fields.items() <= past.items():
                return past
        while True:
            new = self.next_event(seconds)
            if new["event"] == event and fields.items() <= new.items():
                return new

    def await_end(self, function: str, count: int, seconds: float = 60) -> list[str]:
        """Wait for ``count`` successful invocations of a function; return their results."""
        end = time.monotonic() + seconds
        while len(finished := self.events("finished", function=function, outcome="ok")) < count:
            assert time.monotonic() < end, f"{function}: only {len(finished)} of {count} have ended"
            time.sleep(0.05)
        return [str(event["result"]) for event in finished]

    def events(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Return all events so far of this kind with these fields."""
        while not self._incoming.empty():
            self.past_events.append(self._incoming.get())
        return [past for past in self.past_events if past["event"] == event and fields.items() <= past.items()]


@contextmanager
def quick_cloud(
    program: str = "tests.local.quick_cloud", retry_delays: tuple[float, float] = (1.0, 2.0), **environment: str
) -> Iterator[Cloud]:
    """``environment``: further variables of the local cloud's process."""
    events: queue.Queue[dict[str, Any]] = queue.Queue()
    with local_process([program], events.put, {RETRY_DELAYS: json.dumps(retry_delays)} | environment) as local:
        ready = events.get(timeout=60)
        local.endpoint = ready["endpoint"]
        yield Cloud(local, events)


def local_process(
    module: list[str], on_event: Callable[[dict[str, Any]], None] | None, environment: Mapping[str, str] | None = None
) -> LocalCloud:
    """Start a local cloud from a module of the tests, given with its arguments. Do not wait until it is ready."""
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
