"""Invalid calls of Scheduler, each with the nearest valid call: refused as on AWS, or accepted and read back.

Calls go through boto3 without its own validation, so that the service's rules apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.quick_cloud import Cloud, quick_cloud

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:dummy"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:letters"
NOW = datetime.now(UTC)
OFF = {"Mode": "OFF"}
INVALID = ("ValidationException", 400)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as cloud:
        condition = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
        cloud.role("bound", "scheduler.amazonaws.com", condition=condition)
        group = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default"
        cloud.role("grouped", "scheduler.amazonaws.com", condition={"ArnLike": {"aws:SourceArn": group}})
        cloud.role("of-ec2", "ec2.amazonaws.com")
        of_schedule = {"ArnLike": {"aws:SourceArn": group.replace("-group/default", "/default/x")}}
        cloud.role("of-schedule", "scheduler.amazonaws.com", condition=of_schedule)
        unsupported = {"ForAllValues:StringLike": {"aws:SourceArn": "*"}}
        cloud.role("unsupported-condition", "scheduler.amazonaws.com", condition=unsupported)
        yield cloud


@pytest.fixture(scope="module")
def scheduler(cloud: Cloud) -> Any:
    return boto3.client(
        "scheduler",
        endpoint_url=cloud.client("sqs").meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIACRONSTACKLOCAL00",
        aws_secret_access_key="local",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


def call(cloud: Cloud, changes: dict[str, Any]) -> dict[str, Any]:
    """Return a valid CreateSchedule with changed members. None removes a member; "Target.X" is the target's X."""
    given: dict[str, Any] = {
        "Name": "rules",
        "ScheduleExpression": "cron(0 6 * * ? 2199)",
        "FlexibleTimeWindow": OFF,
        "Target": {"Arn": FUNCTION, "RoleArn": cloud.scheduler_role, "Input": "{}"},
    }
    for name, value in changes.items():
        holder, _, member = name.rpartition(".")
        into = given[holder] if holder else given
        if value is None:
            into.pop(member, None)
        else:  # a timedelta is relative to the time of this call, not to the import of the table
            into[member] = datetime.now(UTC) + value if isinstance(value, timedelta) else value
    return given


def role(name: str) -> str:
    return f"arn:aws:iam::123456789012:role/{name}"


