"""A function that invokes itself is stopped after sixteen rounds, as on AWS, and the user is notified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.processes import ended_within
from tests.local.quick_cloud import Cloud, quick_cloud

ROUNDS = 16
CALLS_ITSELF = """
import boto3, json, os
def handler(event, context):
    number = event["number"]
    if number < event.get("most", 60):
        payload = json.dumps({**event, "number": number + 1})
        name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        answer = boto3.client("lambda").invoke(FunctionName=name, InvocationType=event["how"], Payload=payload)
        if event["how"] == "RequestResponse":
            return json.loads(answer["Payload"].read())
    return number
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as cloud:
        cloud.handler_role = cloud.role(
            "loops", "lambda.amazonaws.com", {"Action": ["sqs:*", "sns:*"], "Resource": "*"}
        )
        yield cloud


def start(cloud: Cloud, name: str, how: str = "Event", **event: Any) -> dict[str, Any]:
    payload = json.dumps({"number": 1, "how": how, **event})
    response: dict[str, Any] = cloud.client("lambda").invoke(FunctionName=name, InvocationType=how, Payload=payload)
    return response


def await_stop(cloud: Cloud, name: str) -> None:
    """Wait for the note that the loop was stopped; check the number of runs."""
    while not [note for note in cloud.events("note") if note["text"].startswith(f"{name} has run 16 times")]:
        cloud.next_event()
    assert len(cloud.await_end(name, ROUNDS)) == ROUNDS


def test_a_function_that_invokes_itself_is_stopped_and_its_event_is_a_dead_letter(cloud: Cloud) -> None:
    url, arn = cloud.queue("loop-letters")
    cloud.function("calls-itself", CALLS_ITSELF)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName="calls-itself", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    start(cloud, "calls-itself")
    await_stop(cloud, "calls-itself")
    letter = json.loads(cloud.receive(url)["Body"])
    assert letter["requestContext"]["condition"] == "RecursiveInvocation"
    assert letter["requestPayload"]["number"] == ROUNDS + 1


def test_a_synchronous_loop_is_refused_to_its_caller(cloud: Cloud) -> None:
    cloud.function("waits-for-itself", CALLS_ITSELF, Timeout=300)
    answer = start(cloud, "waits-for-itself", "RequestResponse")
    assert "RecursiveInvocationException" in answer["Payload"].read().decode()
    assert len(cloud.events("started", function="waits-for-itself")) == ROUNDS


def test_a_loop_through_a_queue_is_stopped_and_its_message_ends_as_a_dead_letter(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    letters, letters_arn = cloud.queue("queue-loop-letters")
    url, arn = cloud.queue("queue-loop")
    redrive = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "10"})
    source = """
    import boto3, os
    def handler(event, context):
        for record in event["Records"]:
            boto3.client("sqs").send_message(QueueUrl=os.environ["URL"], MessageBody=record["body"])
    """
    cloud.function("through-queue", source, Environment={"Variables": {"URL": url}})
    cloud.client("lambda").create_event_source_mapping(FunctionName="through-queue", EventSourceArn=arn)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    await_stop(cloud, "through-queue")
    assert cloud.receive(letters)["Body"] == "x"


def test_a_loop_through_a_topic_is_stopped(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="loop")["TopicArn"]
    source = """
    import boto3, os
    def handler(event, context):
        boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message="x")
    """
    function = cloud.function("through-topic", source, Environment={"Variables": {"TOPIC": topic}})
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message="x")
    await_stop(cloud, "through-topic")


def test_an_allowed_loop_continues(cloud: Cloud) -> None:
    cloud.function("may-loop", CALLS_ITSELF)
    cloud.client("lambda").put_function_recursion_config(FunctionName="may-loop", RecursiveLoop="Allow")
    start(cloud, "may-loop", most=20)
    assert len(cloud.await_end("may-loop", 20)) == 20


def test_a_template_can_allow_a_loop(cloud: Cloud) -> None:
    code = {"ZipFile": "def handler(e, c): pass"}
    given = {"Runtime": "python3.13", "Handler": "index.handler", "Role": cloud.handler_role, "Code": code}
    properties = given | {"FunctionName": "templated", "RecursiveLoop": "Allow"}
    template = json.dumps({"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}})
    cloud.client("cloudformation").create_stack(StackName="loops", TemplateBody=template)
    config = cloud.client("lambda").get_function_recursion_config(FunctionName="templated")
    assert config["RecursiveLoop"] == "Allow"


def test_many_events_of_one_sender_are_not_a_loop(cloud: Cloud) -> None:
    source = """
    import boto3
    def handler(event, context):
        client = boto3.client("lambda")
        for _ in range(20):
            client.invoke(FunctionName="fanned-out", InvocationType="Event")
    """
    cloud.function("fanned-out", "def handler(e, c): pass")
    cloud.function("fans-out", source, Timeout=60)
    start(cloud, "fans-out")
    assert len(cloud.await_end("fanned-out", 20)) == 20


def test_the_processes_of_a_deleted_function_end(cloud: Cloud) -> None:
    cloud.function("deleted", "import os\ndef handler(e, c): return os.getpid()")
    pid = int(cloud.client("lambda").invoke(FunctionName="deleted")["Payload"].read())
    cloud.client("lambda").delete_function(FunctionName="deleted")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloud.client("lambda").invoke(FunctionName="deleted")
    assert ended_within(pid, 30)
