"""Event sources through the real server, with real processes, on virtual time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.quick_cloud import Cloud
from tests.local.stepped import seconds, stepped_cloud

WORKER = """
import json
def handler(event, context):
    print(json.dumps(event))
    bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in bad]}
"""
RAISES = "def handler(event, context): raise ValueError('no')"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with stepped_cloud() as cloud:
        yield cloud


def queue(cloud: Cloud, name: str, **attributes: str) -> tuple[str, str]:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "10", **attributes})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def mapped(cloud: Cloud, function: str, arn: str, **fields: Any) -> str:
    created = cloud.client("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn, **fields)
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert created["State"] == "Creating"
    return str(created["UUID"])


def messages_left(cloud: Cloud, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition()


def test_a_message_reaches_the_function_as_on_aws_and_is_deleted(cloud: Cloud) -> None:
    url, arn = queue(cloud, "orders")
    cloud.function("worker", WORKER)
    mapped(cloud, "worker", arn)
    sent = cloud.client("sqs").send_message(
        QueueUrl=url, MessageBody="an order", MessageAttributes={"kind": {"DataType": "String", "StringValue": "new"}}
    )
    logged = cloud.await_event("log", function="worker")
    (record,) = json.loads(logged["line"])["Records"]
    assert len(record.pop("receiptHandle")) > 20
    attributes = record.pop("attributes")
    assert attributes.pop("SentTimestamp").isdigit()
    assert attributes.pop("ApproximateFirstReceiveTimestamp").isdigit()
    assert attributes.pop("SenderId")
    assert attributes == {"ApproximateReceiveCount": "1"}
    assert record == {
        "messageId": sent["MessageId"],
        "body": "an order",
        "messageAttributes": {
            "kind": {"stringValue": "new", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
        },
        "md5OfBody": sent["MD5OfMessageBody"],
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "us-east-1",
    }
    until(lambda: messages_left(cloud, url) == 0)
    assert cloud.await_event("batch", queue=arn)["deleted"] == 1


def test_reported_messages_stay_and_the_others_are_deleted(cloud: Cloud) -> None:
    letters, letters_arn = queue(cloud, "partial-letters")
    policy = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": 1})
    url, arn = queue(cloud, "partial", RedrivePolicy=policy)
    cloud.function("partial", WORKER)
    entries = [{"Id": str(n), "MessageBody": "bad" if n == 1 else "good"} for n in range(3)]
    cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    mapped(cloud, "partial", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    batch = cloud.await_event("batch", queue=arn)
    assert (batch["messages"], batch["deleted"], batch["reason"]) == (3, 2, "reported")
    assert cloud.receive(letters)["Body"] == "bad"
    assert messages_left(cloud, url) == 0


def test_messages_of_a_failing_function_become_dead_letters_of_the_queue(cloud: Cloud) -> None:
    letters, letters_arn = queue(cloud, "failing-letters")
    policy = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": 2})
    url, arn = queue(cloud, "failing", VisibilityTimeout="30", RedrivePolicy=policy)
    cloud.function("failing", RAISES)
    mapped(cloud, "failing", arn)
    sent = cloud.client("sqs").send_message(QueueUrl=url, MessageBody="hopeless")
    letter = cloud.receive(letters)
    assert (letter["MessageId"], letter["Body"]) == (sent["MessageId"], "hopeless")
    until(lambda: len(cloud.events("batch", queue=arn)) == 2)  # a letter may arrive before the event
    assert [batch["deleted"] for batch in cloud.events("batch", queue=arn)] == [0, 0]
    first, second = cloud.events("started", function="failing")
    assert (first["attempt"], second["attempt"]) == (1, 1), "Lambda's own retries do not apply"
    assert seconds(second) - seconds(first) == pytest.approx(30, abs=0.01)
    assert messages_left(cloud, url) == 0


def test_a_fifo_group_keeps_its_order_when_it_comes_back(cloud: Cloud) -> None:
    url, arn = queue(cloud, "line.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    source = """
    import json
    seen = []
    def handler(event, context):
        print(json.dumps([record["body"] for record in event["Records"]]))
        if event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1":
            return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"]]}
    """
    cloud.function("liner", source)
    for number in range(4):
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId="g")
    mapped(cloud, "liner", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    until(lambda: messages_left(cloud, url) == 0)
    until(lambda: len(cloud.events("log", function="liner")) == 2)
    assert [json.loads(log["line"]) for log in cloud.events("log", function="liner")] == [["0", "1", "2", "3"]] * 2


def test_a_mapping_is_changed_disabled_listed_and_deleted(cloud: Cloud) -> None:
    url, arn = queue(cloud, "changed")
    function = cloud.function("changed", WORKER)
    client = cloud.client("lambda")
    uuid = mapped(cloud, "changed", arn, Enabled=False)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="waits")
    mapping = client.get_event_source_mapping(UUID=uuid)
    assert (mapping["State"], mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == ("Disabled", 10, 0)
    assert mapping["FunctionArn"] == function
    assert (mapping["FunctionResponseTypes"], "StartingPosition" in mapping) == ([], False)
    for name in ("changed", function):
        assert [
            mapping["UUID"] for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        ] == [uuid]
    assert messages_left(cloud, url) == 1
    scaling = {"MaximumConcurrency": 2}
    changed = client.update_event_source_mapping(UUID=uuid, Enabled=True, BatchSize=3, ScalingConfig=scaling)
    assert (changed["State"], changed["BatchSize"], changed["ScalingConfig"]) == ("Updating", 3, scaling)
    until(lambda: messages_left(cloud, url) == 0)
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"
    assert client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_event_source_mapping(UUID=uuid)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="stays")
    other_url, other = queue(cloud, "sent-to-later")
    mapped(cloud, "changed", other)
    cloud.client("sqs").send_message(QueueUrl=other_url, MessageBody="goes")
    until(lambda: messages_left(cloud, other_url) == 0)
    assert messages_left(cloud, url) == 1


@pytest.fixture(scope="module")
def refusing_queue(cloud: Cloud) -> str:
    """Create a queue, and functions that may or may not be mapped to it; return the queue's ARN."""
    cloud.function("quick", WORKER)
    cloud.function("slow", WORKER, Timeout=11)
    cloud.function("poor", WORKER, Role=cloud.role("poor", "lambda.amazonaws.com"))
    return queue(cloud, "refusing_queue")[1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"FunctionName": "slow"}, "Queue visibility timeout: 10 seconds is less than Function timeout: 11 seconds"),
        ({"FunctionName": "poor"}, "does not have permissions to call ReceiveMessage on SQS"),
        ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "does not carry out filter criteria"),
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:missing"}, "queue does not exist"),
    ],
)
def test_an_invalid_mapping_is_refused(cloud: Cloud, refusing_queue: str, fields: dict[str, Any], words: str) -> None:
    given = {"FunctionName": "quick", "EventSourceArn": refusing_queue, **fields}
    with pytest.raises(ClientError, match="InvalidParameterValueException") as refused:
        cloud.client("lambda").create_event_source_mapping(**given)
    assert words in str(refused.value)


def test_an_idle_queue_is_not_polled(cloud: Cloud) -> None:
    """Nothing is due while every queue is empty. Otherwise virtual time would pass between two invocations."""
    cloud.function("prompt", "def handler(event, context): return 1")
    _, arn = queue(cloud, "idle")
    mapped(cloud, "prompt", arn)
    for number in (1, 2):
        cloud.client("lambda").invoke(FunctionName="prompt")
        cloud.await_end("prompt", number)
    first, second = cloud.events("started", function="prompt")
    assert seconds(first) == seconds(second)
