"""Queues: a long poll delays no other request, and SendMessage invokes no function."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto import mock_aws
from moto.sqs.models import sqs_backends

from cronstack_infra.local.apis import sqs
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.moto.patch import apply, unpatch
from cronstack_infra.local.moto.surroundings import PatchParameters


@pytest.fixture
def url(local_cloud: LocalCloud, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("_", "-")[:80]
    return str(local_cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"])


def test_a_long_poll_allows_other_requests_and_receives_their_messages(local_cloud: LocalCloud, url: str) -> None:
    poller, other = local_cloud.client("sqs"), local_cloud.client("sqs")
    with ThreadPoolExecutor(8) as pool:
        polls = [pool.submit(poller.receive_message, QueueUrl=url, WaitTimeSeconds=20) for _ in range(8)]
        for number in range(8):
            other.send_message(QueueUrl=url, MessageBody=str(number))
        received = [poll.result()["Messages"][0]["Body"] for poll in polls]
    assert sorted(received) == [str(number) for number in range(8)]


def test_an_empty_poll_ends_after_its_wait_time(local_cloud: LocalCloud, url: str) -> None:
    before = time.monotonic()
    assert "Messages" not in local_cloud.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert time.monotonic() - before >= 1.0


def test_a_poll_receives_a_message_that_becomes_visible_while_it_waits(local_cloud: LocalCloud, url: str) -> None:
    client = local_cloud.client("sqs")
    client.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    assert client.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]["Body"] == "late"


def test_the_url_leads_to_this_cloud(local_cloud: LocalCloud, url: str) -> None:
    assert url == f"{local_cloud.endpoint}/123456789012/{url.rpartition('/')[2]}"
    assert local_cloud.client("sqs").get_queue_url(QueueName=url.rpartition("/")[2])["QueueUrl"] == url


def test_times_of_a_queue_are_whole_seconds(local_cloud: LocalCloud, url: str) -> None:
    request = {"QueueUrl": url, "AttributeNames": ["CreatedTimestamp", "LastModifiedTimestamp"]}
    attributes = local_cloud.client("sqs").get_queue_attributes(**request)["Attributes"]
    assert [text.isdigit() for text in attributes.values()] == [True, True], attributes


def test_the_redrive_allow_policy_is_shown(local_cloud: LocalCloud, url: str) -> None:
    sqs, policy = local_cloud.client("sqs"), '{"redrivePermission":"denyAll"}'
    assert "RedriveAllowPolicy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": policy})
    for names in (["All"], ["RedriveAllowPolicy"]):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        assert attributes["RedriveAllowPolicy"] == policy


def test_send_message_invokes_no_function() -> None:
    """Without the patch, moto runs the mapped function in the sender's thread."""
    apply(sqs.PATCHES, PatchParameters(endpoint="http://127.0.0.1:1"))
    try:
        with mock_aws():
            queue = sqs_backends["123456789012"]["us-east-1"].create_queue("mapped")
            queue.lambda_event_source_mappings["arn:aws:lambda:us-east-1:123456789012:function:f"] = object()
            assert queue.lambda_event_source_mappings == {}
            boto3.client("sqs", region_name="us-east-1").send_message(QueueUrl=queue.name, MessageBody="stays")
            assert len(queue.messages) == 1
    finally:
        unpatch()
