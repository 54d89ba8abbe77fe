"""Queues and messages of SQS. A long poll waits with the lock released, so that other requests are served.

``PATCHES`` lists moto's defects. Without the patches, sending a thousand messages to one queue takes half a minute.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

from moto.sqs import models
from moto.sqs.models import Message

from cronstack_infra.local.engine.chance import chance
from cronstack_infra.local.lock import BACKENDS
from cronstack_infra.local.lookups import identities, lineage
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by
from cronstack_infra.local.moto.surroundings import PatchParameters

_LONGEST_WAIT: Final = 0.5
"""Seconds after which a poll checks the queue again: a hidden message becomes visible without a request."""


class DiscardingDict(dict[str, Any]):
    """Replaces moto's registry of the functions to invoke inside SendMessage. It discards every entry."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass


def _sent(
    send: Any, self: Any, queue_name: str, message_body: str, *given: Any, system_attributes: Any = None, **named: Any
) -> Message:
    """Send a message with the trace header and the id of its sender, as AWS does."""
    header = lineage.header_sent()
    if header and not system_attributes:
        system_attributes = {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}
    message: Message = send(self, queue_name, message_body, *given, system_attributes=system_attributes, **named)
    message.sender_id = identities.sender_id(self.account_id) or message.sender_id
    return message


