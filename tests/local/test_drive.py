"""The real server from end to end: schedules created with boto3 fire, functions run, failures end in records."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.quick_cloud import Cloud, quick_cloud

ECHO = "def handler(event, context): return {'got': event, 'arn': context.invoked_function_arn}"
RAISES = "def handler(event, context): raise ValueError('no')"
ONCE = {"Mode": "OFF"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as cloud:
        yield cloud


def at_in(seconds: float) -> str:
    """Return an at() expression that is due in some seconds."""
    return f"at({(datetime.now(UTC) + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')})"


def target(cloud: Cloud, arn: str, **fields: Any) -> dict[str, Any]:
    return {"Arn": arn, "RoleArn": cloud.scheduler_role, **fields}


def schedule_arn(name: str, group: str = "default") -> str:
    return f"arn:aws:scheduler:us-east-1:123456789012:schedule/{group}/{name}"


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_one_time_and_rate_schedules_fire_in_their_minute_and_delete_removes_them(cloud: Cloud) -> None:
    scheduler = cloud.client("scheduler")
    function = cloud.function("echo", ECHO)
    given = json.dumps({"due": "<aws.scheduler.scheduled-time>", "n": "<aws.scheduler.attempt-number>"})
    for name, expression, action in (
        ("once", at_in(2), "NONE"),
        ("deleted", at_in(2), "DELETE"),
        ("often", "rate(1 minute)", "NONE"),
    ):
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow=ONCE,
            ActionAfterCompletion=action,
            Target=target(cloud, function, Input=given),
        )
    for name in ("often", "once", "deleted"):
        fired = cloud.await_event("fired", schedule=schedule_arn(name))
        late = at(fired) - datetime.fromisoformat(fired["scheduled"])
        assert timedelta(0) <= late < timedelta(seconds=30)
    ends = [cloud.await_event("finished", function="echo", outcome="ok")]
    assert json.loads(ends[0]["result"])["got"]["n"] == "1"
    assert {schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]} >= {"once", "often"}
    with pytest.raises(ClientError) as refused:
        scheduler.get_schedule(Name="deleted")
    assert code_of(refused) == ("ResourceNotFoundException", 404)
    scheduler.delete_schedule(Name="often")


def test_a_schedule_in_a_group_fires_with_its_arn(cloud: Cloud) -> None:
    scheduler = cloud.client("scheduler")
    function = cloud.function("grouped", ECHO)
    scheduler.create_schedule_group(Name="shop")
    scheduler.create_schedule(
        Name="s.1",
        GroupName="shop",
        ScheduleExpression=at_in(-60),
        FlexibleTimeWindow=ONCE,
        Target=target(cloud, function, Input='{"arn": "<aws.scheduler.schedule-arn>"}'),
    )
    end = cloud.await_event("finished", function="grouped")
    assert json.loads(end["result"])["got"] == {"arn": schedule_arn("s.1", "shop")}
    scheduler.delete_schedule_group(Name="shop")
    with pytest.raises(ClientError) as refused:
        scheduler.get_schedule(Name="s.1", GroupName="shop")
    assert code_of(refused) == ("ResourceNotFoundException", 404)


def test_invoke_returns_result_log_and_version(cloud: Cloud) -> None:
    cloud.function("logs", "def handler(event, context):\n    print('seen', event)\n    return 1")
    answer = cloud.client("lambda").invoke(FunctionName="logs", Payload=b'{"a": 1}', LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)
    assert answer["Payload"].read() == b"1"
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "seen {'a': 1}\nEND RequestId: " in log
    logs = cloud.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName="/aws/lambda/logs")["logStreams"]
    logged = logs.get_log_events(logGroupName="/aws/lambda/logs", logStreamName=stream["logStreamName"])
    texts = [event["message"] for event in logged["events"]]
    assert [text.split(" ")[0] for text in texts] == ["INIT_START", "START", "seen", "END", "REPORT"]


def test_a_failure_is_a_response_with_function_error(cloud: Cloud) -> None:
    cloud.function("fails", RAISES)
    answer = cloud.client("lambda").invoke(FunctionName="fails")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"


def test_dry_run_runs_nothing(cloud: Cloud) -> None:
    cloud.function("dry", RAISES)
    answer = cloud.client("lambda").invoke(FunctionName="dry", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert cloud.events("started", function="dry") == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"FunctionName": "missing"}, ("ResourceNotFoundException", 404)),
        ({"FunctionName": "refusing", "Payload": b"{nope"}, ("InvalidRequestContentException", 400)),
        ({"FunctionName": "refusing", "Payload": b'"%s"' % (b"x" * (6 << 20))}, ("RequestTooLargeException", 413)),
        (
            {"FunctionName": "refusing", "Payload": b'"%s"' % (b"x" * (1 << 20)), "InvocationType": "Event"},
            ("RequestTooLargeException", 413),
        ),
        ({"FunctionName": "refusing", "Qualifier": "7"}, ("ResourceNotFoundException", 404)),
    ],
)
def test_invoke_refuses_an_invalid_request(cloud: Cloud, fields: dict[str, Any], error: tuple[str, int]) -> None:
    client = cloud.client("lambda")
    if "refusing" not in [function["FunctionName"] for function in client.list_functions()["Functions"]]:
        cloud.function("refusing", ECHO)
    with pytest.raises(ClientError) as refused:
        client.invoke(**fields)
    assert code_of(refused) == error


def test_an_asynchronous_failure_is_retried_twice_and_ends_in_the_destination(cloud: Cloud) -> None:
    url, arn = cloud.queue("handler-letters")
    cloud.function("async", RAISES)
    client = cloud.client("lambda")
    client.put_function_event_invoke_config(FunctionName="async", DestinationConfig={"OnFailure": {"Destination": arn}})
    answer = client.invoke(FunctionName="async", InvocationType="Event", Payload=b'{"job": 1}')
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    letter = json.loads(cloud.receive(url)["Body"])
    context = letter["requestContext"]
    assert context["condition"] == "RetriesExhausted"
    assert context["approximateInvokeCount"] == 3
    assert context["functionArn"].endswith(":function:async:$LATEST")
    assert letter["requestPayload"] == {"job": 1}
    assert letter["responsePayload"]["errorMessage"] == "no"
    reported = cloud.await_event("dead_letter", function="async")  # follows once the letter is in the queue
    started = cloud.events("started", function="async")
    assert [event["attempt"] for event in started] == [1, 2, 3]
    assert {event["request_id"] for event in started} == {context["requestId"]}
    waits = [(at(later) - at(earlier)).total_seconds() for earlier, later in pairwise(started)]
    assert 1 <= waits[0] < 20
    assert 2 <= waits[1] < 20
    assert len(cloud.events("dead_letter", function="async")) == 1
    assert (reported["origin"], reported["reason"], reported["queue"]) == ("handler", "RetriesExhausted", arn)


def test_a_second_event_invoke_config_replaces_the_first_and_an_update_changes_parts(cloud: Cloud) -> None:
    _, arn = cloud.queue("config-letters")
    cloud.function("configured", ECHO)
    client = cloud.client("lambda")
    with pytest.raises(ClientError) as refused:
        client.get_function_event_invoke_config(FunctionName="configured")
    assert code_of(refused) == ("ResourceNotFoundException", 404)
    client.put_function_event_invoke_config(FunctionName="configured", MaximumRetryAttempts=1)
    client.put_function_event_invoke_config(FunctionName="configured", MaximumRetryAttempts=0)
    destination = {"OnFailure": {"Destination": arn}}
    client.update_function_event_invoke_config(FunctionName="configured", DestinationConfig=destination)
    client.update_function_event_invoke_config(FunctionName="configured", MaximumEventAgeInSeconds=60)
    config = client.get_function_event_invoke_config(FunctionName="configured")
    assert config["MaximumRetryAttempts"] == 0
    assert config["MaximumEventAgeInSeconds"] == 60
    assert config["DestinationConfig"]["OnFailure"] == {"Destination": arn}
    client.put_function_event_invoke_config(FunctionName="configured", MaximumRetryAttempts=2)
    assert "MaximumEventAgeInSeconds" not in client.get_function_event_invoke_config(FunctionName="configured")


def test_a_changed_environment_applies_from_the_next_invocation(cloud: Cloud) -> None:
    cloud.function("updated", "import os\ndef handler(event, context): return os.environ['MOOD']")
    client = cloud.client("lambda")
    assert "KeyError" in client.invoke(FunctionName="updated")["Payload"].read().decode()
    client.update_function_configuration(FunctionName="updated", Environment={"Variables": {"MOOD": "good"}})
    assert client.invoke(FunctionName="updated")["Payload"].read() == b'"good"'


def test_reserved_concurrency_zero_throttles_at_once(cloud: Cloud) -> None:
    url, arn = cloud.queue("zero-letters")
    cloud.function("zero", ECHO)
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="zero", ReservedConcurrentExecutions=0)
    client.put_function_event_invoke_config(FunctionName="zero", DestinationConfig={"OnFailure": {"Destination": arn}})
    without_retries = client.meta.config.merge(Config(retries={"total_max_attempts": 1}))
    single_attempt = boto3.client(
        "lambda",
        endpoint_url=client.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIACRONSTACKLOCAL00",
        aws_secret_access_key="local",
        config=without_retries,
    )
    with pytest.raises(ClientError) as refused:
        single_attempt.invoke(FunctionName="zero")
    assert code_of(refused) == ("TooManyRequestsException", 429)
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert client.invoke(FunctionName="zero", InvocationType="Event")["StatusCode"] == 202
    letter = json.loads(cloud.receive(url)["Body"])
    assert letter["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert letter["requestContext"]["approximateInvokeCount"] == 0


def test_reserved_concurrency_one_runs_events_one_after_the_other(cloud: Cloud) -> None:
    cloud.function("single", "import time\ndef handler(event, context): time.sleep(0.4)")
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="single", ReservedConcurrentExecutions=1)
    for _ in range(3):
        client.invoke(FunctionName="single", InvocationType="Event")
    deadline = time.monotonic() + 60
    while len(cloud.events("finished", function="single")) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    of_single = [event for event in cloud.past_events if event.get("function") == "single"]
    kinds = [event["event"] for event in of_single if event["event"] in ("started", "finished")]
    assert kinds == ["started", "finished"] * 3


def test_a_delivery_that_the_role_does_not_allow_ends_in_schedulers_dead_letters(cloud: Cloud) -> None:
    url, queue = cloud.queue("delivery-letters")
    weak = cloud.role("weak", "scheduler.amazonaws.com", {"Action": "sqs:SendMessage", "Resource": queue})
    function = cloud.function("forbidden", ECHO)
    cloud.client("scheduler").create_schedule(
        Name="forbidden",
        ScheduleExpression=at_in(-1),
        FlexibleTimeWindow=ONCE,
        Target={"Arn": function, "RoleArn": weak, "Input": '{"a": 1}', "DeadLetterConfig": {"Arn": queue}},
    )
    letter = cloud.receive(url)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "AccessDeniedException"
    assert "lambda:InvokeFunction" in attributes["ERROR_MESSAGE"]
    assert attributes["RETRY_ATTEMPTS"] == "0"
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes
    assert attributes["SCHEDULE_ARN"] == schedule_arn("forbidden")
    assert json.loads(letter["Body"])["Payload"] == '{"a": 1}'
    assert cloud.await_event("dead_letter", origin="delivery")["queue"] == queue
    assert cloud.events("started", function="forbidden") == []


def test_a_delivery_to_a_missing_function_is_dropped_without_a_dead_letter_queue(cloud: Cloud) -> None:
    missing = "arn:aws:lambda:us-east-1:123456789012:function:missing"
    cloud.client("scheduler").create_schedule(
        Name="lost", ScheduleExpression=at_in(-1), FlexibleTimeWindow=ONCE, Target=target(cloud, missing)
    )
    dropped = cloud.await_event("dropped", schedule=schedule_arn("lost"))
    assert dropped["reason"] == "ResourceNotFoundException"


def test_queues_and_topics_and_any_call_are_targets(cloud: Cloud) -> None:
    url, queue = cloud.queue("work")
    subscribed_url, subscribed = cloud.queue("subscribed")
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    cloud.allow_topic(subscribed_url, topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=subscribed)
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"TableName": "rows", "Item": {"pk": {"S": "<aws.scheduler.scheduled-time>"}}}
    for name, arn, text in (
        ("to-queue", queue, "due <aws.scheduler.scheduled-time>"),
        ("to-topic", topic, "news"),
        ("to-table", "arn:aws:scheduler:::aws-sdk:dynamodb:putItem", json.dumps(item)),
    ):
        cloud.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression="at(2026-01-02T03:04:05)",
            FlexibleTimeWindow=ONCE,
            Target=target(cloud, arn, Input=text),
        )
    assert cloud.receive(url)["Body"] == "due 2026-01-02T03:04:05Z"
    assert json.loads(cloud.receive(subscribed_url)["Body"])["Message"] == "news"
    deadline = time.monotonic() + 60
    while not (rows := dynamodb.scan(TableName="rows")["Items"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert rows == [{"pk": {"S": "2026-01-02T03:04:05Z"}}]


def test_a_fault_in_the_call_of_a_universal_target_is_reported_and_ends_the_delivery(cloud: Cloud) -> None:
    url, queue = cloud.queue("faults")
    nested: dict[str, Any] = {"S": "x"}
    for _ in range(400):  # botocore's validation raises RecursionError
        nested = {"M": {"a": nested}}
    cloud.client("scheduler").create_schedule(
        Name="too-deep",
        ScheduleExpression="at(2026-01-02T03:04:05)",
        FlexibleTimeWindow=ONCE,
        Target=target(
            cloud,
            "arn:aws:scheduler:::aws-sdk:dynamodb:putItem",
            Input=json.dumps({"TableName": "rows", "Item": nested["M"]}),
            RetryPolicy={"MaximumRetryAttempts": 0},
            DeadLetterConfig={"Arn": queue},
        ),
    )
    assert cloud.await_event("fault", schedule=schedule_arn("too-deep"))["error"].startswith("RecursionError: ")
    attributes = cloud.receive(url)["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "AWS.Scheduler.InternalServerError"


def test_the_functions_own_queue_and_a_topic_as_destination(cloud: Cloud) -> None:
    url, queue = cloud.queue("own-letters")
    cloud.function("lettered", RAISES, DeadLetterConfig={"TargetArn": queue})
    client = cloud.client("lambda")
    client.put_function_event_invoke_config(FunctionName="lettered", MaximumRetryAttempts=0)
    client.invoke(FunctionName="lettered", InvocationType="Event", Payload=b'{"a":  1}')
    letter = cloud.receive(url)
    assert letter["Body"] == '{"a":  1}'
    attributes = letter["MessageAttributes"]
    assert attributes["ErrorCode"] == {"StringValue": "200", "DataType": "Number"}
    assert attributes["ErrorMessage"]["StringValue"] == "no"


def test_twenty_simultaneous_events_run_in_parallel(cloud: Cloud) -> None:
    cloud.function("crowd", "import time\ndef handler(event, context): time.sleep(1)")
    client = cloud.client("lambda")
    for _ in range(20):
        client.invoke(FunctionName="crowd", InvocationType="Event")
    deadline = time.monotonic() + 90
    while len(cloud.events("finished", function="crowd")) < 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(cloud.events("finished", function="crowd", outcome="ok")) == 20
    assert cloud.events("retry", function="crowd") == []
