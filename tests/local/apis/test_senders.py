"""SenderId of a message: correct for each way in which a message is sent to a queue."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from cronstack_infra.local.environment import ACCOUNT
from tests.local.quick_cloud import Cloud, quick_cloud

SENDS = """
    import boto3

    def handler(event, context):
        if event.get("topic"):
            boto3.client("sns").publish(TopicArn=event["topic"], Message="of a topic")
        elif event.get("batch"):
            entries = [{"Id": "a", "MessageBody": "in a batch"}]
            boto3.client("sqs").send_message_batch(QueueUrl=event["queue"], Entries=entries)
        else:
            boto3.client("sqs").send_message(QueueUrl=event["queue"], MessageBody="alone")
"""
RAISES = "def handler(event, context): raise ValueError('no')"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud(retry_delays=(0.1, 0.1)) as cloud:
        yield cloud


def id_of(cloud: Cloud, arn: str) -> str:
    return str(cloud.client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]["RoleId"])


def sender(cloud: Cloud, url: str) -> str:
    return str(cloud.receive(url)["Attributes"]["SenderId"])


def invoke(cloud: Cloud, function: str, **event: Any) -> None:
    response = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    assert "FunctionError" not in response, response["Payload"].read()


@pytest.mark.parametrize("batch", [False, True])
def test_a_handler_sends_as_the_role_of_its_function(cloud: Cloud, batch: bool) -> None:
    name = f"sends-{batch}".lower()
    role = cloud.role(f"{name}-role", "lambda.amazonaws.com", {"Action": "sqs:*", "Resource": "*"})
    cloud.function(name, SENDS, Role=role)
    url, _ = cloud.queue(name)
    invoke(cloud, name, queue=url, batch=batch)
    assert sender(cloud, url) == f"{id_of(cloud, role)}:{name}"


def test_lambda_sends_to_a_destination_as_the_role_of_the_function(cloud: Cloud) -> None:
    url, arn = cloud.queue("failed")
    role = cloud.role("failing", "lambda.amazonaws.com", {"Action": "sqs:*", "Resource": "*"})
    cloud.function("failing", RAISES, Role=role)
    client = cloud.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName="failing", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    client.invoke(FunctionName="failing", InvocationType="Event", Payload=b"{}")
    assert sender(cloud, url).partition(":")[0] == id_of(cloud, role)


@pytest.mark.parametrize("way", ["dead letter", "target", "universal target"])
def test_scheduler_sends_as_the_role_of_the_schedule(cloud: Cloud, way: str) -> None:
    name = f"by-scheduler-{way.replace(' ', '-')}"
    role = cloud.role(name, "scheduler.amazonaws.com", {"Action": ["sqs:SendMessage"], "Resource": "*"})
    url, arn = cloud.queue(name)
    target = {
        "dead letter": {"Arn": cloud.function(name, SENDS), "DeadLetterConfig": {"Arn": arn}},
        "target": {"Arn": arn},
        "universal target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
            "Input": json.dumps({"QueueUrl": url, "MessageBody": "forged"}),
        },
    }[way]
    cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime(time.time() - 1)),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"RoleArn": role, "Input": "{}", **target},
    )
    assert sender(cloud, url).partition(":")[0] == id_of(cloud, role)


def test_a_client_sends_as_a_user_or_as_the_account(cloud: Cloud) -> None:
    iam, sqs = cloud.client("iam"), cloud.client("sqs")
    url, _ = cloud.queue("by-hand")
    sqs.send_message(QueueUrl=url, MessageBody="of the root user")
    assert sender(cloud, url) == ACCOUNT
    user = iam.create_user(UserName="ann")["User"]["UserId"]
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    client = boto3.client(
        "sqs",
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    client.send_message(QueueUrl=url, MessageBody="of a user")
    assert sender(cloud, url) == user, "the first message is hidden"


def test_a_topic_does_not_send_as_the_publisher(cloud: Cloud) -> None:
    url, arn = cloud.queue("of-a-topic")
    topic = cloud.client("sns").create_topic(Name="news")["TopicArn"]
    cloud.allow_topic(url, topic)
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    role = cloud.role("publisher", "lambda.amazonaws.com", {"Action": "sns:*", "Resource": "*"})
    cloud.function("publishes", SENDS, Role=role)
    invoke(cloud, "publishes", topic=topic)
    assert id_of(cloud, role) not in sender(cloud, url)
