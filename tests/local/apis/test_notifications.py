"""SNS and the functions that listen to it: each subscription is handed its message's own record, and no other's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.quick_cloud import Cloud
from tests.local.stepped import stepped_cloud

ECHO = "def handler(event, context): return event"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with stepped_cloud() as found:
        found.handler_role = found.role("writers", "lambda.amazonaws.com", {"Action": "sqs:*", "Resource": "*"})
        yield found


class Heard:
    """A topic, a function that listens to it, and the queue where what it was handed arrives."""

    def __init__(self, cloud: Cloud, name: str, **subscribed: Any) -> None:
        self.cloud, self.sns = cloud, cloud.client("sns")
        self.topic = self.sns.create_topic(Name=name)["TopicArn"]
        self.function = cloud.function(name, ECHO)
        self.url, queue = cloud.queue(name)
        wanted = {"OnSuccess": {"Destination": queue}}
        cloud.client("lambda").put_function_event_invoke_config(FunctionName=name, DestinationConfig=wanted)
        more = {"Attributes": subscribed} if subscribed else {}
        made = self.sns.subscribe(
            TopicArn=self.topic, Protocol="lambda", Endpoint=self.function, ReturnSubscriptionArn=True, **more
        )
        self.subscription = made["SubscriptionArn"]

    def publish(self, message: str, **more: Any) -> str:
        return str(self.sns.publish(TopicArn=self.topic, Message=message, **more)["MessageId"])

    def next(self) -> dict[str, Any]:
        handed: dict[str, Any] = json.loads(self.cloud.receive(self.url)["Body"])["requestPayload"]
        return handed


def test_a_function_is_handed_the_messages_own_record(cloud: Cloud) -> None:
    heard = Heard(cloud, "orders")
    attributes = {
        "kind": {"DataType": "String", "StringValue": "late"},
        "count": {"DataType": "Number", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    number = heard.publish("4711", Subject="an order", MessageAttributes=attributes)
    (record,) = heard.next()["Records"]
    notification = record.pop("Sns")
    assert record == {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": heard.subscription}
    assert notification.pop("Timestamp").startswith("2026-11-")
    assert notification == {
        "Type": "Notification",
        "MessageId": number,
        "TopicArn": heard.topic,
        "Subject": "an order",
        "Message": "4711",
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertUrl": "",
        "UnsubscribeUrl": "",
        "MessageAttributes": {
            "kind": {"Type": "String", "Value": "late"},
            "count": {"Type": "Number", "Value": "3"},
            "raw": {"Type": "Binary", "Value": "AAE="},
        },
    }


def test_a_message_without_a_subject_has_none(cloud: Cloud) -> None:
    heard = Heard(cloud, "plain")
    heard.publish("4711")
    notification = heard.next()["Records"][0]["Sns"]
    assert (notification["Subject"], notification["MessageAttributes"]) == (None, {})


def test_a_filter_and_a_message_for_each_protocol_are_honoured(cloud: Cloud) -> None:
    heard = Heard(cloud, "choosy", FilterPolicy=json.dumps({"kind": ["late"]}))
    kind = {"kind": {"DataType": "String", "StringValue": "early"}}
    heard.publish("not for us", MessageAttributes=kind)
    kind["kind"]["StringValue"] = "late"
    spoken = json.dumps({"default": "for all", "lambda": "for functions"})
    heard.publish(spoken, MessageAttributes=kind, MessageStructure="json")
    assert heard.next()["Records"][0]["Sns"]["Message"] == "for functions"


def test_a_subscriber_that_is_gone_is_told_and_does_not_fail_the_publisher(cloud: Cloud) -> None:
    heard = Heard(cloud, "forgotten")
    cloud.client("lambda").delete_function(FunctionName="forgotten")
    heard.publish("4711")
    cloud.await_event("note", text=f"SNS drops a message of {heard.topic}: its subscriber {heard.function} is gone")


def test_a_queue_whose_policy_does_not_let_sns_in_is_told(cloud: Cloud) -> None:
    """The first thing that goes wrong with SNS and SQS on AWS: a subscription, and no policy of the queue."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    url, queue = cloud.queue("shut")
    topic, other = (sns.create_topic(Name=name)["TopicArn"] for name in ("let-in", "shut-out"))
    for arn in (topic, other):
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    cloud.let_in(url, topic)
    sns.publish(TopicArn=other, Message="lost on AWS")
    sns.publish(TopicArn=topic, Message="let in")
    came = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert {one["Body"] for one in came} == {"lost on AWS", "let in"}
    why = "its policy does not let it in, because no policy allows the sqs:SendMessage action"
    cloud.await_event("note", text=f"on AWS SNS drops what {other} sends to {queue}: {why}")
    assert not any(topic in one["text"] for one in cloud.events("note"))


def test_a_queue_that_is_gone_does_not_fail_the_publisher(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    url, queue = cloud.queue("gone")
    topic = sns.create_topic(Name="lonely")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    cloud.client("sqs").delete_queue(QueueUrl=url)
    sns.publish(TopicArn=topic, Message="4711")
    cloud.await_event("note", text=f"SNS drops a message of {topic}: its subscriber {queue} is gone")
