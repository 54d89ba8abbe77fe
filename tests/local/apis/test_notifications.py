"""SNS and subscribed functions: each subscription gets the record of its message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.quick_cloud import Cloud
from tests.local.stepped import is_virtual, stepped_cloud

ECHO = "def handler(event, context): return event"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with stepped_cloud() as cloud:
        cloud.handler_role = cloud.role("writers", "lambda.amazonaws.com", {"Action": "sqs:*", "Resource": "*"})
        yield cloud


class Subscriber:
    """A topic, a subscribed function, and a queue that gets the function's events."""

    def __init__(self, cloud: Cloud, name: str, **subscribed: Any) -> None:
        self.cloud, self.sns = cloud, cloud.client("sns")
        self.topic = self.sns.create_topic(Name=name)["TopicArn"]
        self.function = cloud.function(name, ECHO)
        self.url, queue = cloud.queue(name)
        destination = {"OnSuccess": {"Destination": queue}}
        cloud.client("lambda").put_function_event_invoke_config(FunctionName=name, DestinationConfig=destination)
        more = {"Attributes": subscribed} if subscribed else {}
        subscription = self.sns.subscribe(
            TopicArn=self.topic, Protocol="lambda", Endpoint=self.function, ReturnSubscriptionArn=True, **more
        )
        self.subscription = subscription["SubscriptionArn"]

    def publish(self, message: str, **more: Any) -> str:
        return str(self.sns.publish(TopicArn=self.topic, Message=message, **more)["MessageId"])

    def next(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.cloud.receive(self.url)["Body"])["requestPayload"]
        return event


def test_a_function_gets_the_record_of_its_message(cloud: Cloud) -> None:
    subscriber = Subscriber(cloud, "orders")
    attributes = {
        "kind": {"DataType": "String", "StringValue": "late"},
        "count": {"DataType": "Number", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    number = subscriber.publish("4711", Subject="an order", MessageAttributes=attributes)
    (record,) = subscriber.next()["Records"]
    notification = record.pop("Sns")
    assert record == {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscriber.subscription}
    assert is_virtual(notification.pop("Timestamp"))
    assert notification == {
        "Type": "Notification",
        "MessageId": number,
        "TopicArn": subscriber.topic,
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
    subscriber = Subscriber(cloud, "plain")
    subscriber.publish("4711")
    notification = subscriber.next()["Records"][0]["Sns"]
    assert (notification["Subject"], notification["MessageAttributes"]) == (None, {})


def test_a_filter_and_a_message_for_each_protocol_are_honoured(cloud: Cloud) -> None:
    subscriber = Subscriber(cloud, "choosy", FilterPolicy=json.dumps({"kind": ["late"]}))
    kind = {"kind": {"DataType": "String", "StringValue": "early"}}
    subscriber.publish("not for us", MessageAttributes=kind)
    kind["kind"]["StringValue"] = "late"
    message = json.dumps({"default": "for all", "lambda": "for functions"})
    subscriber.publish(message, MessageAttributes=kind, MessageStructure="json")
    assert subscriber.next()["Records"][0]["Sns"]["Message"] == "for functions"


def test_a_missing_function_is_reported_and_does_not_fail_the_publisher(cloud: Cloud) -> None:
    subscriber = Subscriber(cloud, "deleted")
    cloud.client("lambda").delete_function(FunctionName="deleted")
    subscriber.publish("4711")
    text = f"SNS drops a message of {subscriber.topic}: its subscriber {subscriber.function} does not exist"
    cloud.await_event("note", text=text)


def test_a_queue_whose_policy_does_not_allow_sns_is_reported(cloud: Cloud) -> None:
    """The most frequent fault with SNS and SQS on AWS: a subscription without a policy of the queue."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    url, queue = cloud.queue("guarded")
    topic, other = (sns.create_topic(Name=name)["TopicArn"] for name in ("allowed", "denied"))
    for arn in (topic, other):
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    cloud.allow_topic(url, topic)
    sns.publish(TopicArn=other, Message="lost on AWS")
    sns.publish(TopicArn=topic, Message="allowed")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert {message["Body"] for message in messages} == {"lost on AWS", "allowed"}
    reason = "its policy does not let it in, because no policy allows the sqs:SendMessage action"
    cloud.await_event("note", text=f"on AWS SNS drops what {other} sends to {queue}: {reason}")
    assert not any(topic in note["text"] for note in cloud.events("note"))


def test_a_missing_queue_does_not_fail_the_publisher(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    url, queue = cloud.queue("deleted")
    topic = sns.create_topic(Name="lonely")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    cloud.client("sqs").delete_queue(QueueUrl=url)
    sns.publish(TopicArn=topic, Message="4711")
    cloud.await_event("note", text=f"SNS drops a message of {topic}: its subscriber {queue} does not exist")
