"""Requests that AWS refuses, with their error codes: one table for the local and the virtual cloud.

This file is also deployed as a Lambda function, whose handler sends one of them. So it may import only boto3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

QUEUE = "asked"
ROLE = "arn:aws:iam::123456789012:role/absent"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:none"
SCHEDULE: dict[str, Any] = {
    "Name": "one",
    "ScheduleExpression": "rate(1 hour)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": FUNCTION, "RoleArn": ROLE, "Input": "{}"},
}

Clients = Callable[[str], Any]
Answer = list[Any]
"""Code, message and HTTP status."""


class Wrong(NamedTuple):
    """A request with one mistake."""

    what: str
    code: str
    service: str
    method: str
    parameters: Mapping[str, Any]
    """"{queue}" is replaced by the queue's URL."""
    body: str | None = None
    """The body that is sent instead of botocore's."""
    query: str = ""
    """Appended to the URL."""


def schedule(what: str, code: str = "ValidationException", body: str | None = None, **changed: Any) -> Wrong:
    return Wrong(what, code, "scheduler", "create_schedule", SCHEDULE | changed, body)


WRONG: tuple[Wrong, ...] = (
    schedule("no JSON", "SerializationException", body="{"),
    schedule("a list", "SerializationException", body="[]"),
    schedule("a number for a text", "SerializationException", body=json.dumps(SCHEDULE | {"Description": 7})),
    schedule("an unknown member", body=json.dumps(SCHEDULE | {"Nonsense": 1, "State": "ON"})),
    schedule("a missing member", body=json.dumps({"ScheduleExpression": "rate(1 hour)"})),
    schedule("a too long name", Name="x" * 65),
    schedule("a name with a space", Name="a b"),
    schedule("two violations", State="ON", Description="x" * 513),
    schedule("an expression", ScheduleExpression="every minute"),
    schedule("a zone", ScheduleExpressionTimezone="Mars/Olympus"),
    schedule("an invalid role", Target=SCHEDULE["Target"] | {"RoleArn": "admin"}),
    schedule("a role that does not exist"),
    schedule("a group that does not exist", "ResourceNotFoundException", GroupName="none"),
    schedule("a retry too many", Target=SCHEDULE["Target"] | {"RetryPolicy": {"MaximumRetryAttempts": 186}}),
    schedule("a long description", Description="x" * 513),
    Wrong("a too long name", "ValidationException", "scheduler", "get_schedule", {"Name": "x" * 65}),
    Wrong("no schedule", "ResourceNotFoundException", "scheduler", "get_schedule", {"Name": "none"}),
    Wrong("no schedule", "ResourceNotFoundException", "scheduler", "delete_schedule", {"Name": "none"}),
    Wrong("a name with a space", "ValidationException", "scheduler", "delete_schedule", {"Name": "a b"}),
    Wrong("a page too large", "ValidationException", "scheduler", "list_schedules", {"MaxResults": 101}),
    Wrong("no number", "SerializationException", "scheduler", "list_schedules", {}, query="?MaxResults=ten"),
    Wrong("no group", "ResourceNotFoundException", "scheduler", "list_schedules", {"GroupName": "none"}),
    Wrong("no function", "ResourceNotFoundException", "lambda", "list_versions_by_function", {"FunctionName": "none"}),
    Wrong("a name", "ValidationException", "lambda", "get_function", {"FunctionName": "a b"}),
    Wrong(
        "no context",
        "InvalidRequestContentException",
        "lambda",
        "invoke",
        {"FunctionName": "none", "ClientContext": "e30", "Payload": "{}"},
    ),
    Wrong(
        "a role",
        "InvalidParameterValueException",
        "lambda",
        "create_function",
        {"FunctionName": "f", "Role": ROLE, "Runtime": "python3.13", "Handler": "a.b", "Code": {"ZipFile": "x"}},
    ),
    Wrong(
        "no operation of moto",
        "UnknownOperationException",
        "lambda",
        "put_runtime_management_config",
        {"FunctionName": "none", "UpdateRuntimeOn": "Auto"},
    ),
    Wrong(
        "a delay",
        "InvalidParameterValue",
        "sqs",
        "send_message",
        {"QueueUrl": "{queue}", "MessageBody": "x", "DelaySeconds": 901},
    ),
    Wrong("no body", "MissingParameter", "sqs", "send_message", {"QueueUrl": "{queue}"}),
    Wrong(
        "too many messages",
        "InvalidParameterValue",
        "sqs",
        "receive_message",
        {"QueueUrl": "{queue}", "MaxNumberOfMessages": 11},
    ),
    Wrong("an attribute", "InvalidAttributeName", "sqs", "create_queue", {"QueueName": "q", "Attributes": {"A": "1"}}),
    Wrong("a name", "InvalidParameterValue", "sqs", "create_queue", {"QueueName": "a b"}),
    Wrong(
        "no queue",
        "AWS.SimpleQueueService.NonExistentQueue",
        "sqs",
        "purge_queue",
        {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/none"},
    ),
)


def clients(endpoint: str | None = None, **credentials: str) -> Clients:
    """Return a factory of boto3 clients without validation. Default: the endpoint of AWS."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    created: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in created:
            make: Any = boto3.client
            created[service] = make(
                service, endpoint_url=endpoint, region_name="us-east-1", config=config, **credentials
            )
        return created[service]

    return client


def answer(client: Clients, wrong: Wrong) -> Answer:
    """Send a request. Return the refusal, or an empty list after success."""
    url = client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
    parameters = {name: url if value == "{queue}" else value for name, value in wrong.parameters.items()}
    sender = client(wrong.service)

    def edit(params: dict[str, Any], **_: Any) -> None:
        params["url"] += wrong.query
        if wrong.body is not None:
            params["body"] = wrong.body.encode()

    sender.meta.events.register("before-call", edit, unique_id="edit")
    try:
        getattr(sender, wrong.method)(**parameters)
    except ClientError as refused:
        error = refused.response["Error"]
        return [error["Code"], error["Message"], refused.response["ResponseMetadata"]["HTTPStatusCode"]]
    finally:
        sender.meta.events.unregister("before-call", edit, unique_id="edit")
    return []


def handler(event: list[Any], context: object) -> Answer:
    """Send the request of the event (as a Lambda function)."""
    return answer(clients(), Wrong(*event))
