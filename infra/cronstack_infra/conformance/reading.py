"""Readers that compare the state after a valid call with its parameters.

A reader receives the parameters and the response of the call. It yields pairs of mappings: the expected and the actual
values. Members that the endpoint adds are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from cronstack_infra.conformance.scenes import Stage

Pairs = Iterator[tuple[Any, Any]]
Reader = Callable[[Stage, Mapping[str, Any], Mapping[str, Any]], Pairs]

_ANY_CALL: Final = {"ClientToken", "RevisionId", "Code", "Publish"}


def _schedule(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    scheduler = stage.client("scheduler")
    where = {"GroupName": request["GroupName"]} if "GroupName" in request else {}
    actual = scheduler.get_schedule(Name=request["Name"], **where)
    stage.undo(lambda: scheduler.delete_schedule(Name=request["Name"], **where))
    yield request, actual


def _named(request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    yield {"Name": request["Name"]}, response


def _group(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    scheduler = stage.client("scheduler")
    yield {"Name": request["Name"], "State": "ACTIVE"}, scheduler.get_schedule_group(Name=request["Name"])
    stage.undo(lambda: scheduler.delete_schedule_group(Name=request["Name"]))


def _listed(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    yield True, isinstance(response.get("Schedules"), list)


def _schedule_tags(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    actual = stage.client("scheduler").list_tags_for_resource(ResourceArn=request["ResourceArn"])
    yield request["Tags"], actual["Tags"]


def _queue(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    sqs = stage.client("sqs")
    url = response.get("QueueUrl") or request["QueueUrl"]
    stage.undo(lambda: sqs.delete_queue(QueueUrl=url))
    actual = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    for name, value in request.get("Attributes", {}).items():
        if name in ("RedrivePolicy", "Policy"):
            stored = json.loads(actual.get(name, "null"))
            expected = json.loads(value)
            if name == "RedrivePolicy" and stored:
                expected["maxReceiveCount"], stored["maxReceiveCount"] = (
                    int(expected["maxReceiveCount"]),
                    int(stored["maxReceiveCount"]),
                )
            yield expected, stored
        else:
            yield {name: value}, actual
    yield str(url).rsplit("/", 1)[-1], actual["QueueArn"].rsplit(":", 1)[-1]


def _sent(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    received = stage.client("sqs").receive_message(
        QueueUrl=request["QueueUrl"], WaitTimeSeconds=5, MessageAttributeNames=["All"], AttributeNames=["All"]
    )
    message = received["Messages"][0]
    yield {"Body": request["MessageBody"], "MessageId": response["MessageId"]}, message
    yield request.get("MessageAttributes", {}), message.get("MessageAttributes", {})
    for member in ("MessageGroupId", "MessageDeduplicationId"):
        if member in request:
            yield {member: request[member]}, message["Attributes"]


def _batch(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    entries = sorted(entry["Id"] for entry in request["Entries"])
    yield entries, sorted(entry["Id"] for entry in response.get("Successful", []))


def _attributes(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    names = request["AttributeNames"]
    yield True, bool(response["Attributes"]) if names == ["All"] else set(names) == set(response["Attributes"])


def _function(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    client, name = stage.client("lambda"), request["FunctionName"]
    stage.undo(lambda: client.delete_function(FunctionName=name))
    expected = {key: value for key, value in request.items() if key not in ("Tags", "FunctionName", "ZipFile")}
    if "TracingConfig" not in request:
        expected.pop("TracingConfig", None)
    yield expected, client.get_function_configuration(FunctionName=name)
    if "Tags" in request:
        yield request["Tags"], client.get_function(FunctionName=name).get("Tags")


def _configuration(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    shown = response.get("Configuration", response)
    yield str(request["FunctionName"]).split(":function:")[-1].split(":")[0], shown.get("FunctionName")


def _invoked(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    yield {"Event": 202}.get(request.get("InvocationType", ""), 200), response["StatusCode"]


def _concurrency(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    yield (
        request,
        stage.client("lambda").get_function_concurrency(FunctionName=request["FunctionName"])
        | {"FunctionName": request["FunctionName"]},
    )


def _events(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    expected = {key: value for key, value in request.items() if key != "FunctionName"}
    yield expected, stage.client("lambda").get_function_event_invoke_config(FunctionName=request["FunctionName"])


def _source(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    client = stage.client("lambda")
    uuid = response["UUID"]
    stage.undo(lambda: client.delete_event_source_mapping(UUID=uuid))
    expected = {key: value for key, value in request.items() if key != "FunctionName"}
    actual = client.get_event_source_mapping(UUID=uuid)
    yield expected, actual
    if "FunctionName" in request:
        yield request["FunctionName"], actual["FunctionArn"].rsplit(":", 1)[-1]


def _alias(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    actual = stage.client("lambda").get_alias(FunctionName=request["FunctionName"], Name=request["Name"])
    yield {key: value for key, value in request.items() if key != "FunctionName"}, actual


def _permission(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    policy = json.loads(stage.client("lambda").get_policy(FunctionName=request["FunctionName"])["Policy"])
    yield True, request["StatementId"] in [statement["Sid"] for statement in policy["Statement"]]


def _function_tags(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    yield request["Tags"], stage.client("lambda").list_tags(Resource=request["Resource"])["Tags"]


def _recursion(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    actual = stage.client("lambda").get_function_recursion_config(FunctionName=request["FunctionName"])
    yield request["RecursiveLoop"], actual["RecursiveLoop"]


def _accepted(stage: Stage, request: Mapping[str, Any], response: Mapping[str, Any]) -> Pairs:
    yield from ()


READERS: Final[dict[str, Reader]] = {
    "create_schedule": _schedule,
    "update_schedule": _schedule,
    "get_schedule": lambda stage, request, response: _named(request, response),
    "get_schedule_group": lambda stage, request, response: _named(request, response),
    "create_schedule_group": _group,
    "list_schedules": _listed,
    "create_queue": _queue,
    "set_queue_attributes": _queue,
    "get_queue_attributes": _attributes,
    "send_message": _sent,
    "send_message_batch": _batch,
    "delete_message_batch": _batch,
    "create_function": _function,
    "update_function_configuration": _function,
    "get_function": _configuration,
    "get_function_configuration": _configuration,
    "invoke": _invoked,
    "put_function_concurrency": _concurrency,
    "put_function_event_invoke_config": _events,
    "create_event_source_mapping": _source,
    "update_event_source_mapping": _source,
    "create_alias": _alias,
    "update_alias": _alias,
    "add_permission": _permission,
    "put_function_recursion_config": _recursion,
}
"""Readers by operation. Other calls have nothing to read back: they pass if they are accepted."""


def reader(service: str, operation: str) -> Reader:
    if operation == "tag_resource":
        return _function_tags if service == "lambda" else _schedule_tags
    return READERS.get(operation, _accepted)


def difference(expected: Any, actual: Any, path: str = "") -> str | None:
    """Return the first member in which ``actual`` differs from ``expected``; None if all are equal."""
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return f"{path or 'it'} is {actual!r}"
        for key, value in expected.items():
            if key in _ANY_CALL:
                continue
            inner = difference(value, actual.get(key), f"{path}.{key}" if path else str(key))
            if inner is not None:
                return inner
        return None
    if isinstance(expected, datetime):
        same = isinstance(actual, datetime) and abs((actual - expected).total_seconds()) < 1
    else:
        same = expected == actual
    return None if same else f"{path or 'it'} is {_short(actual)}, not {_short(expected)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
