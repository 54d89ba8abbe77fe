"""SQS's rules beyond its model for queues, their attributes, tags and permissions.

The messages are AWS's: "Invalid value for the parameter" if the attribute itself is invalid, "Value … for parameter …
is invalid" if it does not fit the other attributes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.sqs.models import Queue, sqs_backends

from cronstack_infra.local.refusals.refusal import ApiCall, ApiError

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,80}")
_FIFO_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,75}\.fifo")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:sqs:([a-z0-9-]+):(\d{12}):([a-zA-Z0-9_.-]+)")
_RANGES: Final = {
    "VisibilityTimeout": (0, 43200),
    "DelaySeconds": (0, 900),
    "MessageRetentionPeriod": (60, 1209600),
    "MaximumMessageSize": (1024, 1048576),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "KmsDataKeyReusePeriodSeconds": (60, 86400),
}
_SWITCHES: Final = ("FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled")
_CHOICES: Final = {
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_OF_FIFO: Final = ("FifoQueue", "ContentBasedDeduplication", *_CHOICES)
_SETTABLE: Final = {
    *_RANGES,
    *_SWITCHES,
    *_CHOICES,
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
}
_REDRIVE_PERMISSIONS: Final = ("allowAll", "denyAll", "byQueue")
SHOWN: Final = _SETTABLE | {
    "All",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
}
_ACTIONS: Final = {*Queue.ALLOWED_PERMISSIONS, "DeleteMessage", "ChangeMessageVisibility"}
_MOST_TAGS: Final = 50
_MOST_SOURCES: Final = 10


def invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterValue", message)


def bad_value(value: Any, name: str, reason: str) -> ApiError:
    return invalid(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def missing(name: str) -> ApiError:
    return ApiError("MissingParameter", f"The request must contain the parameter {name}.")


def queue_of(call: ApiCall) -> Queue | None:
    """Return the queue of the call's QueueUrl, which may be a plain name; None if it does not exist."""
    name = str(call["QueueUrl"]).rstrip("/").rsplit("/", 1)[-1]
    queue: Queue | None = sqs_backends[call.account][call.region].queues.get(name)
    return queue


def queue_exists(call: ApiCall) -> None:
    if queue_of(call) is None:
        raise ApiError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def _name(call: ApiCall) -> None:
    name, fifo = call["QueueName"], (call["Attributes"] or {}).get("FifoQueue") == "true"
    if fifo and not _FIFO_NAME.fullmatch(name):
        raise invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
            "with .fifo suffix and be 1 to 80 in length"
        )
    if not fifo and not _NAME.fullmatch(name):
        raise invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")


def _attributes(call: ApiCall) -> None:
    attributes = call["Attributes"] or {}
    queue = queue_of(call) if call["QueueUrl"] else None
    fifo = queue.fifo_queue if queue is not None else attributes.get("FifoQueue") == "true"
    for name, value in attributes.items():
        if name not in _SETTABLE or (name in _OF_FIFO and not fifo):
            raise ApiError("InvalidAttributeName", f"Unknown Attribute {name}.")
        if name == "FifoQueue" and value != "true":
            text = f"Invalid value for the parameter {name}. Reason: Modifying queue type is not supported."
            raise ApiError("InvalidAttributeValue", text)
        if not _is_valid(name, value):
            raise ApiError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") == "true":
        raise ApiError(
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS "
            "SSE.",
        )


def _is_valid(name: str, value: str) -> bool:
    if name in _RANGES:
        least, most = _RANGES[name]
        return re.fullmatch(r"-?\d{1,9}", value) is not None and least <= int(value) <= most
    if name in _SWITCHES:
        return value.lower() in ("true", "false")
    if name in _CHOICES:
        return value in _CHOICES[name]
    if value == "":
        return True
    return name not in _DOCUMENTS or _DOCUMENTS[name](_document(value) or {})


def _is_policy(document: Mapping[str, Any]) -> bool:
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    return isinstance(statements, list) and statements != [] and all(isinstance(item, dict) for item in statements)


def _is_allow_policy(document: Mapping[str, Any]) -> bool:
    sources = document.get("sourceQueueArns", [])
    return (
        document.get("redrivePermission") in _REDRIVE_PERMISSIONS
        and document.keys() <= {"redrivePermission", "sourceQueueArns"}
        and isinstance(sources, list)
        and all(isinstance(arn, str) for arn in sources)
    )


