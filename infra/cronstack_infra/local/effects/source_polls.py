"""Event sources: receive messages, invoke the function, delete processed messages. The caller holds BACKENDS."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.sqs.models import Message, Queue, sqs_backends

from cronstack_infra.local.effects import targets
from cronstack_infra.local.effects.invoker import Admitted, Invoker
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.port import Drive
from cronstack_infra.local.engine.sources import DeleteMessages, PollQueue, Received, RunBatch
from cronstack_infra.local.engine.values import Failed, Succeeded
from cronstack_infra.local.executor.values import Invocation, InvocationOutcome
from cronstack_infra.local.lookups import lineage
from cronstack_infra.local.lookups.queues import find_queue, visibility_of
from cronstack_infra.local.moto import privates

_MOMENT = timedelta(milliseconds=2)
"""moto shows a message again only after the millisecond in which its hidden time ends."""
_PERMISSION = "sqs:ReceiveMessage"


class Polls:
    """Event sources of one cloud. ``unique`` returns a new request id."""

    def __init__(self, engine: Engine, drive: Drive, invoker: Invoker, unique: Callable[[], str]) -> None:
        self._engine, self._drive, self._invoker, self._unique = engine, drive, invoker, unique
        self._batches: dict[str, int] = {}
        """Numbers of the batches under way, by request id."""
        self._problems: dict[str, str] = {}
        """Problem of the last poll, by the mapping's UUID, so that each problem is reported once."""

    def poll(self, effect: PollQueue) -> None:
        """Receive as the function's role, and pass the messages to the engine."""
        messages: list[Message] = []
        queue = find_queue(effect.queue_arn)
        hidden: datetime | None = None
        visibility = 0
        if self._may(effect, queue) and queue is not None:
            visibility = visibility_of(queue)
            backend: Any = sqs_backends[queue.account_id][queue.region]
            messages = backend.receive_message(queue.name, effect.at_most, 0, visibility, ["All"], asks_all=True)
            hidden = _next_visible(queue, self._drive.now(), {message.id for message in messages})
        self._engine.received(
            effect.uuid,
            [
                Received(message.id, str(message.receipt_handle), record(message, effect.queue_arn))
                for message in messages
            ],
            self._drive.now(),
            visible_again=self._drive.now() + timedelta(seconds=visibility),
            next_visible=hidden,
        )

    def run(self, effect: RunBatch) -> None:
        """Invoke the function with a batch."""
        admitted = self._invoker.admit(effect.function_arn, lineage.counts_of_messages(effect.payload))
        if not isinstance(admitted, Admitted):
            self._engine.batch_ended(effect.batch, admitted, self._drive.now())
            return
        request_id, event = self._unique(), effect.payload.encode()
        self._batches[request_id] = effect.batch
        function, arn, attempt = admitted.function, effect.function_arn, effect.attempt
        self._invoker.submit(Invocation(request_id, function, event, arn, attempt, lineage=admitted.lineage))

    def delete(self, effect: DeleteMessages) -> None:
        """Delete messages, as DeleteMessageBatch does. A message that no longer exists is not an error."""
        queue = find_queue(effect.queue_arn)
        if queue is None:
            return
        handles = set(effect.receipt_handles)
        for message in [message for message in privates.messages(queue) if message.receipt_handle in handles]:
            queue.delete_message(str(message.receipt_handle))

    def finished(self, invocation: Invocation, outcome: InvocationOutcome) -> bool:
        """Report the end of a batch's invocation to the engine. Return whether the invocation was of a batch."""
        number = self._batches.pop(invocation.request_id, None)
        if number is None:
            return False
        text = outcome.payload.decode("utf-8", "replace")
        self._engine.batch_ended(number, Succeeded(text) if outcome.ok else Failed(text), self._drive.now())
        return True

    def _may(self, effect: PollQueue, queue: Queue | None) -> bool:
        problem = "the queue does not exist" if queue is None else ""
        try:
            role = targets.require_function(effect.function_arn).role
            if not problem:
                targets.require(role, _PERMISSION, effect.queue_arn, "AccessDenied")
        except targets.TargetRefused as refused:
            problem = refused.refusal.message
        if problem and self._problems.get(effect.uuid) != problem:
            self._drive.report("note", text=f"event source {effect.queue_arn}: {problem}")
        self._problems[effect.uuid] = problem
        return not problem


def record(message: Message, queue_arn: str) -> dict[str, Any]:
    """Return a message's record in the function's event."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "AWSTraceHeader": ((message.system_attributes or {}).get("AWSTraceHeader") or {}).get("StringValue"),
        "SentTimestamp": str(message.sent_timestamp),
        "SequenceNumber": message.sequence_number,
        "MessageGroupId": message.group_id,
        "SenderId": message.sender_id,
        "MessageDeduplicationId": message.deduplication_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "md5OfMessageAttributes": message.attribute_md5 if message.message_attributes else None,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _attribute(given: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": given["DataType"]}
    if given.get("StringValue") is not None:
        fields["stringValue"] = given["StringValue"]
    if (binary := given.get("BinaryValue")) is not None:
        fields["binaryValue"] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else binary
    return fields


def _next_visible(queue: Queue, now: datetime, taken: set[str]) -> datetime | None:
    """Return when the next hidden or delayed message becomes visible, without the messages in ``taken``."""
    hidden = [
        max(message.visible_at, message.delayed_until)
        for message in privates.messages(queue)
        if message.id not in taken and (not message.visible or message.delayed)
    ]
    if not hidden:
        return None
    return max(datetime.fromtimestamp(min(hidden) / 1000, UTC) + _MOMENT, now)
