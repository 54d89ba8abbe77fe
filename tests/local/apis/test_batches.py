"""Batches of SQS: an invalid entry fails alone in a standard queue, and fails the whole batch in a FIFO queue."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud


@pytest.fixture
def sqs(local_cloud: LocalCloud) -> Any:
    """Return a client without parameter validation."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("sqs", endpoint_url=local_cloud.endpoint, **keys, config=Config(parameter_validation=False))


def entry(key: str, body: str = "x", **more: Any) -> dict[str, Any]:
    return {"Id": key, "MessageBody": body, **more}


def failed(response: dict[str, Any]) -> dict[str, str]:
    assert all(entry["SenderFault"] for entry in response.get("Failed", ()))
    return {entry["Id"]: entry["Code"] for entry in response.get("Failed", ())}


def done(response: dict[str, Any]) -> list[str]:
    return [entry["Id"] for entry in response.get("Successful", ())]


WRONG = [
    ("InvalidMessageContents", {"body": "\x01"}),
    ("MissingParameter", {"body": ""}),
    ("InvalidParameterValue", {"body": "x" * 1025}),
    ("InvalidParameterValue", {"DelaySeconds": 901}),
    ("InvalidParameterValue", {"MessageDeduplicationId": "d"}),
    ("InvalidParameterValue", {"MessageAttributes": {"a": {"DataType": "Bool", "StringValue": "x"}}}),
]


def test_an_invalid_message_does_not_affect_the_others(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="batches", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    entries = [entry(str(number), **wrong) for number, (_, wrong) in enumerate(WRONG)]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[entry("a"), *entries, entry("b", "y")])
    assert failed(answer) == {str(number): code for number, (code, _) in enumerate(WRONG)}
    assert done(answer) == ["a", "b"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in received) == ["x", "y"]
    assert failed(sqs.send_message_batch(QueueUrl=url, Entries=[entry("c", "")])) == {"c": "MissingParameter"}


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("InvalidMessageContents", {"body": "\x01"}),
        ("MissingParameter", {"MessageGroupId": None}),
        ("InvalidParameterValue", {"MessageDeduplicationId": None}),
        ("InvalidParameterValue", {"DelaySeconds": 1}),
    ],
)
def test_a_fifo_queue_accepts_all_entries_or_none(sqs: Any, code: str, wrong: dict[str, Any]) -> None:
    url = sqs.create_queue(QueueName="batches.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    given = entry("b", **{"MessageGroupId": "g", "MessageDeduplicationId": "2"} | wrong)
    bad = {name: value for name, value in given.items() if value is not None}
    good = entry("a", MessageGroupId="g", MessageDeduplicationId="1")
    with pytest.raises(ClientError, match=rf"\({code}\)"):
        sqs.send_message_batch(QueueUrl=url, Entries=[good, bad])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_invalid_entries_of_delete_and_visibility_batches(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="handled")["QueueUrl"]
    sqs.send_message_batch(QueueUrl=url, Entries=[entry("a"), entry("b")])
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    first, second = (message["ReceiptHandle"] for message in messages)
    hidden = {"ReceiptHandle": first, "VisibilityTimeout": 30}
    answer = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[{"Id": "1", **hidden}, {"Id": "2", **hidden | {"VisibilityTimeout": 43201}}]
    )
    assert (done(answer), failed(answer)) == (["1"], {"2": "InvalidParameterValue"})
    answer = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "1"},
            {"Id": "2", "ReceiptHandle": "nope"},
            {"Id": "3", "ReceiptHandle": first},
            {"Id": "4", "ReceiptHandle": first},
            {"Id": "5", "ReceiptHandle": second},
        ],
    )
    assert failed(answer) == {"1": "MissingParameter", "2": "ReceiptHandleIsInvalid"}
    assert done(answer) == ["3", "4", "5"]
    with pytest.raises(ClientError, match=r"\(MissingParameter\).*DeleteMessageBatchRequestEntry\.1\.Id"):
        sqs.delete_message_batch(QueueUrl=url, Entries=[{"ReceiptHandle": first}])