PAIRS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("name: a blank", {"Name": "bad name"}, {"Name": "good-name_1.x"}),
    ("name: too long", {"Name": "x" * 65}, {"Name": "x" * 64}),
    ("expression: none", {"ScheduleExpression": None}, {}),
    ("expression: nonsense", {"ScheduleExpression": "some cron"}, {"ScheduleExpression": "cron(0 6 1 1 ? 2199)"}),
    ("expression: seven fields", {"ScheduleExpression": "cron(0 0 6 * * ? 2199)"}, {}),
    ("expression: both days", {"ScheduleExpression": "cron(0 6 * * * 2199)"}, {}),
    ("expression: minute 71", {"ScheduleExpression": "cron(71 6 * * ? 2199)"}, {}),
    ("expression: seconds", {"ScheduleExpression": "rate(10 seconds)"}, {"ScheduleExpression": "rate(10 days)"}),
    (
        "expression: zone inside",
        {"ScheduleExpression": "at(2199-01-01T00:00:00Z)"},
        {"ScheduleExpression": "at(2199-01-01T00:00:00)"},
    ),
    ("expression: too long", {"ScheduleExpression": f"cron(0 6 {'1,' * 130}1 * ? 2199)"}, {}),
    ("zone: unknown", {"ScheduleExpressionTimezone": "Mars/Olympus"}, {"ScheduleExpressionTimezone": "Asia/Kolkata"}),
    ("zone: too long", {"ScheduleExpressionTimezone": "A" * 51}, {"ScheduleExpressionTimezone": "UTC"}),
    ("description", {"Description": "x" * 513}, {"Description": "x" * 512}),
    ("state", {"State": "PAUSED"}, {"State": "DISABLED"}),
    ("action", {"ActionAfterCompletion": "KEEP"}, {"ActionAfterCompletion": "DELETE"}),
    ("window: none", {"FlexibleTimeWindow": None}, {}),
    ("window: no mode", {"FlexibleTimeWindow": {"MaximumWindowInMinutes": 5}}, {}),
    ("window: mode", {"FlexibleTimeWindow": {"Mode": "MAYBE"}}, {}),
    (
        "window: 0",
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 0}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1}},
    ),
    (
        "window: 1441",
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1440}},
    ),
    ("window: no minutes", {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, {}),
    ("start: ten minutes ago", {"StartDate": -timedelta(minutes=10)}, {"StartDate": -timedelta(minutes=1)}),
    (
        "end: before start",
        {"StartDate": timedelta(days=2), "EndDate": timedelta(days=1)},
        {"StartDate": timedelta(days=1), "EndDate": timedelta(days=2)},
    ),
    ("key", {"KmsKeyArn": "my-key"}, {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1234"}),
    ("target: none", {"Target": None}, {}),
    ("target: no ARN", {"Target.Arn": "dummy"}, {}),
    ("target: no such kind", {"Target.Arn": "arn:aws:ec2:us-east-1:123456789012:instance/i-1"}, {"Target.Arn": QUEUE}),
    (
        "target: not carried out",
        {"Target.Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:x"},
        {"Target.Arn": "arn:aws:sns:us-east-1:123456789012:x"},
    ),
    (
        "target: reads",
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage"},
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"},
    ),
    (
        "target: no such action",
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendLetter"},
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:lambda:invoke"},
    ),
    ("target: no such service", {"Target.Arn": "arn:aws:scheduler:::aws-sdk:post:send"}, {}),
    (
        "target: FIFO without group",
        {"Target.Arn": QUEUE + ".fifo"},
        {"Target.Arn": QUEUE + ".fifo", "Target.SqsParameters": {"MessageGroupId": "g"}},
    ),
    ("input: empty", {"Target.Input": ""}, {"Target.Input": None}),
    ("input: not JSON", {"Target.Input": "{nope"}, {"Target.Input": '{"n": <aws.scheduler.attempt-number>}'}),
    ("input: too large", {"Target.Input": '"%s"' % ("x" * 262144)}, {"Target.Input": '"%s"' % ("x" * 262142)}),
    (
        "age: 59",
        {"Target.RetryPolicy": {"MaximumEventAgeInSeconds": 59}},
        {"Target.RetryPolicy": {"MaximumEventAgeInSeconds": 60}},
    ),
    (
        "age: 86401",
        {"Target.RetryPolicy": {"MaximumEventAgeInSeconds": 86401}},
        {"Target.RetryPolicy": {"MaximumEventAgeInSeconds": 86400}},
    ),
    (
        "retries: 186",
        {"Target.RetryPolicy": {"MaximumRetryAttempts": 186}},
        {"Target.RetryPolicy": {"MaximumRetryAttempts": 185}},
    ),
    (
        "retries: -1",
        {"Target.RetryPolicy": {"MaximumRetryAttempts": -1}},
        {"Target.RetryPolicy": {"MaximumRetryAttempts": 0}},
    ),
    (
        "letters: FIFO",
        {"Target.DeadLetterConfig": {"Arn": QUEUE + ".fifo"}},
        {"Target.DeadLetterConfig": {"Arn": QUEUE}},
    ),
    ("letters: a topic", {"Target.DeadLetterConfig": {"Arn": QUEUE.replace("sqs", "sns")}}, {}),
    ("role: none", {"Target.RoleArn": None}, {}),
    ("role: no ARN", {"Target.RoleArn": "scheduler"}, {}),
    ("role: does not exist", {"Target.RoleArn": role("missing")}, {"Target.RoleArn": role("bound")}),
    ("role: trusts others", {"Target.RoleArn": role("of-ec2")}, {"Target.RoleArn": role("grouped")}),
    ("role: SourceArn of a schedule", {"Target.RoleArn": role("of-schedule")}, {}),
    ("role: an unsupported condition", {"Target.RoleArn": role("unsupported-condition")}, {}),
]


@pytest.mark.parametrize(("bad", "good"), [pytest.param(bad, good, id=name) for name, bad, good in PAIRS])
def test_an_invalid_call_is_refused_and_the_nearest_valid_call_is_read_back(
    cloud: Cloud, scheduler: Any, bad: dict[str, Any], good: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refused:
        scheduler.create_schedule(**call(cloud, bad))
    response = refused.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == INVALID
    given = call(cloud, good)
    scheduler.create_schedule(**given)
    read_back = scheduler.get_schedule(Name=given["Name"])
    scheduler.delete_schedule(Name=given["Name"])
    target = read_back.pop("Target")
    expected = given.pop("Target")
    policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185} | expected.pop("RetryPolicy", {})
    assert target == expected | {"RetryPolicy": policy}
    for name, value in given.items():
        if isinstance(value, datetime):
            assert abs(read_back[name] - value) < timedelta(seconds=1)
        else:
            assert read_back[name] == value


def test_the_texts_of_aws(cloud: Cloud, scheduler: Any) -> None:
    for changes, text in (
        ({"ScheduleExpression": "rate(10 minutess)"}, "Invalid Schedule Expression rate(10 minutess)."),
        (
            {"Target.RoleArn": role("missing")},
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        ),
        (
            {"StartDate": NOW - timedelta(hours=1)},
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
    ):
        with pytest.raises(ClientError) as refused:
            scheduler.create_schedule(**call(cloud, changes))
        assert refused.value.response["Error"]["Message"] == text


def test_conflicts_and_missing_resources(cloud: Cloud, scheduler: Any) -> None:
    scheduler.create_schedule(**call(cloud, {}))
    scheduler.create_schedule_group(Name="twice")
    conflict, missing = ("ConflictException", 409), ("ResourceNotFoundException", 404)
    for error, request in (
        (conflict, lambda: scheduler.create_schedule(**call(cloud, {}))),
        (conflict, lambda: scheduler.create_schedule_group(Name="twice")),
        (missing, lambda: scheduler.create_schedule(**call(cloud, {"GroupName": "missing"}))),
        (missing, lambda: scheduler.update_schedule(**call(cloud, {"Name": "unknown"}))),
        (missing, lambda: scheduler.update_schedule(**call(cloud, {"GroupName": "twice"}))),
        (missing, lambda: scheduler.get_schedule(Name="unknown")),
        (missing, lambda: scheduler.get_schedule(Name="rules", GroupName="missing")),
        (missing, lambda: scheduler.delete_schedule(Name="unknown")),
        (missing, lambda: scheduler.get_schedule_group(Name="missing")),
        (missing, lambda: scheduler.delete_schedule_group(Name="missing")),
        (INVALID, lambda: scheduler.delete_schedule_group(Name="default")),
        (INVALID, lambda: scheduler.create_schedule_group(Name="a b")),
    ):
        with pytest.raises(ClientError) as refused:
            request()
        response = refused.value.response
        assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == error
    scheduler.delete_schedule(Name="rules")
    scheduler.delete_schedule_group(Name="twice")


def test_an_update_restores_the_defaults_of_omitted_members(cloud: Cloud, scheduler: Any) -> None:
    everything = {
        "State": "DISABLED",
        "Description": "everything",
        "ActionAfterCompletion": "DELETE",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "EndDate": timedelta(days=9),
        "Target.DeadLetterConfig": {"Arn": QUEUE},
        "Target.RetryPolicy": {"MaximumRetryAttempts": 3},
    }
    scheduler.create_schedule(**call(cloud, everything))
    created = scheduler.get_schedule(Name="rules")
    scheduler.update_schedule(**call(cloud, {}))
    updated = scheduler.get_schedule(Name="rules")
    scheduler.delete_schedule(Name="rules")
    assert created["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 3}
    assert (updated["State"], updated["ActionAfterCompletion"]) == ("ENABLED", "NONE")
    assert updated["ScheduleExpressionTimezone"] == "UTC"
    assert updated["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert not {"Description", "EndDate"} & {name for name, value in updated.items() if value}
    assert "DeadLetterConfig" not in updated["Target"]
    assert updated["CreationDate"] == created["CreationDate"]
