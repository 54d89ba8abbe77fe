"""SQS's rules beyond its model for sending, receiving, changing and deleting messages, also in batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.sqs.models import Queue

from cronstack_infra.local.moto import privates
from cronstack_infra.local.refusals.queues import SHOWN, bad_value, invalid, missing, queue_exists, queue_of
from cronstack_infra.local.refusals.refusal import ApiCall, ApiError

_ENTRY_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,80}")
_FIFO_ID: Final = re.compile(r"[!-~]{1,128}")
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MESSAGE_ATTRIBUTES: Final = {
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
}
_MOST_ATTRIBUTES: Final = 10
_LONGEST_NAME: Final = 256
_MOST_ENTRIES: Final = 10
_LONGEST_BATCH: Final = 1048576


def _delay(call: ApiCall) -> None:
    _check_delay(call["DelaySeconds"], queue_of(call))


def _message(call: ApiCall) -> None:
    _check_message(call.parameters, queue_of(call))


def _check_message(message: Mapping[str, Any], queue: Queue | None) -> None:
    _check_contents(message)
    size, most = _size(message), int(getattr(queue, "maximum_message_size", _LONGEST_BATCH))
    if size > most:
        raise invalid(f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.")
    _check_fifo(message, queue)


def _check_delay(delay: int | None, queue: Queue | None) -> None:
    if delay is None:
        return
    if not 0 <= delay <= 900:
        raise bad_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    if delay and queue is not None and queue.fifo_queue:
        reason = "The request include parameter that is not valid for this queue type."
        raise bad_value(delay, "DelaySeconds", reason)


def _check_contents(message: Mapping[str, Any]) -> None:
    forbidden = _forbidden(message.get("MessageBody"), "body")
    if forbidden is not None:
        raise ApiError("InvalidMessageContents", forbidden)
    attributes = message.get("MessageAttributes") or {}
    if len(attributes) > _MOST_ATTRIBUTES:
        raise invalid(f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].")
    for name, attribute in attributes.items():
        _check_attribute(name, attribute)
    for name, attribute in (message.get("MessageSystemAttributes") or {}).items():
        if name != "AWSTraceHeader":
            raise invalid(f"Message system attribute name '{name}' is invalid.")
        if attribute.get("DataType") != "String":
            raise invalid(f"The message system attribute '{name}' must be of the type String.")


def _forbidden(text: str | None, where: str) -> str | None:
    """Return the message about the first character that XML does not allow; None if all are allowed."""
    character = _FORBIDDEN.search(text or "")
    return character and (
        f"Invalid binary character '#x{ord(character[0]):X}' was found in the message {where}, the set of allowed "
        "characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )


def _check_attribute(name: str, attribute: Mapping[str, Any]) -> None:
    if not re.fullmatch(r"(?!\.)(?!(?i:aws|amazon)\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", name) or ".." in name:
        raise invalid(f"Message (user) attribute name '{name}' is invalid.")
    kind = attribute.get("DataType")
    if not kind:
        raise invalid(f"The message attribute '{name}' must contain non-empty message attribute type.")
    if len(kind) > _LONGEST_NAME:
        raise invalid(f"The message attribute type of '{name}' is longer than {_LONGEST_NAME} characters.")
    prefix = str(kind).partition(".")[0]
    if prefix not in ("String", "Number", "Binary"):
        raise invalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String."
        )
    value = attribute.get("BinaryValue" if prefix == "Binary" else "StringValue")
    if not value:
        raise invalid(f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'.")
    if prefix != "Binary" and (forbidden := _forbidden(value, f"attribute '{name}'")):
        raise invalid(forbidden)  # the code for a body is InvalidMessageContents
    if prefix == "Number" and not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", str(value)):
        raise invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def _size(message: Mapping[str, Any]) -> int:
    """Return the size in bytes of body and attributes, as AWS counts it."""
    size = len(str(message.get("MessageBody") or "").encode())
    for name, attribute in (message.get("MessageAttributes") or {}).items():
        value = attribute.get("StringValue")
        size += len(name.encode()) + len(str(attribute.get("DataType")).encode())
        size += len(value.encode()) if value is not None else len(attribute.get("BinaryValue") or "") * 3 // 4
    return size


def _check_fifo(message: Mapping[str, Any], queue: Queue | None) -> None:
    group, deduplication = message.get("MessageGroupId"), message.get("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication)):
        if value is not None and not _FIFO_ID.fullmatch(value):
            reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            raise bad_value(value, name, reason)
    if queue is None:
        return
    if not queue.fifo_queue:
        if deduplication is not None:
            reason = "The request includes a parameter that is not valid for this queue type."
            raise bad_value(deduplication, "MessageDeduplicationId", reason)
        return
    if group is None:
        raise missing("MessageGroupId")
    if deduplication is None and str(queue.attributes.get("ContentBasedDeduplication")) != "true":
        raise invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )


# batches


def _entries(call: ApiCall) -> None:
    entries, kind = call["Entries"], f"{call.operation.removesuffix('Batch')}BatchRequestEntry"
    if not entries:
        text = f"There should be at least one {kind} in the request."
        raise ApiError("AWS.SimpleQueueService.EmptyBatchRequest", text)
    if len(entries) > _MOST_ENTRIES:
        text = f"Maximum number of entries per request are {_MOST_ENTRIES}. You have sent {len(entries)}."
        raise ApiError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", text)
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        key = entry.get("Id")
        if key is None:
            raise missing(f"{kind}.{number}.Id")
        if not _ENTRY_ID.fullmatch(key):
            text = (
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long."
            )
            raise ApiError("AWS.SimpleQueueService.InvalidBatchEntryId", text)
        if key in seen:
            raise ApiError("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", f"Id {key} repeated.")
        seen.add(key)


def _batch_size(call: ApiCall) -> None:
    size = sum(_size(entry) for entry in call["Entries"])
    if size > _LONGEST_BATCH:
        text = f"Batch requests cannot be longer than {_LONGEST_BATCH} bytes. You have sent {size} bytes."
        raise ApiError("AWS.SimpleQueueService.BatchRequestTooLong", text)


def _fifo_batch(call: ApiCall) -> None:
    """Check all entries for a FIFO queue, which accepts a whole batch or none. Standard queues: ``apis.batches``."""
    queue = queue_of(call)
    if queue is not None and queue.fifo_queue:
        for number, entry in enumerate(call["Entries"], 1):
            check_sent_entry(entry, number, queue)


def check_sent_entry(entry: Mapping[str, Any], number: int, queue: Queue) -> None:
    if not entry.get("MessageBody"):
        raise missing(f"SendMessageBatchRequestEntry.{number}.MessageBody")
    _check_delay(entry.get("DelaySeconds"), queue)
    _check_message(entry, queue)


def check_entry_with_handle(entry: Mapping[str, Any], number: int, queue: Queue) -> None:
    """Check an entry of a batch that deletes messages or changes their visibility."""
    if not str(entry.get("ReceiptHandle") or "").strip():
        raise missing("ReceiptHandle")
    if "VisibilityTimeout" in entry:
        check_visibility(entry, queue)


# receiving


def _reception(call: ApiCall) -> None:
    for name in (*(call["AttributeNames"] or ()), *(call["MessageSystemAttributeNames"] or ())):
        if name not in _MESSAGE_ATTRIBUTES and name not in SHOWN:
            raise ApiError("InvalidAttributeName", f"Unknown Attribute {name}.")
    for name, least, most, must in (
        ("MaxNumberOfMessages", 1, 10, "Must be between 1 and 10, if provided."),
        ("WaitTimeSeconds", 0, 20, "Must be >= 0 and <= 20, if provided."),
        ("VisibilityTimeout", 0, 43200, "Must be >= 0 and <= 43200, if provided."),
    ):
        value = call[name]
        if value is not None and not least <= value <= most:
            raise bad_value(value, name, must)


def _visibility(call: ApiCall) -> None:
    check_visibility(call.parameters, queue_of(call))


def check_visibility(requested: Mapping[str, Any], queue: Queue | None) -> None:
    """Raise a refusal if the visibility of a message cannot be changed. moto refuses unknown receipt handles."""
    seconds, handle = requested["VisibilityTimeout"], requested["ReceiptHandle"]
    if not 0 <= seconds <= 43200:
        raise bad_value(seconds, "VisibilityTimeout", "VisibilityTimeout must be an integer between 0 and 43200.")
    if queue is None:
        return
    if handle in queue.deleted_messages:
        reason = "Message does not exist or is not available for visibility timeout change."
        raise bad_value(handle, "ReceiptHandle", reason)
    if any(message.visible for message in privates.messages(queue) if message.had_receipt_handle(handle)):
        raise ApiError("MessageNotInflight", "The message referred to isn't in flight.")


_QUEUE: Final = (queue_exists,)

RULES: Final[dict[str, tuple[Callable[[ApiCall], None], ...]]] = {
    "SendMessage": (*_QUEUE, _delay, _message),
    "SendMessageBatch": (*_QUEUE, _entries, _batch_size, _fifo_batch),
    "DeleteMessageBatch": (*_QUEUE, _entries),
    "ChangeMessageVisibilityBatch": (*_QUEUE, _entries),
    "ReceiveMessage": (*_QUEUE, _reception),
    "ChangeMessageVisibility": (*_QUEUE, _visibility),
    "DeleteMessage": _QUEUE,
}
