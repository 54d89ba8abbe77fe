"""Carrying out what the engine decided about event sources: receive, invoke, delete. The caller holds BACKENDS."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.sqs.models import Message, Queue, sqs_backends

from cronstack_infra.local import lambdas, lineage, targets
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.sources import DeleteMessages, PollQueue, Received, RunBatch
from cronstack_infra.local.engine.values import Failed, FunctionOutcome, Looped, Succeeded, Throttled
from cronstack_infra.local.executor.values import Function, Invocation, Outcome

_MOMENT = timedelta(milliseconds=2)
"""moto shows a message again only after the millisecond in which its time was over."""
_PERMISSION = "sqs:ReceiveMessage"


class Polls:
    """``submit`` starts an invocation, ``enter`` counts its rounds, ``active`` counts a function's, ``say`` tells,
    ``unique`` makes ids.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], datetime],
        submit: Callable[[Invocation], None],
        enter: Callable[[Function, lineage.Counts], str | None],
        active: Mapping[str, int],
        say: Callable[..., None],
        unique: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._now = now
        self._submit = submit
        self._enter = enter
        self._active = active
        self._say = say
        self._unique = unique
        self._batches: dict[str, int] = {}
        self._problems: dict[str, str] = {}

    def poll(self, effect: PollQueue) -> None:
        """Receive as the function's role; what hinders it is told once."""
        found: list[Message] = []
        queue = find_queue(effect.queue_arn)
        hidden: datetime | None = None
        visibility = 0
        if self._may(effect, queue) and queue is not None:
            visibility = visibility_of(queue)
            backend = sqs_backends[queue.account_id][queue.region]
            found = backend.receive_message(queue.name, effect.at_most, 0, visibility, ["All"])
            hidden = _next_visible(queue, self._now(), {message.id for message in found})
        self._engine.received(
            effect.uuid,
            [Received(one.id, str(one.receipt_handle), record(one, effect.queue_arn)) for one in found],
            self._now(),
            visible_again=self._now() + timedelta(seconds=visibility),
            next_visible=hidden,
        )

    def run(self, effect: RunBatch) -> None:
        outcome: FunctionOutcome
        try:
            function = targets.find_function(effect.function_arn)
            reserved = lambdas.reserved(function)
            found = lambdas.function_of(function)
            rounds = self._enter(found, lineage.counts_of_messages(effect.payload))
            if rounds is None:
                outcome = Looped()
            elif reserved is None or self._active.get(found.arn, 0) < reserved:
                request_id, event = self._unique(), effect.payload.encode()
                self._batches[request_id] = effect.batch
                self._submit(Invocation(request_id, found, event, effect.function_arn, effect.attempt, lineage=rounds))
                return
            else:
                outcome = Throttled(reserved_zero=reserved == 0)
        except (targets.Refused, JsonRESTError) as refused:
            outcome = Failed(str(refused))
        self._engine.batch_ended(effect.batch, outcome, self._now())

    def delete(self, effect: DeleteMessages) -> None:
        """As DeleteMessageBatch does; who has purged or deleted them meanwhile has done it already."""
        queue = find_queue(effect.queue_arn)
        if queue is None:
            return
        theirs = set(effect.receipt_handles)
        for message in [one for one in queue._messages if one.receipt_handle in theirs]:
            queue.delete_message(str(message.receipt_handle))

    def finished(self, invocation: Invocation, outcome: Outcome) -> bool:
        """Whether it was a batch's invocation."""
        number = self._batches.pop(invocation.request_id, None)
        if number is None:
            return False
        text = outcome.payload.decode("utf-8", "replace")
        self._engine.batch_ended(number, Succeeded(text) if outcome.ok else Failed(text), self._now())
        return True

    def _may(self, effect: PollQueue, queue: Queue | None) -> bool:
        problem = "the queue does not exist" if queue is None else ""
        try:
            role = targets.find_function(effect.function_arn).role
            if not problem:
                targets.require(role, _PERMISSION, effect.queue_arn, "AccessDenied")
        except targets.Refused as refused:
            problem = refused.refusal.message
        if problem and self._problems.get(effect.uuid) != problem:
            self._say("note", text=f"event source {effect.queue_arn}: {problem}")
        self._problems[effect.uuid] = problem
        return not problem


def find_queue(arn: str) -> Queue | None:
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        return None
    found: Queue | None = sqs_backends[parts[4]][parts[3]].queues.get(parts[5])
    return found


def visibility_of(queue: Any) -> int:
    """Seconds for which a received message is hidden."""
    return int(queue.visibility_timeout)


def record(message: Message, queue_arn: str) -> dict[str, Any]:
    """A message as the function sees it."""
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
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": given["DataType"]}
    if given.get("StringValue") is not None:
        shown["stringValue"] = given["StringValue"]
    if (binary := given.get("BinaryValue")) is not None:
        shown["binaryValue"] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else binary
    return shown


def _next_visible(queue: Queue, now: datetime, taken: set[str]) -> datetime | None:
    """When the next hidden or delayed message can be seen, of those that were not received just now."""
    hidden = [
        max(message.visible_at, message.delayed_until)
        for message in queue._messages
        if message.id not in taken and (not message.visible or message.delayed)
    ]
    if not hidden:
        return None
    return max(datetime.fromtimestamp(min(hidden) / 1000, UTC) + _MOMENT, now)
