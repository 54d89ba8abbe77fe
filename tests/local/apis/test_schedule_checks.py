"""Bad calls of Scheduler, each beside its nearest valid neighbour: refused as AWS refuses, accepted and read back.

Calls go through boto3 without its own validation, for AWS's rules are those of the service.
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
    with quick_cloud() as found:
        condition = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
        found.role("bound", "scheduler.amazonaws.com", condition=condition)
        group = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default"
        found.role("grouped", "scheduler.amazonaws.com", condition={"ArnLike": {"aws:SourceArn": group}})
        found.role("stranger", "ec2.amazonaws.com")
        of_schedule = {"ArnLike": {"aws:SourceArn": group.replace("-group/default", "/default/x")}}
        found.role("of-schedule", "scheduler.amazonaws.com", condition=of_schedule)
        riddle = {"ForAllValues:StringLike": {"aws:SourceArn": "*"}}
        found.role("riddle", "scheduler.amazonaws.com", condition=riddle)
        yield found


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
    """A valid CreateSchedule with some members changed; None removes one; "Target.X" changes the target's."""
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
        else:  # an instant is told by its distance from the test's own now, not from when the table was read
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
    ("role: does not exist", {"Target.RoleArn": role("nobody")}, {"Target.RoleArn": role("bound")}),
    ("role: trusts others", {"Target.RoleArn": role("stranger")}, {"Target.RoleArn": role("grouped")}),
    ("role: SourceArn of a schedule", {"Target.RoleArn": role("of-schedule")}, {}),
    ("role: a condition we do not know", {"Target.RoleArn": role("riddle")}, {}),
]


@pytest.mark.parametrize(("bad", "good"), [pytest.param(bad, good, id=name) for name, bad, good in PAIRS])
def test_a_bad_call_is_refused_and_its_neighbour_is_read_back(
    cloud: Cloud, scheduler: Any, bad: dict[str, Any], good: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refused:
        scheduler.create_schedule(**call(cloud, bad))
    response = refused.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == INVALID
    given = call(cloud, good)
    scheduler.create_schedule(**given)
    found = scheduler.get_schedule(Name=given["Name"])
    scheduler.delete_schedule(Name=given["Name"])
    target = found.pop("Target")
    wanted = given.pop("Target")
    policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185} | wanted.pop("RetryPolicy", {})
    assert target == wanted | {"RetryPolicy": policy}
    for name, value in given.items():
        if isinstance(value, datetime):
            assert abs(found[name] - value) < timedelta(seconds=1)
        else:
            assert found[name] == value


def test_the_texts_of_aws(cloud: Cloud, scheduler: Any) -> None:
    for changes, text in (
        ({"ScheduleExpression": "rate(10 minutess)"}, "Invalid Schedule Expression rate(10 minutess)."),
        (
            {"Target.RoleArn": role("nobody")},
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


def test_what_exists_conflicts_and_what_does_not_is_not_found(cloud: Cloud, scheduler: Any) -> None:
    scheduler.create_schedule(**call(cloud, {}))
    scheduler.create_schedule_group(Name="twice")
    conflict, missing = ("ConflictException", 409), ("ResourceNotFoundException", 404)
    for error, ask in (
        (conflict, lambda: scheduler.create_schedule(**call(cloud, {}))),
        (conflict, lambda: scheduler.create_schedule_group(Name="twice")),
        (missing, lambda: scheduler.create_schedule(**call(cloud, {"GroupName": "nowhere"}))),
        (missing, lambda: scheduler.update_schedule(**call(cloud, {"Name": "unknown"}))),
        (missing, lambda: scheduler.update_schedule(**call(cloud, {"GroupName": "twice"}))),
        (missing, lambda: scheduler.get_schedule(Name="unknown")),
        (missing, lambda: scheduler.get_schedule(Name="rules", GroupName="nowhere")),
        (missing, lambda: scheduler.delete_schedule(Name="unknown")),
        (missing, lambda: scheduler.get_schedule_group(Name="nowhere")),
        (missing, lambda: scheduler.delete_schedule_group(Name="nowhere")),
        (INVALID, lambda: scheduler.delete_schedule_group(Name="default")),
        (INVALID, lambda: scheduler.create_schedule_group(Name="a b")),
    ):
        with pytest.raises(ClientError) as refused:
            ask()
        response = refused.value.response
        assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == error
    scheduler.delete_schedule(Name="rules")
    scheduler.delete_schedule_group(Name="twice")


def test_an_update_puts_back_the_defaults_of_what_it_omits(cloud: Cloud, scheduler: Any) -> None:
    everything = {
        "State": "DISABLED",
        "Description": "all of it",
        "ActionAfterCompletion": "DELETE",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "EndDate": timedelta(days=9),
        "Target.DeadLetterConfig": {"Arn": QUEUE},
        "Target.RetryPolicy": {"MaximumRetryAttempts": 3},
    }
    scheduler.create_schedule(**call(cloud, everything))
    created = scheduler.get_schedule(Name="rules")
    scheduler.update_schedule(**call(cloud, {}))
    found = scheduler.get_schedule(Name="rules")
    scheduler.delete_schedule(Name="rules")
    assert created["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 3}
    assert (found["State"], found["ActionAfterCompletion"]) == ("ENABLED", "NONE")
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert not {"Description", "EndDate"} & {name for name, value in found.items() if value}
    assert "DeadLetterConfig" not in found["Target"]
    assert found["CreationDate"] == created["CreationDate"]
