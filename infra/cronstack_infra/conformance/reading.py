"""Reading back what a valid call made, and comparing it with what was given.

Each reader is handed the parameters and the answer of the call and returns pairs of mappings: what was given, and what
the endpoint holds now. Members that the endpoint adds are its own business.
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


def _schedule(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    scheduler = stage.client("scheduler")
    where = {"GroupName": given["GroupName"]} if "GroupName" in given else {}
    found = scheduler.get_schedule(Name=given["Name"], **where)
    stage.undo(lambda: scheduler.delete_schedule(Name=given["Name"], **where))
    yield given, found


def _named(given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    yield {"Name": given["Name"]}, answer


def _group(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    scheduler = stage.client("scheduler")
    yield {"Name": given["Name"], "State": "ACTIVE"}, scheduler.get_schedule_group(Name=given["Name"])
    stage.undo(lambda: scheduler.delete_schedule_group(Name=given["Name"]))


def _listed(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    yield True, isinstance(answer.get("Schedules"), list)


def _schedule_tags(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    found = stage.client("scheduler").list_tags_for_resource(ResourceArn=given["ResourceArn"])
    yield given["Tags"], found["Tags"]


def _queue(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    sqs = stage.client("sqs")
    url = answer.get("QueueUrl") or given["QueueUrl"]
    stage.undo(lambda: sqs.delete_queue(QueueUrl=url))
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    for name, value in given.get("Attributes", {}).items():
        if name in ("RedrivePolicy", "Policy"):
            kept = json.loads(found.get(name, "null"))
            wanted = json.loads(value)
            if name == "RedrivePolicy" and kept:
                wanted["maxReceiveCount"], kept["maxReceiveCount"] = (
                    int(wanted["maxReceiveCount"]),
                    int(kept["maxReceiveCount"]),
                )
            yield wanted, kept
        else:
            yield {name: value}, found
    yield str(url).rsplit("/", 1)[-1], found["QueueArn"].rsplit(":", 1)[-1]


def _sent(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    received = stage.client("sqs").receive_message(
        QueueUrl=given["QueueUrl"], WaitTimeSeconds=5, MessageAttributeNames=["All"], AttributeNames=["All"]
    )
    message = received["Messages"][0]
    yield {"Body": given["MessageBody"], "MessageId": answer["MessageId"]}, message
    yield given.get("MessageAttributes", {}), message.get("MessageAttributes", {})
    for member in ("MessageGroupId", "MessageDeduplicationId"):
        if member in given:
            yield {member: given[member]}, message["Attributes"]


def _batch(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    entries = sorted(entry["Id"] for entry in given["Entries"])
    yield entries, sorted(entry["Id"] for entry in answer.get("Successful", []))


def _attributes(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    asked = given["AttributeNames"]
    yield True, bool(answer["Attributes"]) if asked == ["All"] else set(asked) == set(answer["Attributes"])


def _function(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    client, name = stage.client("lambda"), given["FunctionName"]
    stage.undo(lambda: client.delete_function(FunctionName=name))
    wanted = {key: value for key, value in given.items() if key not in ("Tags", "FunctionName", "ZipFile")}
    if "TracingConfig" not in given:
        wanted.pop("TracingConfig", None)
    yield wanted, client.get_function_configuration(FunctionName=name)
    if "Tags" in given:
        yield given["Tags"], client.get_function(FunctionName=name).get("Tags")


def _configuration(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    shown = answer.get("Configuration", answer)
    yield str(given["FunctionName"]).split(":function:")[-1].split(":")[0], shown.get("FunctionName")


def _invoked(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    yield {"Event": 202}.get(given.get("InvocationType", ""), 200), answer["StatusCode"]


def _concurrency(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    yield (
        given,
        stage.client("lambda").get_function_concurrency(FunctionName=given["FunctionName"])
        | {"FunctionName": given["FunctionName"]},
    )


def _events(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    wanted = {key: value for key, value in given.items() if key != "FunctionName"}
    yield wanted, stage.client("lambda").get_function_event_invoke_config(FunctionName=given["FunctionName"])


def _source(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    client = stage.client("lambda")
    uuid = answer["UUID"]
    stage.undo(lambda: client.delete_event_source_mapping(UUID=uuid))
    wanted = {key: value for key, value in given.items() if key != "FunctionName"}
    found = client.get_event_source_mapping(UUID=uuid)
    yield wanted, found
    if "FunctionName" in given:
        yield given["FunctionName"], found["FunctionArn"].rsplit(":", 1)[-1]


def _alias(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    found = stage.client("lambda").get_alias(FunctionName=given["FunctionName"], Name=given["Name"])
    yield {key: value for key, value in given.items() if key != "FunctionName"}, found


def _permission(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    policy = json.loads(stage.client("lambda").get_policy(FunctionName=given["FunctionName"])["Policy"])
    yield True, given["StatementId"] in [statement["Sid"] for statement in policy["Statement"]]


def _function_tags(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    yield given["Tags"], stage.client("lambda").list_tags(Resource=given["Resource"])["Tags"]


def _recursion(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    found = stage.client("lambda").get_function_recursion_config(FunctionName=given["FunctionName"])
    yield given["RecursiveLoop"], found["RecursiveLoop"]


def _accepted(stage: Stage, given: Mapping[str, Any], answer: Mapping[str, Any]) -> Pairs:
    yield from ()


READERS: Final[dict[str, Reader]] = {
    "create_schedule": _schedule,
    "update_schedule": _schedule,
    "get_schedule": lambda stage, given, answer: _named(given, answer),
    "get_schedule_group": lambda stage, given, answer: _named(given, answer),
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
"""By operation; calls that leave nothing behind to be read are right when they are accepted."""


def reader(service: str, operation: str) -> Reader:
    if operation == "tag_resource":
        return _function_tags if service == "lambda" else _schedule_tags
    return READERS.get(operation, _accepted)


def difference(given: Any, found: Any, path: str = "") -> str | None:
    """Where ``found`` does not hold what was given; None when it does."""
    if isinstance(given, Mapping):
        if not isinstance(found, Mapping):
            return f"{path or 'it'} is {found!r}"
        for key, value in given.items():
            if key in _ANY_CALL:
                continue
            inner = difference(value, found.get(key), f"{path}.{key}" if path else str(key))
            if inner is not None:
                return inner
        return None
    if isinstance(given, datetime):
        same = isinstance(found, datetime) and abs((found - given).total_seconds()) < 1
    else:
        same = given == found
    return None if same else f"{path or 'it'} is {_short(found)}, not {_short(given)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
