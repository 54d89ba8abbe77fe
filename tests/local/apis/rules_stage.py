"""Queues, functions, roles and scheduled rules in a local cloud on virtual time, for the tests of rules."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
QUEUE = "arn:aws:sqs:us-east-1:123456789012:{}"
RULE = "arn:aws:events:us-east-1:123456789012:rule/{}"
MINUTE = timedelta(minutes=1)


def policy_for(service: str, action: str) -> str:
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def queue(cloud: VirtualCloud, name: str, **attributes: str) -> str:
    cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return QUEUE.format(name)


def open_queue(cloud: VirtualCloud, name: str, **attributes: str) -> str:
    return queue(cloud, name, Policy=policy_for("events.amazonaws.com", "sqs:SendMessage"), **attributes)


def received(cloud: VirtualCloud, name: str) -> list[dict[str, Any]]:
    """Take all messages out of a queue."""
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    request = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    messages: list[dict[str, Any]] = []
    while more := sqs.receive_message(**request).get("Messages"):
        messages += more
        for message in more:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def bodies(cloud: VirtualCloud, name: str) -> list[Any]:
    return [json.loads(message["Body"]) for message in received(cloud, name)]


def role(cloud: VirtualCloud, name: str, service: str, *statements: dict[str, Any]) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        cloud.client("iam").put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy)
    return str(arn)


def function(cloud: VirtualCloud, name: str) -> str:
    """Create a function that returns its event; return its ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return event\n")
    created = cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role(cloud, f"{name}-role", "lambda.amazonaws.com"),
        Code={"ZipFile": packed.getvalue()},
    )
    return str(created["FunctionArn"])


def permit(cloud: VirtualCloud, name: str, rule: str) -> None:
    cloud.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=RULE.format(rule),
    )


def put(cloud: VirtualCloud, name: str, *targets: dict[str, Any], expression: str = "rate(1 minute)") -> None:
    cloud.client("events").put_rule(Name=name, ScheduleExpression=expression)
    numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    if numbered:
        cloud.client("events").put_targets(Rule=name, Targets=numbered)


def events_of(cloud: VirtualCloud, kind: str) -> list[dict[str, Any]]:
    return [event for event in cloud.events if event["event"] == kind]


def results(cloud: VirtualCloud, name: str) -> list[Any]:
    return [json.loads(event["result"]) for event in events_of(cloud, "finished") if event["function"] == name]
