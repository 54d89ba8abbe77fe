"""Refusals of SQS, each with its nearest accepted neighbour."""

from __future__ import annotations

import json
from typing import Any, Final

from cronstack_infra.conformance.values import Base, Error, Row


def _error(shape: str, code: str = "") -> Error:
    """Return an error by its code of the query protocol, which AWS still sends with the shape of the JSON protocol."""
    others = (shape, f"com.amazonaws.sqs#{shape}")
    return Error(code or f"AWS.SimpleQueueService.{shape}", 400, others)


VALUE: Final = _error("InvalidParameterValueException", "InvalidParameterValue")
NAME: Final = _error("InvalidAttributeName", "InvalidAttributeName")
ATTRIBUTE: Final = _error("InvalidAttributeValue", "InvalidAttributeValue")
LACKING: Final = _error("MissingParameterException", "MissingParameter")
NO_QUEUE: Final = _error("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
EXISTS: Final = _error("QueueNameExists", "QueueAlreadyExists")
HANDLE: Final = _error("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid")
CONTENTS: Final = _error("InvalidMessageContents", "InvalidMessageContents")
EMPTY: Final = _error("EmptyBatchRequest")
DISTINCT: Final = _error("BatchEntryIdsNotDistinct")
ENTRY_ID: Final = _error("InvalidBatchEntryId")
MANY: Final = _error("TooManyEntriesInBatchRequest")
LONG: Final = _error("BatchRequestTooLong")

_RECORDED: Final = "recorded on AWS by LocalStack, test_sqs.snapshot.json, 2023-11"
_CREATE: Final = "AWS documentation, SQS API_CreateQueue"
_SEND: Final = "AWS documentation, SQS API_SendMessage"
_RECEIVE: Final = "AWS documentation, SQS API_ReceiveMessage"
_MEBIBYTE: Final = 1024 * 1024


def _row(
    rule: str,
    operation: str,
    bad: dict[str, Any],
    error: Error,
    good: dict[str, Any],
    source: str,
    *,
    scene: str = "queue",
    good_operation: str | None = None,
) -> Row:
    return Row(rule, "sqs", operation, bad, error, source, good, scene, good_operation)


def _attribute(name: str, bad: str, good: str) -> Row:
    queue = Base({"QueueName": "@name@"})
    return _row(
        f"attribute {name}",
        "create_queue",
        queue(**{f"Attributes.{name}": bad}),
        ATTRIBUTE,
        queue(**{f"Attributes.{name}": good}),
        f"{_CREATE}, {name}",
        scene="bare",
    )


def _set(name: str, bad: str, good: str) -> Row:
    queue = Base({"QueueUrl": "@queue-url@"})
    return _row(
        f"attribute {name}",
        "set_queue_attributes",
        queue(**{f"Attributes.{name}": bad}),
        ATTRIBUTE,
        queue(**{f"Attributes.{name}": good}),
        f"AWS documentation, SQS API_SetQueueAttributes, {name}",
    )


def _redrive(bad: Any, source: str, error: Error = VALUE) -> Row:
    good = json.dumps({"deadLetterTargetArn": "@other-queue-arn@", "maxReceiveCount": "3"})
    return _row(
        "redrive policy",
        "set_queue_attributes",
        {"QueueUrl": "@queue-url@", "Attributes": {"RedrivePolicy": bad if isinstance(bad, str) else json.dumps(bad)}},
        error,
        {"QueueUrl": "@queue-url@", "Attributes": {"RedrivePolicy": good}},
        source,
    )


QUEUE_ROWS: Final = (
    _row("name", "create_queue", {"QueueName": "a b"}, VALUE, {"QueueName": "@name@_b"}, _CREATE, scene="bare"),
    _row(
        "name",
        "create_queue",
        {"QueueName": "@name@" + "x" * 80},
        VALUE,
        {"QueueName": "@name@"},
        _CREATE,
        scene="bare",
    ),
    _row("name", "create_queue", {"QueueName": "@name@.b"}, VALUE, {"QueueName": "@name@-b"}, _CREATE, scene="bare"),
    _row(
        "name: FIFO",
        "create_queue",
        {"QueueName": "@name@.fifo"},
        VALUE,
        {"QueueName": "@name@.fifo", "Attributes": {"FifoQueue": "true"}},
        _CREATE,
        scene="bare",
    ),
    _row(
        "name: FIFO",
        "create_queue",
        {"QueueName": "@name@", "Attributes": {"FifoQueue": "true"}},
        VALUE,
        {"QueueName": "@name@b.fifo", "Attributes": {"FifoQueue": "true"}},
        _CREATE,
        scene="bare",
    ),
    _attribute("VisibilityTimeout", "43201", "43200"),
    _attribute("VisibilityTimeout", "-1", "0"),
    _attribute("VisibilityTimeout", "soon", "30"),
    _attribute("DelaySeconds", "901", "900"),
    _attribute("DelaySeconds", "-1", "0"),
    _attribute("MessageRetentionPeriod", "59", "60"),
    _attribute("MessageRetentionPeriod", "1209601", "1209600"),
    _attribute("MaximumMessageSize", "1023", "1024"),
    _attribute("MaximumMessageSize", "1048577", "1048576"),
    _attribute("ReceiveMessageWaitTimeSeconds", "21", "20"),
    _attribute("ReceiveMessageWaitTimeSeconds", "-1", "0"),
    _set("VisibilityTimeout", "43201", "43200"),
    _set("DelaySeconds", "901", "900"),
    _set("MessageRetentionPeriod", "59", "1209600"),
    _set("MaximumMessageSize", "1048577", "2048"),
    _set("ReceiveMessageWaitTimeSeconds", "21", "1"),
    _row(
        "attribute unknown",
        "create_queue",
        {"QueueName": "@name@", "Attributes": {"Colour": "red"}},
        NAME,
        {"QueueName": "@name@", "Attributes": {"DelaySeconds": "1"}},
        _CREATE + ", QueueAttributeName",
        scene="bare",
    ),
    _row(
        "attribute unknown",
        "set_queue_attributes",
        {"QueueUrl": "@queue-url@", "Attributes": {"Colour": "red"}},
        NAME,
        {"QueueUrl": "@queue-url@", "Attributes": {"DelaySeconds": "1"}},
        "botocore sqs SetQueueAttributes, InvalidAttributeName",
    ),
    _row(
        "attribute unknown",
        "get_queue_attributes",
        {"QueueUrl": "@queue-url@", "AttributeNames": ["Colour"]},
        NAME,
        {"QueueUrl": "@queue-url@", "AttributeNames": ["DelaySeconds"]},
        "botocore sqs GetQueueAttributes, InvalidAttributeName",
    ),
    _row(
        "attribute unknown",
        "receive_message",
        {"QueueUrl": "@queue-url@", "AttributeNames": ["Colour"]},
        NAME,
        {"QueueUrl": "@queue-url@", "AttributeNames": ["SentTimestamp"]},
        "botocore sqs ReceiveMessage, MessageSystemAttributeName",
    ),
    _row(
        "attribute of FIFO queues",
        "create_queue",
        {"QueueName": "@name@", "Attributes": {"ContentBasedDeduplication": "true"}},
        NAME,
        {"QueueName": "@name@.fifo", "Attributes": {"FifoQueue": "true", "ContentBasedDeduplication": "true"}},
        _CREATE + ", ContentBasedDeduplication",
        scene="bare",
    ),
    _row(
        "exists with other attributes",
        "create_queue",
        {"QueueName": "@queue@", "Attributes": {"DelaySeconds": "7"}},
        EXISTS,
        {"QueueName": "@queue@"},
        "recorded on AWS by LocalStack, test_sqs.snapshot.json, 2022-08",
    ),
    _redrive("{nope", _CREATE + ", RedrivePolicy"),
    _redrive({"maxReceiveCount": "3"}, _CREATE + ", RedrivePolicy"),
    _redrive({"deadLetterTargetArn": "@other-queue-arn@", "maxReceiveCount": "0"}, _CREATE + ", RedrivePolicy"),
    _redrive({"deadLetterTargetArn": "@other-queue-arn@x", "maxReceiveCount": "3"}, "reports of AWS's answer"),
    _redrive({"deadLetterTargetArn": "dummy", "maxReceiveCount": "42"}, "recorded on AWS by LocalStack, 2022-08"),
    _row(
        "policy",
        "set_queue_attributes",
        {"QueueUrl": "@queue-url@", "Attributes": {"Policy": "{nope"}},
        ATTRIBUTE,
        {"QueueUrl": "@queue-url@", "Attributes": {"Policy": "@policy@"}},
        "botocore sqs SetQueueAttributes, InvalidAttributeValue",
    ),
    *(
        _row(
            "no such queue",
            operation,
            {"QueueUrl": "@queue-url@x", **more},
            NO_QUEUE,
            {"QueueUrl": "@queue-url@", **more},
            f"botocore sqs {operation}, QueueDoesNotExist",
        )
        for operation, more in (
            ("send_message", {"MessageBody": "hello"}),
            ("receive_message", {}),
            ("get_queue_attributes", {"AttributeNames": ["All"]}),
            ("purge_queue", {}),
        )
    ),
    _row(
        "no such queue",
        "get_queue_url",
        {"QueueName": "@queue@x"},
        NO_QUEUE,
        {"QueueName": "@queue@"},
        "botocore sqs GetQueueUrl, QueueDoesNotExist",
    ),
    _row("list", "list_queues", {"MaxResults": 1001}, VALUE, {"MaxResults": 1000}, "AWS documentation, API_ListQueues"),
    _row("list", "list_queues", {"MaxResults": 0}, VALUE, {"MaxResults": 1}, "AWS documentation, API_ListQueues"),
)

_send = Base({"QueueUrl": "@queue-url@", "MessageBody": "hello"})


def _sending(
    rule: str, bad: dict[str, Any], error: Error, good: dict[str, Any], source: str = _SEND, *, scene: str = "queue"
) -> Row:
    return _row(rule, "send_message", _send(**bad), error, _send(**good), source, scene=scene)


def _typed(kind: str, value: str) -> dict[str, Any]:
    return {"MessageAttributes": {"colour": {"DataType": kind, "StringValue": value}}}


_FIFO: Final[dict[str, Any]] = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}

