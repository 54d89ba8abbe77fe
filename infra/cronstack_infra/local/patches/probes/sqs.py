"""Probes of SQS: messages, queues and batches."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from cronstack_infra.local.moto import privates
from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import ACCOUNT, REGION, client, fails, queue


def _queue(name: str = "q") -> Any:
    """Return moto's own object of a queue."""
    from moto.sqs.models import sqs_backends

    return sqs_backends[ACCOUNT][REGION].queues[name]


class _MappingUsed(Exception):
    """A queue has read a mapping, in order to invoke its function."""


class _Mapping:
    """An event source mapping that raises when a queue reads it."""

    def __getattr__(self, name: str) -> Any:
        raise _MappingUsed(name)


def _map(name: str = "q") -> None:
    _queue(name).lambda_event_source_mappings["arn"] = _Mapping()


@probe
def send_message_invokes() -> bool:
    """SendMessage reads the mappings of the queue, to invoke their functions in the sender's thread."""
    url = queue()
    _map()
    return fails(lambda: client("sqs").send_message(QueueUrl=url, MessageBody="x"), _MappingUsed)


@probe
def a_returned_message_invokes_nothing() -> bool:
    """A message that becomes visible again does not invoke a mapped function."""
    url, sqs = queue(), client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    receipt = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    _map()
    request = {"QueueUrl": url, "ReceiptHandle": receipt, "VisibilityTimeout": 0}
    return not fails(lambda: sqs.change_message_visibility(**request), _MappingUsed)


@probe
def the_next_message_of_a_group_invokes_nothing() -> bool:
    """A message of a FIFO group that becomes available by a delete does not invoke a mapped function."""
    url, sqs = queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true"), client("sqs")
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    receipt = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    _map("q.fifo")
    return not fails(lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt), _MappingUsed)


@probe
def a_returned_group_starts_with_its_last_message() -> bool:
    """When all messages of a FIFO group become visible again, a later one is received first."""
    url = queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    sqs = client("sqs")
    for body in ("one", "two", "three"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    for message in privates.messages(_queue("q.fifo")):
        message.visible_at = 0
    again = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in again] != ["one", "two", "three"]


@probe
def an_expired_message_hides_the_next() -> bool:
    """A message older than the retention period is counted, so that the next message is not received."""
    url, sqs = queue(MessageRetentionPeriod="60"), client("sqs")
    for body in ("old", "new"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    privates.messages(_queue())[0].sent_timestamp -= 61_000
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in received] != ["new"]


@probe
def a_receipt_of_an_old_message_is_refused() -> bool:
    """The receipt handle of a message that was sent 13 hours ago and received now is refused."""
    url, sqs = queue(), client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = privates.messages(_queue())
    message.sent_timestamp -= 13 * 3_600_000
    receipt = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    request = {"QueueUrl": url, "ReceiptHandle": receipt, "VisibilityTimeout": 0}
    return fails(lambda: sqs.change_message_visibility(**request), ClientError)


@probe
def a_sent_message_loses_the_trace_header() -> bool:
    """A message has no attribute with the trace header of the request that sent it."""

    def trace(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = "Root=1-5759e988-bd862e3fe1be46a994272793"

    url, sqs = queue(), client("sqs")
    sqs.meta.events.register("before-sign.sqs.SendMessage", trace, unique_id="trace")
    try:
        sqs.send_message(QueueUrl=url, MessageBody="x")
    finally:
        sqs.meta.events.unregister("before-sign.sqs.SendMessage", trace, unique_id="trace")
    (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    return "AWSTraceHeader" not in message["Attributes"]


@probe
def every_message_has_one_sender() -> bool:
    """The SenderId of a message is a constant, whichever user sends the message."""
    iam, url, senders = client("iam"), queue(), set()
    for name in ("one", "two"):
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
        client("sqs", aws_access_key_id=key, aws_secret_access_key="-").send_message(QueueUrl=url, MessageBody=name)
    for _ in range(2):
        (message,) = client("sqs").receive_message(QueueUrl=url, MessageSystemAttributeNames=["SenderId"])["Messages"]
        senders.add(message["Attributes"]["SenderId"])
    return len(senders) == 1


@probe
def the_id_of_a_queue_is_an_address_of_amazon() -> bool:
    """The physical id of a queue, which Ref returns, is a URL of amazonaws.com wherever moto runs."""
    queue()
    return "amazonaws.com" in _queue().physical_resource_id


@probe
def a_queue_loses_its_policy() -> bool:
    """Setting another attribute removes the policy of the queue."""
    url, sqs = queue(Policy='{"Version": "2012-10-17"}'), client("sqs")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
    return "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


@probe
def a_send_reads_every_message() -> bool:
    """The cost of SendMessage grows with the queue: it reads every message."""
    url, sqs = queue(), client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = privates.messages(_queue())
    looked: list[str] = []

    class Seen(type(message)):  # type: ignore[misc]  # a base class known at run time only
        @property
        def visible_at(self) -> Any:
            looked.append("visible")
            return self.__dict__["visible_at"]

        @visible_at.setter
        def visible_at(self, value: Any) -> None:
            self.__dict__["visible_at"] = value

    message.__class__ = Seen
    sqs.send_message(QueueUrl=url, MessageBody="y")
    return bool(looked)


@probe
def times_of_a_queue_have_a_fraction() -> bool:
    """The creation time among a queue's attributes is not a whole number of seconds."""
    queue()
    created = _queue().attributes["CreatedTimestamp"]
    return float(created) != int(float(created)) or not str(created).isdigit()


@probe
def the_redrive_allow_policy_is_not_shown() -> bool:
    """GetQueueAttributes omits the RedriveAllowPolicy that was set."""
    url = queue(RedriveAllowPolicy=json.dumps({"redrivePermission": "denyAll"}))
    shown = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return "RedriveAllowPolicy" not in shown


@probe
def one_bad_entry_fails_the_whole_batch() -> bool:
    """An entry with an invalid attribute makes the whole call fail, not only its entry."""
    bad = {"Id": "bad", "MessageBody": "y", "MessageAttributes": {"a": {"DataType": "Bool", "StringValue": "x"}}}
    entries, url = [{"Id": "good", "MessageBody": "x"}, bad], queue()
    return fails(lambda: client("sqs").send_message_batch(QueueUrl=url, Entries=entries), ClientError)


def _received(url: str) -> str:
    client("sqs").send_message(QueueUrl=url, MessageBody="x")
    return str(client("sqs").receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"])


@probe
def two_entries_with_one_handle_fail_the_batch() -> bool:
    """Two entries of a batch with the same receipt handle make the call fail."""
    url = queue()
    receipt = _received(url)
    entries = [{"Id": name, "ReceiptHandle": receipt} for name in ("one", "two")]
    return fails(lambda: client("sqs").delete_message_batch(QueueUrl=url, Entries=entries), ClientError)


@probe
def a_batch_accepts_a_negative_timeout() -> bool:
    """An entry with a visibility timeout below zero succeeds."""
    url = queue()
    entry = {"Id": "bad", "ReceiptHandle": _received(url), "VisibilityTimeout": -1}
    return "Successful" in client("sqs").change_message_visibility_batch(QueueUrl=url, Entries=[entry])