def _document(text: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _redrive(call: ApiCall) -> None:
    text = (call["Attributes"] or {}).get("RedrivePolicy")
    if text in (None, ""):
        return
    policy = _document(text)
    if policy is None:
        raise bad_value(text, "RedrivePolicy", "Redrive policy is not a valid JSON map.")
    for member in ("maxReceiveCount", "deadLetterTargetArn"):
        if member not in policy:
            reason = f"Redrive policy does not contain mandatory attribute: {member}."
            raise bad_value(text, "RedrivePolicy", reason)
    if len(policy) > 2:
        reason = "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."
        raise bad_value(text, "RedrivePolicy", reason)
    count = str(policy["maxReceiveCount"])
    if not re.fullmatch(r"\d{1,4}", count) or not 1 <= int(count) <= 1000:
        reason = f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        raise bad_value(text, "RedrivePolicy", reason)
    arn = _ARN.fullmatch(str(policy["deadLetterTargetArn"]))
    if arn is None:
        raise bad_value(text, "RedrivePolicy", "Invalid value for deadLetterTargetArn.")
    letters = sqs_backends[arn[2]][arn[1]].queues.get(arn[3])
    if letters is None:
        raise bad_value(text, "RedrivePolicy", "Dead letter target does not exist.")
    queue = queue_of(call) if call["QueueUrl"] else None
    fifo = queue.fifo_queue if queue is not None else str(call["QueueName"]).endswith(".fifo")
    if fifo != letters.fifo_queue:
        raise bad_value(text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")


def _redrive_allowed(call: ApiCall) -> None:
    text = (call["Attributes"] or {}).get("RedriveAllowPolicy")
    if text in (None, ""):
        return
    policy = _document(text) or {}
    sources, by_queue = policy.get("sourceQueueArns"), policy.get("redrivePermission") == "byQueue"
    problem = None
    if by_queue and not sources:
        problem = (
            "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values."
        )
    elif sources and not by_queue:
        problem = "To specify one or more source queue ARNs, you must set redrivePermission to byQueue."
    elif sources and len(sources) > _MOST_SOURCES:
        problem = f"The maximum number of source queue ARNs you can specify is {_MOST_SOURCES}."
    if problem is not None:
        reason = f"Amazon SQS can't create the redrive allow policy. {problem}"
        raise bad_value(text, "RedriveAllowPolicy", reason)


def _known_attributes(call: ApiCall) -> None:
    for name in call["AttributeNames"] or ():
        if name not in SHOWN:
            raise ApiError("InvalidAttributeName", f"Unknown Attribute {name}.")


def _page(call: ApiCall) -> None:
    most = call["MaxResults"]
    if most is not None and not 1 <= most <= 1000:
        raise bad_value(most, "MaxResults", "MaxResults must be an integer between 1 and 1000.")


def _owner(call: ApiCall) -> None:
    if call["QueueOwnerAWSAccountId"] not in (None, call.account):
        raise ApiError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def _tags(call: ApiCall) -> None:
    tags = call["tags"] or call["Tags"] or {}
    queue = queue_of(call) if call["QueueUrl"] else None
    name = queue.name if queue is not None else call["QueueName"]
    if len({*tags, *(queue.tags if queue is not None else ())}) > _MOST_TAGS:
        raise invalid(f"Too many tags added for queue {name}.")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise invalid("Tag keys must be between 1 and 128 characters in length.")
        if len(value) > 256:
            raise invalid("Tag values must be between 0 and 256 characters in length.")
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys must not start with 'aws:', which is reserved for system use.")


def _permission(call: ApiCall) -> None:
    for member, parameter in (("Actions", "ActionName"), ("AWSAccountIds", "AWSAccountIds")):
        if not call[member]:
            raise missing(parameter)
    for account in call["AWSAccountIds"]:
        if not re.fullmatch(r"\d{12}", account):
            raise bad_value([account], "PrincipalId", "Unable to verify.")
    if not _NAME.fullmatch(call["Label"]):
        reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        raise bad_value(call["Label"], "Label", reason)
    for action in call["Actions"]:
        if action not in _ACTIONS:
            reason = "Please refer to the appropriate WSDL for a list of valid actions."
            raise bad_value(f"SQS:{action}", "ActionName", reason)


_DOCUMENTS: Final = {"Policy": _is_policy, "RedriveAllowPolicy": _is_allow_policy}
"""Check of each attribute that is a JSON document, without regard to other attributes."""

_QUEUE: Final = (queue_exists,)

RULES: Final[dict[str, tuple[Callable[[ApiCall], None], ...]]] = {
    "CreateQueue": (_name, _attributes, _redrive, _redrive_allowed, _tags),
    "SetQueueAttributes": (*_QUEUE, _attributes, _redrive, _redrive_allowed),
    "GetQueueAttributes": (*_QUEUE, _known_attributes),
    "GetQueueUrl": (_owner,),
    "ListQueues": (_page,),
    "ListDeadLetterSourceQueues": (*_QUEUE, _page),
    "AddPermission": (*_QUEUE, _permission),
    "RemovePermission": _QUEUE,
    "PurgeQueue": _QUEUE,
    "DeleteQueue": _QUEUE,
    "ListQueueTags": _QUEUE,
    "TagQueue": (*_QUEUE, _tags),
    "UntagQueue": _QUEUE,
}
