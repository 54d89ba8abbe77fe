"""Queues: long polls that let others in, no invocations inside SendMessage, and URLs that lead here.

moto 5.2.5 polls while the server's thread would hold the lock, invokes mapped functions in the sender's thread with
made-up attributes, shows the last message of a FIFO group first when the whole group comes back, and lets Ref of a
queue point to amazonaws.com; what was sent more than twelve hours ago it lets nobody put back. Each SendMessage counts
all messages of the queue three times, with a slow clock: a thousand of them cost half a minute.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable
from typing import Any, Final

from moto.sqs import models
from moto.sqs.models import Message, Queue, SQSBackend

from cronstack import clock
from cronstack_infra.local import lineage
from cronstack_infra.local.lock import BACKENDS
from cronstack_infra.local.mend import mend

_LONGEST_WAIT: Final = 0.5
"""Seconds after which a poll looks again by itself: a hidden message becomes visible without anybody telling."""

_receive = SQSBackend.receive_message
_send: Any = SQSBackend.send_message
_make = Queue.__init__


class Forgetful(dict[str, Any]):
    """moto's registry of the functions to invoke inside SendMessage; nothing that is put in stays."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass


def _wait(seconds: float) -> None:
    """Let others have the lock for so long, or until one of them has changed something."""
    BACKENDS.wait(seconds)


def install(endpoint: str, wait: Callable[[float], None] = _wait) -> None:
    """``endpoint`` is the local cloud's own address, ``wait`` how a long poll passes the time."""
    mend(SQSBackend, receive_message=_receiving(wait), change_message_visibility=hidden_anew)
    mend(SQSBackend, send_message=_sent)
    mend(Message, mark_received=_received)
    mend(Queue, physical_resource_id=property(lambda queue: f"{endpoint}/{queue.account_id}/{queue.name}"))
    mend(Queue, __init__=_made_without_mappings, _set_attributes=_keeping_the_policy)
    mend(models, unix_time_millis=_milliseconds)
    mend(Message, visible=property(lambda message: message.visible_at <= _milliseconds()))
    mend(
        Queue,
        messages=property(_seen),
        approximate_number_of_messages_delayed=property(_count_delayed),
        approximate_number_of_messages_not_visible=property(_count_hidden),
        attributes=property(_shown),
        BASE_ATTRIBUTES=[*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"],
    )


def _sent(
    self: Any, queue_name: str, message_body: str, *given: Any, system_attributes: Any = None, **named: Any
) -> Message:
    """A message keeps the trace header that its sender sent, as on AWS."""
    header = lineage.header_sent()
    if header and not system_attributes:
        system_attributes = {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}
    made: Message = _send(self, queue_name, message_body, *given, system_attributes=system_attributes, **named)
    return made


_set_attributes: Any = Queue._set_attributes


def _keeping_the_policy(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
    """What is not named stays as it is: moto 5.2.5 drops a queue's policy whenever anything else is set."""
    policy = getattr(queue, "policy", None)
    _set_attributes(queue, attributes, now)
    if "Policy" not in attributes:
        queue.policy = policy


def _receiving(wait: Callable[[float], None]) -> Callable[..., list[Message]]:
    def receive_message(
        self: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        end = time.monotonic() + wait_seconds_timeout
        with BACKENDS:
            queue = self.get_queue(queue_name)
            while True:
                queue.pending_messages.difference_update([one for one in queue.pending_messages if one.visible])
                found: list[Message] = _receive(self, queue_name, count, 0, visibility_timeout, message_attribute_names)
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                wait(min(left, _LONGEST_WAIT))

    return receive_message


_mark_received: Any = Message.mark_received
_change_visibility: Any = SQSBackend.change_message_visibility


def _received(message: Any, visibility_timeout: int | None = None) -> None:
    _mark_received(message, visibility_timeout)
    message.received = _milliseconds()


def hidden_anew(self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
    """A receipt is good for twelve hours: moto 5.2.5 counts them from when the message was sent."""
    held = [one for one in self.get_queue(queue_name)._messages if one.had_receipt_handle(receipt_handle)]
    sent = [one.sent_timestamp for one in held]
    for one in held:
        one.sent_timestamp = one.received
    try:
        _change_visibility(self, queue_name, receipt_handle, visibility_timeout)
    finally:
        for one, when in zip(held, sent, strict=True):
            one.sent_timestamp = when


def _milliseconds() -> float:
    return clock.now().timestamp() * 1000


_moto_attributes: Any = inspect.getattr_static(Queue, "attributes")


def _shown(queue: Any) -> dict[str, Any]:
    """Times in whole seconds, as SQS tells them: moto's have a fraction, at which ``int()`` fails. And the policy
    that says whose dead letters the queue takes, which moto keeps and never shows."""
    shown: dict[str, Any] = _moto_attributes.fget(queue)
    if isinstance(shown["RedriveAllowPolicy"], dict):  # a template's
        shown["RedriveAllowPolicy"] = json.dumps(shown["RedriveAllowPolicy"])
    return shown | {name: int(shown[name]) for name in ("CreatedTimestamp", "LastModifiedTimestamp")}


def _seen(queue: Any) -> list[Message]:
    """What a receive may take: neither hidden nor delayed."""
    now = _milliseconds()
    return [one for one in queue._messages if one.visible_at <= now >= one.delayed_until]


def _count_delayed(queue: Any) -> int:
    now = _milliseconds()
    return sum(now < one.delayed_until for one in queue._messages)


def _count_hidden(queue: Any) -> int:
    now = _milliseconds()
    return sum(now < one.visible_at for one in queue._messages)


def _made_without_mappings(self: Any, *args: Any, **attributes: Any) -> None:
    self.redrive_allow_policy = None
    _make(self, *args, **attributes)
    self.lambda_event_source_mappings = Forgetful()