SEND_ROWS: Final = (
    _sending("body: none", {"MessageBody": None}, LACKING, {}, "botocore sqs SendMessage.MessageBody required"),
    _sending("body: none", {"MessageBody": ""}, LACKING, {"MessageBody": "x"}, _SEND + ", minimum one character"),
    _sending("body: size", {"MessageBody": "x" * (_MEBIBYTE + 1)}, VALUE, {"MessageBody": "x" * _MEBIBYTE}, _SEND),
    _sending("body: characters", {"MessageBody": "a\x00b"}, CONTENTS, {"MessageBody": "a\tb"}, _SEND),
    _sending("body: characters", {"MessageBody": "a\x1fb"}, CONTENTS, {"MessageBody": "a\nb"}, _SEND),
    _sending("delay", {"DelaySeconds": 901}, VALUE, {"DelaySeconds": 0}, _SEND + ", DelaySeconds 0 to 900"),
    _sending("delay", {"DelaySeconds": -1}, VALUE, {"DelaySeconds": 0}, _SEND + ", DelaySeconds 0 to 900"),
    _sending("attribute: type", _typed("Colour", "red"), VALUE, _typed("String", "red"), _SEND + ", DataType"),
    _sending("attribute: type", _typed("", "red"), VALUE, _typed("String.colour", "red"), _SEND + ", DataType"),
    _sending("attribute: value", _typed("String", ""), VALUE, _typed("String", "blue"), _SEND + ", StringValue"),
    _sending("attribute: value", _typed("Number", "red"), VALUE, _typed("Number", "7"), _SEND + ", Number"),
    _sending(
        "attribute: how many",
        {"MessageAttributes": {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}},
        VALUE,
        {"MessageAttributes": {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(10)}},
        "AWS documentation, SQS message metadata, up to 10 attributes",
    ),
    _sending("FIFO: group", {"MessageDeduplicationId": "d"}, LACKING, _FIFO, scene="fifo"),
    _sending("FIFO: deduplication", {"MessageGroupId": "g"}, VALUE, _FIFO, scene="fifo"),
    _sending(
        "FIFO: deduplication",
        {**_FIFO, "MessageDeduplicationId": "d" * 129},
        VALUE,
        {**_FIFO, "MessageDeduplicationId": "d" * 128},
        scene="fifo",
    ),
    _sending(
        "FIFO: group", {**_FIFO, "MessageGroupId": "a b"}, VALUE, {**_FIFO, "MessageGroupId": "a-b"}, scene="fifo"
    ),
    _sending(
        "FIFO: delay",
        {**_FIFO, "DelaySeconds": 2},
        VALUE,
        _FIFO,
        "recorded on AWS by LocalStack, test_sqs.snapshot.json, 2022-08",
        scene="fifo",
    ),
    _sending("standard: deduplication", {"MessageDeduplicationId": "d"}, VALUE, {}, _SEND + ", FIFO queues only"),
)


