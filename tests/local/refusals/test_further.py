"""Refusals that the conformance kit lacks, each with an accepted neighbour.

An expected error is from a recording on AWS or from AWS's documentation, which a comment names. Otherwise the model's
list of the operation's errors has one matching class only.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.quick_cloud import Cloud, quick_cloud

PARAMETER = "InvalidParameterValueException"
HANDLER = "def handler(event, context): return event"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as quick:
        quick.function("existing", HANDLER)
        yield quick


@pytest.fixture
def ask(cloud: Cloud) -> Any:
    """Return a function that makes a call, checked by the cloud only, and returns its error code or "accepted"."""

    def call(service: str, operation: str, **parameters: Any) -> str:
        endpoint = {"endpoint_url": cloud.endpoint, "region_name": "us-east-1"}
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client(service, **endpoint, **keys, config=Config(parameter_validation=False))
        try:
            getattr(client, operation)(**parameters)
        except ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return "accepted"

    return call


def document(**members: Any) -> dict[str, str]:
    return {"RedriveAllowPolicy": json.dumps(members)}


ARN = "arn:aws:sqs:us-east-1:123456789012:source"
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
QUEUES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("InvalidAttributeValue", {"Policy": "{}"}, {"Policy": json.dumps({"Statement": [STATEMENT]})}),
    ("InvalidAttributeValue", document(redrivePermission="some"), document(redrivePermission="denyAll")),
    ("InvalidParameterValue", document(redrivePermission="byQueue"), document(redrivePermission="allowAll")),
    (
        "InvalidParameterValue",
        document(redrivePermission="denyAll", sourceQueueArns=[ARN]),
        document(redrivePermission="byQueue", sourceQueueArns=[ARN]),
    ),
    (
        "InvalidParameterValue",
        document(redrivePermission="byQueue", sourceQueueArns=[f"{ARN}{number}" for number in range(11)]),
        document(redrivePermission="byQueue", sourceQueueArns=[f"{ARN}{number}" for number in range(10)]),
    ),
    ("InvalidParameterValue", {"RedrivePolicy": "{}"}, {"RedrivePolicy": ""}),
]


@pytest.mark.parametrize(("code", "bad", "good"), QUEUES)
def test_documents_of_queues(ask: Any, code: str, bad: dict[str, Any], good: dict[str, Any]) -> None:
    assert ask("sqs", "create_queue", QueueName="documents-bad", Attributes=bad) == code
    name = f"documents-{QUEUES.index((code, bad, good))}"
    assert ask("sqs", "create_queue", QueueName=name, Attributes=good) == "accepted"


def test_a_fifo_queue_remains_a_fifo_queue(ask: Any, cloud: Cloud) -> None:
    fifo = {"FifoQueue": "true"}
    url = cloud.client("sqs").create_queue(QueueName="stays.fifo", Attributes=fifo)["QueueUrl"]
    changed = {"QueueUrl": url, "Attributes": {"FifoQueue": "false"}}
    assert ask("sqs", "set_queue_attributes", **changed) == "InvalidAttributeValue"
    assert ask("sqs", "set_queue_attributes", QueueUrl=url, Attributes=fifo) == "accepted"
    assert ask("sqs", "send_message", QueueUrl=url, MessageBody="x", MessageDeduplicationId="x") == "MissingParameter"


def test_tags_of_queues(ask: Any, cloud: Cloud) -> None:
    url, _ = cloud.queue("tagged")
    for tags in ({"aws:x": "1"}, {"k" * 129: "1"}, {"k": "v" * 257}, {str(number): "" for number in range(51)}):
        assert ask("sqs", "tag_queue", QueueUrl=url, Tags=tags) == "InvalidParameterValue"
        assert ask("sqs", "create_queue", QueueName="tagged-bad", tags=tags) == "InvalidParameterValue"
    assert ask("sqs", "tag_queue", QueueUrl=url, Tags={str(number): "" for number in range(50)}) == "accepted"
    assert ask("sqs", "tag_queue", QueueUrl=url, Tags={"one more": ""}) == "InvalidParameterValue"


def test_permissions_of_queues(ask: Any, cloud: Cloud) -> None:
    url, _ = cloud.queue("permitted")
    valid = {"QueueUrl": url, "Label": "l", "AWSAccountIds": ["123456789012"], "Actions": ["SendMessage"]}
    assert ask("sqs", "add_permission", **valid | {"AWSAccountIds": ["me"]}) == "InvalidParameterValue"
    assert ask("sqs", "add_permission", **valid | {"AWSAccountIds": []}) == "MissingParameter"
    assert ask("sqs", "add_permission", **valid | {"Actions": []}) == "MissingParameter"
    assert ask("sqs", "add_permission", **valid) == "accepted"


def test_a_queue_of_another_account_is_not_found(ask: Any, cloud: Cloud) -> None:
    cloud.queue("mine")
    missing = "AWS.SimpleQueueService.NonExistentQueue"
    assert ask("sqs", "get_queue_url", QueueName="mine", QueueOwnerAWSAccountId="999999999999") == missing
    assert ask("sqs", "get_queue_url", QueueName="mine", QueueOwnerAWSAccountId="123456789012") == "accepted"


def test_attributes_of_messages(ask: Any, cloud: Cloud) -> None:
    url, _ = cloud.queue("attributes")

    def sent(attribute: dict[str, Any], member: str = "MessageAttributes", name: str = "a") -> str:
        return str(ask("sqs", "send_message", QueueUrl=url, MessageBody="x", **{member: {name: attribute}}))

    valid = {"DataType": "String", "StringValue": "x"}
    assert sent(valid) == "accepted"
    assert sent(valid | {"StringValue": "\x01"}) == "InvalidParameterValue"
    assert sent(valid | {"DataType": "String." + "x" * 250}) == "InvalidParameterValue"
    assert sent(valid | {"DataType": "String." + "x" * 249}) == "accepted"
    of_system = ("MessageSystemAttributes", "AWSTraceHeader")
    assert sent({"DataType": "Number", "StringValue": "1"}, *of_system) == "InvalidParameterValue"
    assert sent(valid, *of_system) == "accepted"


def test_the_visibility_of_a_message_that_is_not_in_flight(ask: Any, cloud: Cloud) -> None:
    url, _ = cloud.queue("in-flight")
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    message_of_queue = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    assert ask("sqs", "change_message_visibility", **message_of_queue, VisibilityTimeout=0) == "accepted"
    assert ask("sqs", "change_message_visibility", **message_of_queue, VisibilityTimeout=9) == "MessageNotInflight"
    sqs.delete_message(**message_of_queue)
    assert ask("sqs", "change_message_visibility", **message_of_queue, VisibilityTimeout=9) == "InvalidParameterValue"


TEXT: dict[str, Any] = {"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "WARN"}}
JSON: dict[str, Any] = {"LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN"}}
MISSING_SUBNET = "subnet-0123456789abcdef0"


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ({"Runtime": "python3.7"}, {"Runtime": "python3.9"}),
        (TEXT, JSON),
        ({"VpcConfig": {"SubnetIds": [MISSING_SUBNET], "SecurityGroupIds": []}}, {"VpcConfig": {"SubnetIds": []}}),
    ],
)
def test_configurations_of_functions(ask: Any, cloud: Cloud, bad: dict[str, Any], good: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=PARAMETER):
        cloud.function("configured-bad", HANDLER, **bad)
    name = f"configured-{next(iter(good))}"
    cloud.function(name, HANDLER, **good)
    assert ask("lambda", "update_function_configuration", FunctionName="existing", **bad) == PARAMETER
    assert ask("lambda", "update_function_configuration", FunctionName=name, **good) == "accepted"


def test_the_network_of_a_function_exists(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    valid = {"SubnetIds": [subnet], "SecurityGroupIds": [group]}
    cloud.function("networked", HANDLER, VpcConfig=valid)
    for invalid, code in (
        ({"SubnetIds": [MISSING_SUBNET]}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
    ):
        with pytest.raises(ClientError, match=f"{PARAMETER}.*{code}"):
            cloud.function("networked-bad", HANDLER, VpcConfig=valid | invalid)


def test_the_client_context_of_a_call(ask: Any) -> None:
    existing = {"FunctionName": "existing", "Payload": b"{}"}
    for bad in ("no base64!", base64.b64encode(b"no JSON").decode()):
        assert ask("lambda", "invoke", **existing, ClientContext=bad) == "InvalidRequestContentException"
    assert ask("lambda", "invoke", **existing, ClientContext=base64.b64encode(b'{"a": 1}').decode()) == "accepted"


def test_tags_of_functions(ask: Any, cloud: Cloud) -> None:
    arn = cloud.function("tagged", HANDLER)
    assert ask("lambda", "tag_resource", Resource=arn, Tags={}) == PARAMETER
    assert ask("lambda", "tag_resource", Resource=f"{arn}:$LATEST", Tags={"a": ""}) == PARAMETER
    assert ask("lambda", "list_tags", Resource=f"{arn}:$LATEST") == PARAMETER
    assert ask("lambda", "tag_resource", Resource=arn, Tags={str(number): "" for number in range(50)}) == "accepted"
    assert ask("lambda", "tag_resource", Resource=arn, Tags={"one more": ""}) == PARAMETER


def test_event_sources(ask: Any, cloud: Cloud) -> None:
    _, arn = cloud.queue("source")
    mapping = {"FunctionName": "existing", "EventSourceArn": arn}
    assert ask("lambda", "create_event_source_mapping", **mapping, MaximumRetryAttempts=2) == PARAMETER
    assert ask("lambda", "create_event_source_mapping", **mapping, BisectBatchOnFunctionError=True) == PARAMETER
    for other in ("arn:aws:sns:us-east-1:123456789012:t", "arn:aws:kinesis:us-east-1:123456789012:stream/none"):
        assert ask("lambda", "create_event_source_mapping", FunctionName="existing", EventSourceArn=other) == PARAMETER
    assert ask("lambda", "create_event_source_mapping", **mapping) == "accepted"
    latest = mapping | {"FunctionName": "existing:$LATEST"}
    assert ask("lambda", "create_event_source_mapping", **latest) == "ResourceConflictException"
    functions = cloud.client("lambda")
    version = functions.publish_version(FunctionName="existing")["Version"]
    functions.create_alias(FunctionName="existing", Name="live", FunctionVersion=version)
    assert ask("lambda", "create_event_source_mapping", **mapping | {"FunctionName": "existing:live"}) == "accepted"


def test_tags_of_groups_and_tokens_of_lists(ask: Any) -> None:
    def create_group(name: str, *keys: str) -> str:
        tags = [{"Key": key, "Value": "v"} for key in keys]
        return str(ask("scheduler", "create_schedule_group", Name=name, Tags=tags))

    assert create_group("group", "aws:a") == "ValidationException"
    assert create_group("group", "a", "a") == "ValidationException"
    assert create_group("group", "a", "b") == "accepted"
    for operation in ("list_schedules", "list_schedule_groups"):
        assert ask("scheduler", operation, NextToken="junk") == "ValidationException"


def test_a_move_task_is_refused_with_a_remedy(cloud: Cloud) -> None:
    _, arn = cloud.queue("letters")
    for operation, given in (("start", {"SourceArn": arn}), ("cancel", {"TaskHandle": "x"})):
        with pytest.raises(ClientError, match="cronstack dead-letters redrive") as refused:
            getattr(cloud.client("sqs"), f"{operation}_message_move_task")(**given)
        assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.UnsupportedOperation"


def test_function_urls_are_refused(ask: Any) -> None:
    """Templates refuse them, too."""
    assert ask("lambda", "create_function_url_config", FunctionName="existing", AuthType="NONE") == PARAMETER
    missing = ask("lambda", "create_function_url_config", FunctionName="none", AuthType="NONE")
    assert missing == "ResourceNotFoundException"
    assert ask("lambda", "create_function_url_config", FunctionName="existing", AuthType="ALL") == "ValidationException"
