"""Lambda with real processes on virtual time: destinations, concurrency, age, qualifiers, logs, checks at creation."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.executor.bench import zipped
from tests.local.quick_cloud import Cloud
from tests.local.stepped import is_virtual, seconds, stepped_cloud

WAITS = """
import os, time
def handler(event, context):
    print("number", event["number"])
    while not os.path.exists(event["until"]):
        time.sleep(0.01)
"""
RAISES = "def handler(event, context): raise ValueError('no')"
ECHO = "def handler(event, context): return {'got': event}"
BASE = "arn:aws:lambda:us-east-1:123456789012:function:"
RECORDS = {"Action": ["sqs:*", "sns:*"], "Resource": "*"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with stepped_cloud() as cloud:
        cloud.handler_role = cloud.role("writers", "lambda.amazonaws.com", RECORDS)
        yield cloud


def without_retries(cloud: Cloud) -> Any:
    """Return a client without retries."""
    return boto3.client(
        "lambda",
        endpoint_url=cloud.client("lambda").meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIACRONSTACKLOCAL00",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


def topic(cloud: Cloud, name: str) -> tuple[str, str]:
    """Create a topic, and a queue that gets its raw messages; return the topic's ARN and the queue's URL."""
    sns = cloud.client("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    url, queue = cloud.queue(f"{name}-subscribed")
    cloud.allow_topic(url, arn)
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    return arn, url


def send(cloud: Cloud, name: str, payload: bytes = b"{}", **fields: Any) -> str:
    response = cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=payload, **fields)
    assert response["StatusCode"] == 202
    return str(response["ResponseMetadata"]["RequestId"])


def configure(cloud: Cloud, name: str, **fields: Any) -> None:
    destinations = {key: {"Destination": fields.pop(key)} for key in ("OnFailure", "OnSuccess") if key in fields}
    cloud.client("lambda").put_function_event_invoke_config(FunctionName=name, DestinationConfig=destinations, **fields)


def refused(call: Any, **fields: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as fault:
        call(**fields)
    error = fault.value.response["Error"]
    return error["Code"], error["Message"]


def messages(cloud: Cloud, url: str) -> list[dict[str, Any]]:
    """Return the visible messages of a queue, without waiting."""
    received = cloud.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
    )
    return list(received.get("Messages", []))


# destinations and dead letters


@pytest.mark.parametrize("service", ["sqs", "sns"])
def test_a_success_is_recorded_at_its_destination(cloud: Cloud, service: str) -> None:
    name = f"succeeds-{service}"
    url, arn = cloud.queue(name)
    if service == "sns":
        arn, url = topic(cloud, name)
    cloud.function(name, ECHO)
    configure(cloud, name, OnSuccess=arn)
    request_id = send(cloud, name, b'{"a": [1, null]}')
    letter = cloud.receive(url)
    body = json.loads(letter["Body"])
    assert is_virtual(body.pop("timestamp"))
    assert body == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{BASE}{name}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"a": [1, None]},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"got": {"a": [1, None]}},
    }
    assert "MessageAttributes" not in letter


def test_a_record_too_large_for_a_topic_comes_without_its_payloads(cloud: Cloud) -> None:
    arn, url = topic(cloud, "large")
    cloud.function("large", "def handler(event, context): return 'x' * 300_000")
    configure(cloud, "large", OnSuccess=arn)
    send(cloud, "large")
    body = json.loads(cloud.receive(url)["Body"])
    assert set(body) == {"version", "timestamp", "requestContext", "responseContext"}


@pytest.mark.parametrize("service", ["sqs", "sns"])
def test_dead_letter_queue_and_destination_both_get_a_record(cloud: Cloud, service: str) -> None:
    name = f"both-{service}"
    url, arn = cloud.queue(f"{name}-letters")
    if service == "sns":
        arn, url = topic(cloud, f"{name}-letters")
    other_url, other = cloud.queue(f"{name}-records")
    cloud.function(
        name, "def handler(event, context): raise ValueError('é' * 2000)", DeadLetterConfig={"TargetArn": arn}
    )
    configure(cloud, name, OnFailure=other)
    request_id = send(cloud, name, b'{"a":  1}')
    letter = cloud.receive(url)
    assert letter["Body"] == '{"a":  1}'
    attributes = letter["MessageAttributes"]
    assert set(attributes) == {"RequestID", "ErrorCode", "ErrorMessage"}
    assert attributes["RequestID"] == {"StringValue": request_id, "DataType": "String"}
    assert attributes["ErrorCode"] == {"StringValue": "200", "DataType": "Number"}
    assert attributes["ErrorMessage"] == {"StringValue": "é" * 512, "DataType": "String"}
    assert json.loads(cloud.receive(other_url)["Body"])["requestContext"]["condition"] == "RetriesExhausted"
    assert messages(cloud, url) == messages(cloud, other_url) == []


def test_a_destination_that_the_role_may_not_write_to_is_refused(cloud: Cloud) -> None:
    _, arn = cloud.queue("forbidden")
    weak = cloud.role("weak", "lambda.amazonaws.com", {"Action": "sqs:ReceiveMessage", "Resource": "*"})
    cloud.function("weak", RAISES, Role=weak)
    client = cloud.client("lambda")
    call = client.put_function_event_invoke_config
    code, text = refused(call, FunctionName="weak", DestinationConfig={"OnFailure": {"Destination": arn}})
    assert (code, "SendMessage" in text) == ("InvalidParameterValueException", True)
    code, text = refused(client.update_function_configuration, FunctionName="weak", DeadLetterConfig={"TargetArn": arn})
    assert code == "InvalidParameterValueException"
    assert text == "The provided execution role does not have permissions to call SendMessage on SQS"


def test_a_record_that_the_role_may_no_longer_write_is_dropped_and_reported(cloud: Cloud) -> None:
    url, arn = cloud.queue("lost")
    fickle = cloud.role("fickle", "lambda.amazonaws.com", {"Action": "sqs:SendMessage", "Resource": arn})
    cloud.function("fickle", RAISES, Role=fickle, DeadLetterConfig={"TargetArn": arn})
    configure(cloud, "fickle", OnFailure=arn, MaximumRetryAttempts=0)
    cloud.client("iam").delete_role_policy(RoleName="fickle", PolicyName="may")
    send(cloud, "fickle")
    cloud.await_event("dropped", function="fickle")
    cloud.function("after", ECHO)
    cloud.client("lambda").invoke(FunctionName="after")
    dropped = cloud.events("dropped", function="fickle")
    assert [event["queue"] for event in dropped] == [arn, arn]
    assert "is not authorized to perform: sqs:SendMessage on resource: " + arn in dropped[0]["error"]
    assert messages(cloud, url) == []


# concurrency and age


def waiting(number: int, until: Path) -> bytes:
    """Return an event for ``WAITS``, which then runs until a file exists."""
    return json.dumps({"number": number, "until": str(until)}).encode()


def test_invocations_beyond_the_reserved_concurrency_are_throttled(cloud: Cloud, tmp_path: Path) -> None:
    """A synchronous invoke gets 429. An asynchronous event waits with growing pauses, and keeps its three attempts."""
    cloud.function("one", f"{WAITS}    raise ValueError", Timeout=60)
    url, arn = cloud.queue("one-letters")
    configure(cloud, "one", OnFailure=arn)
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="one", ReservedConcurrentExecutions=1)
    event = waiting(1, tmp_path / "end")
    first = send(cloud, "one", event)
    cloud.await_event("started", request_id=first)
    with pytest.raises(ClientError) as fault:
        without_retries(cloud).invoke(FunctionName="one", Payload=event)
    assert fault.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert fault.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert fault.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    second = send(cloud, "one", event)
    throttled = cloud.await_event("retry", request_id=second)
    assert (throttled["reason"], throttled["in_seconds"], throttled["attempt"]) == ("throttled", 1, 1)
    (tmp_path / "end").touch()
    letters = [json.loads(cloud.receive(url)["Body"]) for _ in range(2)]
    assert {letter["requestContext"]["requestId"] for letter in letters} == {first, second}
    assert {letter["requestContext"]["approximateInvokeCount"] for letter in letters} == {3}
    cloud.await_event("started", request_id=second, attempt=3)  # a letter may arrive before this event
    assert [start["attempt"] for start in cloud.events("started", request_id=second)] == [1, 2, 3]


def test_reserved_concurrency_counts_over_all_versions(cloud: Cloud) -> None:
    cloud.function("shared", ECHO)
    client = cloud.client("lambda")
    client.publish_version(FunctionName="shared")
    client.put_function_concurrency(FunctionName="shared", ReservedConcurrentExecutions=0)
    assert refused(without_retries(cloud).invoke, FunctionName="shared", Qualifier="1")[0] == "TooManyRequestsException"
    client.delete_function_concurrency(FunctionName="shared")
    assert without_retries(cloud).invoke(FunctionName="shared", Qualifier="1")["ExecutedVersion"] == "1"


@pytest.mark.parametrize(("age", "attempts"), [(60, 1), (61, 2), (180, 2), (181, 3)])
def test_the_age_is_checked_in_advance(cloud: Cloud, age: int, attempts: int) -> None:
    name = f"aged-{age}"
    url, arn = cloud.queue(name)
    cloud.function(name, RAISES)
    configure(cloud, name, OnFailure=arn, MaximumEventAgeInSeconds=age)
    send(cloud, name)
    context = json.loads(cloud.receive(url)["Body"])["requestContext"]
    assert context["condition"] == ("RetriesExhausted" if attempts == 3 else "EventAgeExceeded")
    assert context["approximateInvokeCount"] == attempts
    cloud.await_event("started", function=name, attempt=attempts)  # a letter may arrive before this event
    started = cloud.events("started", function=name)
    assert [seconds(start) - seconds(started[0]) for start in started] == [0, 60, 180][:attempts]


# qualifiers


def test_a_version_keeps_code_and_configuration_and_an_alias_follows_its_version(cloud: Cloud) -> None:
    source = "import os\ndef handler(event, context):\n    return [{n}, os.environ['MOOD'], context.function_version,"
    source += " context.invoked_function_arn, os.environ['AWS_LAMBDA_FUNCTION_VERSION']]"
    name, client = "versioned", cloud.client("lambda")
    cloud.function(name, source.replace("{n}", "1"), Environment={"Variables": {"MOOD": "good"}})
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    assert client.publish_version(FunctionName=name)["Version"] == "1"  # nothing has changed
    other = cloud.function("versioned-2", source.replace("{n}", "2"), Environment={"Variables": {"MOOD": "bad"}})
    assert other
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"MOOD": "bad"}})
    assert client.publish_version(FunctionName=name, Description="worse")["Version"] == "2"
    live = client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
    assert live == f"{BASE}{name}:live"

    def invoke(**fields: Any) -> list[Any]:
        response = client.invoke(**({"FunctionName": name} | fields))
        return [response["ExecutedVersion"], *json.loads(response["Payload"].read())]

    assert invoke() == ["$LATEST", 1, "bad", "$LATEST", BASE + name, "$LATEST"]
    assert invoke(Qualifier="1") == ["1", 1, "good", "1", f"{BASE}{name}:1", "1"]
    assert invoke(Qualifier="live") == ["1", 1, "good", "1", live, "1"]
    assert invoke(FunctionName=live) == ["1", 1, "good", "1", live, "1"]
    assert invoke(FunctionName=f"{name}:live") == ["1", 1, "good", "1", live, "1"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert invoke(Qualifier="live") == ["2", 1, "bad", "2", live, "2"]

    assert refused(client.delete_function, FunctionName=name, Qualifier="2")[0] == "ResourceConflictException"
    assert (
        refused(client.delete_function, FunctionName=name, Qualifier="$LATEST")[0] == "InvalidParameterValueException"
    )
    again = {"FunctionName": name, "Name": "live", "FunctionVersion": "1"}
    assert refused(client.create_alias, **again)[0] == "ResourceConflictException"
    shares = {"AdditionalVersionWeights": {"1": 0.5}}
    code, text = refused(client.update_alias, FunctionName=name, Name="live", RoutingConfig=shares)
    assert (code, "does not distribute calls" in text) == ("InvalidParameterValueException", True)
    client.delete_alias(FunctionName=name, Name="live")
    assert refused(client.invoke, FunctionName=name, Qualifier="live")[0] == "ResourceNotFoundException"
    client.delete_function(FunctionName=name, Qualifier="2")
    client.update_function_configuration(FunctionName=name, Description="third")
    assert client.publish_version(FunctionName=name)["Version"] == "3"  # numbers are never reused
    assert refused(client.publish_version, FunctionName=name, CodeSha256="x")[0] == "InvalidParameterValueException"


def test_each_qualifier_has_its_own_configuration_or_none(cloud: Cloud) -> None:
    url, arn = cloud.queue("alias-letters")
    cloud.function("aliased", RAISES)
    client = cloud.client("lambda")
    client.publish_version(FunctionName="aliased")
    client.create_alias(FunctionName="aliased", Name="live", FunctionVersion="1")
    client.create_alias(FunctionName="aliased", Name="bare", FunctionVersion="1")
    configure(cloud, "aliased", MaximumRetryAttempts=1)
    configure(cloud, "aliased", Qualifier="live", MaximumRetryAttempts=0, OnFailure=arn)
    for qualifier, runs in ((None, 2), ("live", 1), ("bare", 3)):
        request_id = send(cloud, "aliased", **({} if qualifier is None else {"Qualifier": qualifier}))
        cloud.await_event("dead_letter" if qualifier == "live" else "dropped", function="aliased")
        cloud.past_events.clear()
        assert runs == len(_attempts(cloud, request_id))
    context = json.loads(cloud.receive(url)["Body"])
    assert context["requestContext"]["functionArn"] == f"{BASE}aliased:live"
    assert context["responseContext"]["executedVersion"] == "1"
    listed = client.list_function_event_invoke_configs(FunctionName="aliased")["FunctionEventInvokeConfigs"]
    assert {config["FunctionArn"].split(":")[7]: config["MaximumRetryAttempts"] for config in listed} == {
        "$LATEST": 1,
        "live": 0,
    }
    shown = client.get_function_event_invoke_config(FunctionName="aliased", Qualifier="live")
    assert shown["DestinationConfig"]["OnFailure"]["Destination"] == arn
    unconfigured = {"FunctionName": "aliased", "Qualifier": "bare"}
    assert refused(client.get_function_event_invoke_config, **unconfigured)[0] == "ResourceNotFoundException"
    client.delete_function_event_invoke_config(FunctionName="aliased", Qualifier="live")
    deleted = {"FunctionName": "aliased", "Qualifier": "live"}
    assert refused(client.get_function_event_invoke_config, **deleted)[0] == "ResourceNotFoundException"
    assert client.get_function_event_invoke_config(FunctionName="aliased")["MaximumRetryAttempts"] == 1


def _attempts(cloud: Cloud, request_id: str) -> list[str]:
    pages = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/aliased")
    texts = [event["message"] for page in pages for event in page["events"]]
    return [text for text in texts if text.startswith(f"START RequestId: {request_id}")]


# logs


def test_each_sandbox_has_a_log_stream_in_the_configured_group(cloud: Cloud, tmp_path: Path) -> None:
    cloud.function("talks", WAITS, Timeout=60, LoggingConfig={"LogFormat": "Text", "LogGroup": "/jobs/all"})
    client, logs = cloud.client("lambda"), cloud.client("logs")
    response = client.invoke(FunctionName="talks", Payload=waiting(0, tmp_path), LogType="Tail")
    tail = base64.b64decode(response["LogResult"]).decode().splitlines()
    request_id = response["ResponseMetadata"]["RequestId"]
    assert tail[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert tail[1:3] == ["number 0", f"END RequestId: {request_id}"]
    assert tail[3].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    ids = [send(cloud, "talks", waiting(number, tmp_path / "end")) for number in (1, 2)]
    for event_id in ids:
        cloud.await_event("started", request_id=event_id)
    (tmp_path / "end").touch()
    for event_id in ids:
        cloud.await_event("finished", request_id=event_id)
    streams = logs.describe_log_streams(logGroupName="/jobs/all")["logStreams"]
    assert len(streams) == 2  # of the warm sandbox, and of a second one for the simultaneous event
    runs = []
    for stream in streams:
        logged = logs.get_log_events(logGroupName="/jobs/all", logStreamName=stream["logStreamName"])["events"]
        words = [event["message"].split(" ")[0] for event in logged]
        runs.append(sum(word == "number" for word in words))
        assert words[0] == "INIT_START"
        assert words[1:] == ["START", "number", "END", "REPORT"] * runs[-1]
    assert sorted(runs) == [1, 2]
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert "/aws/lambda/talks" not in groups


# checks at creation, each with a valid counterpart

ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
REFUSED = [
    ({"Runtime": "nodejs22.x"}, "runs Python functions only, not nodejs22.x"),
    ({"Runtime": "provided.al2023"}, "runs Python functions only, not provided.al2023"),
    ({"Layers": [f"{BASE[:-10]}:layer:x:1"]}, "has only the layers that are published to it"),
    ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "does not carry out SnapStart"),
    ({"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/x"}]}, "does not carry out file systems"),
    ({"PackageType": "Image", "Code": {"ImageUri": "x"}}, "does not run container images"),
    ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:x.fifo"}}, "standard SQS queue"),
    ({"DeadLetterConfig": {"TargetArn": f"{BASE}other"}}, "standard SQS queue"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "text"), REFUSED)
def test_an_unsupported_function_is_not_created(cloud: Cloud, fields: dict[str, Any], text: str) -> None:
    client = cloud.client("lambda")
    given = {"FunctionName": "never", "Runtime": "python3.13", "Handler": "app.handler", "Role": cloud.handler_role}
    given["Code"] = {"ZipFile": zipped(app=ECHO)}
    code, message = refused(client.create_function, **(given | fields))
    assert (code, text in message) == ("InvalidParameterValueException", True), message
    assert refused(client.get_function, FunctionName="never")[0] == "ResourceNotFoundException"
    client.create_function(**given)
    if not {"PackageType", "FileSystemConfigs"} & set(fields):
        code, message = refused(client.update_function_configuration, FunctionName="never", **fields)
        assert (code, text in message) == ("InvalidParameterValueException", True), message
    client.delete_function(FunctionName="never")


@pytest.mark.parametrize(
    "arn",
    [f"{BASE}other", "arn:aws:events:us-east-1:123456789012:event-bus/default", "arn:aws:s3:::bucket",
     "arn:aws:sqs:us-east-1:123456789012:x.fifo", "arn:aws:sns:us-east-1:123456789012:x.fifo"],
)  # fmt: skip
def test_an_unsupported_destination_is_refused(cloud: Cloud, arn: str) -> None:
    client = cloud.client("lambda")
    if "taker" not in [function["FunctionName"] for function in client.list_functions()["Functions"]]:
        cloud.function("taker", ECHO)
    for which in ("OnFailure", "OnSuccess"):
        call, destinations = client.put_function_event_invoke_config, {which: {"Destination": arn}}
        code, text = refused(call, FunctionName="taker", DestinationConfig=destinations)
        assert code == "InvalidParameterValueException"
        assert arn.endswith(".fifo") or f"sends {which} records to standard" in text