def _entries(*entries: tuple[str, str]) -> dict[str, Any]:
    return {"QueueUrl": "@queue-url@", "Entries": [{"Id": key, "MessageBody": body} for key, body in entries]}


def _ids(*keys: str, handle: str = "@handle@") -> dict[str, Any]:
    return {"QueueUrl": "@queue-url@", "Entries": [{"Id": key, "ReceiptHandle": handle} for key in keys]}


def _batch(rule: str, bad: dict[str, Any], error: Error, good: dict[str, Any], source: str = _RECORDED) -> Row:
    return _row(f"batch: {rule}", "send_message_batch", bad, error, good, source)


def _receive(rule: str, bad: dict[str, Any], good: dict[str, Any], source: str = _RECEIVE) -> Row:
    queue = {"QueueUrl": "@queue-url@"}
    return _row(f"receive: {rule}", "receive_message", {**queue, **bad}, VALUE, {**queue, **good}, source)


def _visibility(rule: str, bad: dict[str, Any], error: Error, source: str, seconds: int = 30) -> Row:
    message = {"QueueUrl": "@queue-url@", "ReceiptHandle": "@handle@", "VisibilityTimeout": seconds}
    return _row(rule, "change_message_visibility", {**message, **bad}, error, message, source, scene="message")


BATCH_ROWS: Final = (
    _batch("empty", _entries(), EMPTY, _entries(("a", "1")), "botocore sqs SendMessageBatch, EmptyBatchRequest"),
    _batch(
        "how many",
        _entries(*((f"m{n}", "x") for n in range(11))),
        MANY,
        _entries(*((f"m{n}", "x") for n in range(10))),
    ),
    _batch(
        "distinct ids",
        _entries(("a", "1"), ("a", "2")),
        DISTINCT,
        _entries(("a", "1"), ("b", "2")),
        "botocore sqs SendMessageBatch, BatchEntryIdsNotDistinct",
    ),
    _batch("ids", _entries(("a:b", "1")), ENTRY_ID, _entries(("a-b", "1"))),
    _batch("ids", _entries(("x" * 81, "1")), ENTRY_ID, _entries(("x" * 80, "1"))),
    _batch("ids", _entries(("", "1")), ENTRY_ID, _entries(("_", "1"))),
    _batch(
        "size",
        _entries(("a", "x" * (_MEBIBYTE - 1)), ("b", "xx")),
        LONG,
        _entries(("a", "x" * (_MEBIBYTE - 1)), ("b", "x")),
    ),
    _row(
        "delete batch: empty",
        "delete_message_batch",
        _ids(),
        EMPTY,
        _ids("a"),
        "botocore sqs DeleteMessageBatch, EmptyBatchRequest",
        scene="message",
    ),
    _row("delete batch: ids", "delete_message_batch", _ids("a:b"), ENTRY_ID, _ids("a-b"), _RECORDED, scene="message"),
    _row(
        "delete batch: distinct ids",
        "delete_message_batch",
        _ids("a", "a"),
        DISTINCT,
        _ids("a"),
        "botocore sqs DeleteMessageBatch, BatchEntryIdsNotDistinct",
        scene="message",
    ),
    _receive("how many", {"MaxNumberOfMessages": 0}, {"MaxNumberOfMessages": 1}),
    _receive("how many", {"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 10}, _RECORDED),
    _receive("wait", {"WaitTimeSeconds": 21}, {"WaitTimeSeconds": 0}),
    _receive("wait", {"WaitTimeSeconds": -1}, {"WaitTimeSeconds": 0}),
    _receive("visibility", {"VisibilityTimeout": 43201}, {"VisibilityTimeout": 43200}),
    _receive("visibility", {"VisibilityTimeout": -1}, {"VisibilityTimeout": 0}),
    _visibility("visibility", {"VisibilityTimeout": 43201}, VALUE, "AWS documentation, API_ChangeMessageVisibility"),
    _visibility("visibility", {"VisibilityTimeout": -1}, VALUE, "AWS documentation, API_ChangeMessageVisibility", 0),
    _visibility("handle", {"ReceiptHandle": "nope"}, HANDLE, "botocore sqs ChangeMessageVisibility"),
    _row(
        "handle",
        "delete_message",
        {"QueueUrl": "@queue-url@", "ReceiptHandle": "nope"},
        HANDLE,
        {"QueueUrl": "@queue-url@", "ReceiptHandle": "@handle@"},
        "botocore sqs DeleteMessage, ReceiptHandleIsInvalid",
        scene="message",
    ),
)

ROWS: Final = (*QUEUE_ROWS, *SEND_ROWS, *BATCH_ROWS)
