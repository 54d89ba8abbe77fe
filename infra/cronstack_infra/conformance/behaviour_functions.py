"""Behaviour of Lambda with functions that fail, are throttled, or process a queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from cronstack.clock import now
from cronstack_infra.conformance.observation import SOON, Behaviour, Check, at, deadline, receive, schedule, until
from cronstack_infra.conformance.scenes import Stage

_RAISES: Final = "def handler(event, context):\n    raise ValueError('no')\n"


def _failing(stage: Stage, retries: int) -> tuple[str, str]:
    """Create a function that fails, with a queue as its destination. Return its name and the queue's URL."""
    url, arn = stage.queue(stage.name())
    name = stage.name()
    stage.function(name, source=_RAISES)
    stage.client("lambda").put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=retries, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    return name, url


def _check_record(message: dict[str, Any] | None, payload: Any, count: int) -> str:
    if message is None:
        return "no record came to the destination"
    record = json.loads(message["Body"])
    context = record.get("requestContext", {})
    if (context.get("condition"), context.get("approximateInvokeCount")) != ("RetriesExhausted", count):
        return f"condition {context.get('condition')}, approximateInvokeCount {context.get('approximateInvokeCount')}"
    if record.get("requestPayload") != payload:
        return f"requestPayload is {record.get('requestPayload')}"
    error = record.get("responsePayload", {})
    return "" if error.get("errorType") == "ValueError" else f"responsePayload is {str(error)[:60]}"


def _reaches_function(stage: Stage) -> Check:
    name, url = _failing(stage, 0)
    arn = stage.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
    schedule(stage, at(now() + SOON), {"Arn": arn, "Input": '{"job": 1}'})
    end = deadline()
    return lambda: _check_record(receive(stage, url, end), {"job": 1}, 1)


def _event_fails(retries: int, seconds: float) -> Callable[[Stage], Check]:
    def prepare(stage: Stage) -> Check:
        name, url = _failing(stage, retries)
        stage.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload='{"a": 1}')
        end = deadline(seconds)
        return lambda: _check_record(receive(stage, url, end), {"a": 1}, retries + 1)

    return prepare


def _synchronous(stage: Stage) -> Check:
    name = stage.name()
    stage.function(name, source=_RAISES)

    def check() -> str:
        answer = stage.client("lambda").invoke(FunctionName=name, Payload="{}", LogType="Tail")
        payload = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError") != "Unhandled" or answer["StatusCode"] != 200:
            return f"FunctionError {answer.get('FunctionError')}, status {answer['StatusCode']}"
        if not isinstance(payload, dict) or payload.get("errorType") != "ValueError":
            return f"the payload is {str(payload)[:60]}"
        return "" if answer.get("LogResult") else "no LogResult"

    return check


def _second_put(stage: Stage) -> Check:
    name = stage.name()
    stage.function(name)
    client = stage.client("lambda")
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)

    def check() -> str:
        config = client.get_function_event_invoke_config(FunctionName=name)
        actual = (config.get("MaximumRetryAttempts"), config.get("MaximumEventAgeInSeconds"))
        return "" if actual == (0, None) else f"retries and age are {actual}, not (0, None)"

    return check


def _throttled(stage: Stage) -> Check:
    name = stage.name()
    stage.function(name)
    client = stage.client("lambda")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    def check() -> str:
        try:
            answer = client.invoke(FunctionName=name, Payload="{}")
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            return "" if code == "TooManyRequestsException" else f"refused with {code}"
        return f"answered {answer['StatusCode']}"

    return check


def _processed(stage: Stage) -> Check:
    sqs, client = stage.client("sqs"), stage.client("lambda")
    url, arn = stage.queue(stage.name())
    name = stage.name()
    stage.function(name)
    mapping = client.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, BatchSize=1)
    stage.undo(lambda: client.delete_event_source_mapping(UUID=mapping["UUID"]))
    sqs.send_message(QueueUrl=url, MessageBody="work")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return all(int(value) == 0 for value in counts.values())

    return lambda: "" if until(is_empty, 60) else "the queue still has the message"


_DOC: Final = "AWS documentation, "

BEHAVIOURS: Final = (
    Behaviour("Lambda target", "its function receives Input", _DOC + "with-eventbridge-scheduler", _reaches_function),
    Behaviour(
        "a failing event",
        "a record at the destination",
        "recorded on AWS by LocalStack, test_lambda_destinations.snapshot.json",
        _event_fails(0, 40),
    ),
    Behaviour(
        "a failing event, retried",
        "a record after retries at 1 and 2 minutes",
        _DOC + "invocation-async-error-handling",
        _event_fails(2, 300),
        slow=True,
    ),
    Behaviour(
        "a failing call",
        "FunctionError Unhandled, with its log",
        "recorded on AWS by LocalStack, test_lambda.snapshot.json",
        _synchronous,
    ),
    Behaviour("event configuration", "a second put overwrites", "botocore lambda", _second_put),
    Behaviour("reserved concurrency 0", "TooManyRequestsException", _DOC + "configuration-concurrency", _throttled),
    Behaviour("queue worker", "its messages are deleted", _DOC + "with-sqs", _processed),
)