def _set_attributes(moto_set: Any, queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
    policy = getattr(queue, "policy", None)
    moto_set(queue, attributes, now)
    if "Policy" not in attributes:
        queue.policy = policy


def _receiving(receive: Any, around: PatchParameters) -> Callable[..., list[Message]]:
    def receive_message(
        self: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
        *,
        asks_all: bool = False,
    ) -> list[Message]:
        """``asks_all``: query all of AWS's servers, as a long poll does."""
        end = time.monotonic() + wait_seconds_timeout
        with BACKENDS:
            queue = self.get_queue(queue_name)
            if not wait_seconds_timeout and not asks_all and _misses_messages(queue, around):
                return []
            while True:
                visible = [message for message in queue.pending_messages if message.visible]
                queue.pending_messages.difference_update(visible)
                found: list[Message] = receive(self, queue_name, count, 0, visibility_timeout, message_attribute_names)
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                around.wait(min(left, _LONGEST_WAIT))

    return receive_message


def _misses_messages(queue: Any, around: PatchParameters) -> bool:
    """Return whether a short poll, which queries only some of AWS's servers, misses the messages of the others."""
    switches = around.port.switches if around.port is not None else None
    if switches is None or not switches.empty_polls:
        return False
    count = vars(queue)["short_polls"] = vars(queue).get("short_polls", 0) + 1
    return chance(switches.seed, "short poll", queue.name, count) < switches.empty_polls


def _received(mark: Any, message: Any, visibility_timeout: int | None = None) -> None:
    mark(message, visibility_timeout)
    message.received = _now()


def _change_visibility(change: Any, self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
    """Count the twelve hours of a receipt from the receive."""
    queue = self.get_queue(queue_name)
    messages = [message for message in privates.messages(queue) if message.had_receipt_handle(receipt_handle)]
    sent_times = [message.sent_timestamp for message in messages]
    for message in messages:
        message.sent_timestamp = message.received
    try:
        change(self, queue_name, receipt_handle, visibility_timeout)
    finally:
        for message, sent in zip(messages, sent_times, strict=True):
            message.sent_timestamp = sent


def _now() -> float:
    return models.unix_time_millis()  # type: ignore[attr-defined]  # replaced by _milliseconds


def _milliseconds(_: Any, around: PatchParameters) -> Callable[[], float]:
    return lambda: around.now().timestamp() * 1000


def _showing(attributes: Any, _: PatchParameters) -> property:
    return property(lambda queue: _shown(attributes.fget(queue)))


def _shown(shown: dict[str, Any]) -> dict[str, Any]:
    """Return a queue's attributes with times in whole seconds, and RedriveAllowPolicy as JSON."""
    if isinstance(shown["RedriveAllowPolicy"], dict):  # from a template
        shown["RedriveAllowPolicy"] = json.dumps(shown["RedriveAllowPolicy"])
    return shown | {name: int(shown[name]) for name in ("CreatedTimestamp", "LastModifiedTimestamp")}


def _visible_messages(queue: Any) -> list[Message]:
    """Return the messages that are neither hidden nor delayed."""
    _delete_expired(queue)
    now = _now()
    return [message for message in privates.messages(queue) if message.visible_at <= now >= message.delayed_until]


def _delete_expired(queue: Any) -> None:
    """Delete the messages that are older than the queue's retention period, as SQS does."""
    oldest, messages = _now() - 1000 * int(queue.message_retention_period), privates.messages(queue)
    if messages and min(message.sent_timestamp for message in messages) <= oldest:
        messages[:] = [message for message in messages if message.sent_timestamp > oldest]


def _count_delayed(queue: Any) -> int:
    _delete_expired(queue)
    now = _now()
    return sum(now < message.delayed_until for message in privates.messages(queue))


def _count_hidden(queue: Any) -> int:
    _delete_expired(queue)
    now = _now()
    return sum(now < message.visible_at for message in privates.messages(queue))


def _init_without_mappings(init: Any, self: Any, *args: Any, **attributes: Any) -> None:
    self.redrive_allow_policy = None
    init(self, *args, **attributes)
    self.lambda_event_source_mappings = DiscardingDict()


def _address(_: Any, around: PatchParameters) -> property:
    return property(lambda queue: f"{around.endpoint}/{queue.account_id}/{queue.name}")


def _showable(names: list[str], _: PatchParameters) -> list[str]:
    return [*names, "RedriveAllowPolicy"]


_QUEUE: Final = "moto.sqs.models:Queue"
_SLOW: Final = "Each SendMessage reads every message of the queue, with a slow clock: 1,000 take half a minute."

_SLOW_PROBE: Final = "a_send_reads_every_message"

PATCHES: Final = (
    Patch(
        "moto.sqs.models:SQSBackend",
        "receive_message",
        "(self, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names=None)",
        "A long poll sleeps with the lock held, and shows the last message of a returned FIFO group first.",
        "a_returned_group_starts_with_its_last_message",
        _receiving,
    ),
    Patch(
        "moto.sqs.models:SQSBackend",
        "change_message_visibility",
        "(self, queue_name, receipt_handle, visibility_timeout)",
        "A receipt is refused twelve hours after the message was sent, not after it was received.",
        "a_receipt_of_an_old_message_is_refused",
        wrapped_by(_change_visibility),
    ),
    Patch(
        "moto.sqs.models:Message",
        "mark_received",
        "(self, visibility_timeout=None)",
        "A message does not record when it was last received.",
        "a_receipt_of_an_old_message_is_refused",
        wrapped_by(_received),
    ),
    Patch(
        "moto.sqs.models:SQSBackend",
        "send_message",
        "(self, queue_name, message_body, message_attributes=None, delay_seconds=None, deduplication_id=None,"
        " group_id=None, system_attributes=None, validate_group_id=True)",
        "A message loses the trace header of the request that sends it, and all messages have one sender.",
        ("a_sent_message_loses_the_trace_header", "every_message_has_one_sender"),
        wrapped_by(_sent),
    ),
    Patch(
        _QUEUE,
        "physical_resource_id",
        "property",
        "Ref of a queue is a URL of amazonaws.com.",
        "the_id_of_a_queue_is_an_address_of_amazon",
        _address,
    ),
    Patch(
        _QUEUE,
        "__init__",
        "(self, name, region, account_id, **kwargs)",
        "SendMessage looks up and invokes mapped functions in the sender's thread.",
        "send_message_invokes",
        wrapped_by(_init_without_mappings),
    ),
    Patch(
        _QUEUE,
        "_set_attributes",
        "(self, attributes, now=None)",
        "Setting any other attribute drops the queue's policy.",
        "a_queue_loses_its_policy",
        wrapped_by(_set_attributes),
    ),
    Patch(
        "moto.sqs.models",
        "unix_time_millis",
        "(dt=None)",
        _SLOW,
        _SLOW_PROBE,
        _milliseconds,
    ),
    Patch(
        "moto.sqs.models:Message",
        "visible",
        "property",
        _SLOW,
        _SLOW_PROBE,
        replaced_by(property(lambda message: message.visible_at <= _now())),
    ),
    Patch(
        _QUEUE,
        "messages",
        "property",
        "A message that is older than the retention period stays, and hides those behind it.",
        ("an_expired_message_hides_the_next", _SLOW_PROBE),
        replaced_by(property(_visible_messages)),
    ),
    *(
        Patch(_QUEUE, name, "property", _SLOW, _SLOW_PROBE, replaced_by(property(read)))
        for name, read in (
            ("approximate_number_of_messages_delayed", _count_delayed),
            ("approximate_number_of_messages_not_visible", _count_hidden),
        )
    ),
    Patch(
        _QUEUE,
        "attributes",
        "property",
        "CreatedTimestamp and LastModifiedTimestamp have a fraction.",
        "times_of_a_queue_have_a_fraction",
        _showing,
    ),
    Patch(
        _QUEUE,
        "BASE_ATTRIBUTES",
        "value of list",
        "RedriveAllowPolicy is stored and never shown.",
        "the_redrive_allow_policy_is_not_shown",
        _showable,
    ),
)
