"""Refusals of EventBridge Scheduler for new schedules, each with its nearest accepted neighbour."""

from __future__ import annotations

from typing import Any, Final

from cronstack_infra.conformance.values import Base, Error, In, Row

INVALID: Final = Error("ValidationException", 400)
MISSING: Final = Error("ResourceNotFoundException", 404)
CONFLICT: Final = Error("ConflictException", 409)

schedule = Base(
    {
        "Name": "@name@",
        "ScheduleExpression": "cron(0 6 * * ? 2199)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "@function-arn@", "RoleArn": "@scheduler-role@", "Input": "{}"},
    }
)
_MODEL: Final = "botocore scheduler CreateSchedule."
RECORDED: Final = "recorded on AWS by LocalStack, test_scheduler.snapshot.json, 2025-01"
_TYPES: Final = "AWS documentation, schedule-types"
_UNIVERSAL: Final = "AWS documentation, managing-targets-universal"


def _create(
    rule: str, source: str, bad: dict[str, Any], good: dict[str, Any] | None = None, *, error: Error = INVALID
) -> Row:
    return Row(rule, "scheduler", "create_schedule", schedule(**bad), error, source, schedule(**(good or {})))


def _expression(rule: str, source: str, bad: str, good: str) -> Row:
    return _create(f"expression {rule}", source, {"ScheduleExpression": bad}, {"ScheduleExpression": good})


MODEL_ROWS: Final = (
    _create("name: length", _MODEL + "Name max 64", {"Name": "@name@" + "x" * 64}, {"Name": "@name@"}),
    _create("name: pattern", _MODEL + "Name pattern", {"Name": "@name@ b"}, {"Name": "@name@_b.c"}),
    _create("name: pattern", _MODEL + "Name pattern", {"Name": "@name@+b"}, {"Name": "@name@-B"}),
    _create("name: pattern", _MODEL + "Name pattern", {"Name": "@name@é"}, {"Name": "@name@.9"}),
    _create("group: pattern", _MODEL + "GroupName pattern", {"GroupName": "de fault"}, {"GroupName": "default"}),
    _create("group: length", _MODEL + "GroupName max 64", {"GroupName": "g" * 65}),
    _create("required", _MODEL + "ScheduleExpression required", {"ScheduleExpression": None}),
    _create("required", _MODEL + "FlexibleTimeWindow required", {"FlexibleTimeWindow": None}),
    _create("required", _MODEL + "Target required", {"Target": None}),
    _create("required", _MODEL + "Target.RoleArn required", {"Target.RoleArn": None}),
    _create("required", _MODEL + "Target.Arn required", {"Target.Arn": None}),
    _create("window: mode required", _MODEL + "FlexibleTimeWindow.Mode required", {"FlexibleTimeWindow": {}}),
    _create(
        "window: mode",
        _MODEL + "FlexibleTimeWindow.Mode enum",
        {"FlexibleTimeWindow": {"Mode": "off"}},
        {"FlexibleTimeWindow": {"Mode": "OFF"}},
    ),
    _create(
        "window: minutes",
        _MODEL + "FlexibleTimeWindow.MaximumWindowInMinutes min 1",
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 0}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1}},
    ),
    _create(
        "window: minutes",
        _MODEL + "FlexibleTimeWindow.MaximumWindowInMinutes max 1440",
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1440}},
    ),
    _create("expression: length", _MODEL + "ScheduleExpression max 256", {"ScheduleExpression": "x" * 257}),
    _create(
        "zone: length",
        _MODEL + "ScheduleExpressionTimezone max 50",
        {"ScheduleExpressionTimezone": "A" * 51},
        {"ScheduleExpressionTimezone": "America/Argentina/ComodRivadavia"},
    ),
    _create("description", _MODEL + "Description max 512", {"Description": "x" * 513}, {"Description": "x" * 512}),
    _create("state", _MODEL + "State enum", {"State": "PAUSED"}, {"State": "DISABLED"}),
    _create("state", _MODEL + "State enum", {"State": "enabled"}, {"State": "ENABLED"}),
    _create(
        "completion",
        _MODEL + "ActionAfterCompletion enum",
        {"ActionAfterCompletion": "KEEP"},
        {"ActionAfterCompletion": "DELETE"},
    ),
    _create(
        "key",
        _MODEL + "KmsKeyArn pattern",
        {"KmsKeyArn": "my-key"},
        {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
    ),
    _create("token: length", _MODEL + "ClientToken max 64", {"ClientToken": "t" * 65}, {"ClientToken": "t" * 64}),
    _create("token: pattern", _MODEL + "ClientToken pattern", {"ClientToken": "a b"}, {"ClientToken": "a-b_c"}),
    _create("input: empty", _MODEL + "Target.Input min 1", {"Target.Input": ""}, {"Target.Input": "1"}),
    _create("target: length", _MODEL + "Target.Arn max 1600", {"Target.Arn": "@function-arn@" + "x" * 1600}),
    _create(
        "age",
        _MODEL + "Target.RetryPolicy.MaximumEventAgeInSeconds min 60",
        {"Target.RetryPolicy.MaximumEventAgeInSeconds": 59},
        {"Target.RetryPolicy.MaximumEventAgeInSeconds": 60},
    ),
    _create(
        "age",
        _MODEL + "Target.RetryPolicy.MaximumEventAgeInSeconds max 86400",
        {"Target.RetryPolicy.MaximumEventAgeInSeconds": 86401},
        {"Target.RetryPolicy.MaximumEventAgeInSeconds": 86400},
    ),
    _create(
        "retries",
        _MODEL + "Target.RetryPolicy.MaximumRetryAttempts max 185",
        {"Target.RetryPolicy.MaximumRetryAttempts": 186},
        {"Target.RetryPolicy.MaximumRetryAttempts": 185},
    ),
    _create(
        "retries",
        _MODEL + "Target.RetryPolicy.MaximumRetryAttempts min 0",
        {"Target.RetryPolicy.MaximumRetryAttempts": -1},
        {"Target.RetryPolicy.MaximumRetryAttempts": 0},
    ),
    _create(
        "dead letters: ARN",
        _MODEL + "Target.DeadLetterConfig.Arn pattern",
        {"Target.DeadLetterConfig.Arn": "@queue-arn@.fifo"},
        {"Target.DeadLetterConfig.Arn": "@queue-arn@"},
    ),
    _create(
        "dead letters: ARN",
        _MODEL + "Target.DeadLetterConfig.Arn pattern",
        {"Target.DeadLetterConfig.Arn": "@topic-arn@"},
        {"Target.DeadLetterConfig.Arn": "@queue-arn@"},
    ),
    _create("role: ARN", _MODEL + "Target.RoleArn pattern", {"Target.RoleArn": "scheduler"}),
    _create("role: ARN", _MODEL + "Target.RoleArn pattern", {"Target.RoleArn": "arn:aws:iam::123456789012:user/me"}),
    _create(
        "queue parameters",
        _MODEL + "Target.SqsParameters.MessageGroupId max 128",
        {"Target.Arn": "@queue-arn@.fifo", "Target.SqsParameters.MessageGroupId": "g" * 129},
        {"Target.Arn": "@queue-arn@.fifo", "Target.SqsParameters.MessageGroupId": "g" * 128},
    ),
)

EXPRESSION_ROWS: Final = (
    _expression("nonsense", RECORDED, "cron(INVALID)", "cron(0 12 1 JAN ? 2199)"),
    _expression("nonsense", RECORDED, "cron()", "cron(* * * * ? 2199)"),
    _expression("nonsense", RECORDED, "some cron", "cron(0 12 ? * SUN 2199)"),
    _expression("fields", _TYPES + ", six fields", "cron(0 0 6 * * ? 2199)", "cron(0 6 * * ? 2199)"),
    _expression("fields", _TYPES + ", six fields", "cron(0 6 * *)", "cron(0 6 1 * ? 2199)"),
    _expression("minutes", RECORDED, "cron(71 6 * * ? 2199)", "cron(59 6 * * ? 2199)"),
    _expression("minutes", _TYPES + ", minutes 0-59", "cron(60 6 * * ? 2199)", "cron(0 6 * * ? 2199)"),
    _expression("hours", _TYPES + ", hours 0-23", "cron(0 24 * * ? 2199)", "cron(0 23 * * ? 2199)"),
    _expression("hours", RECORDED, "cron(0 dummy * * ? 2199)", "cron(0 8-17 * * ? 2199)"),
    _expression("day of month", _TYPES + ", 1-31", "cron(0 6 32 * ? 2199)", "cron(0 6 31 * ? 2199)"),
    _expression("day of month", _TYPES + ", 1-31", "cron(0 6 0 * ? 2199)", "cron(0 6 1 * ? 2199)"),
    _expression("month", _TYPES + ", 1-12", "cron(0 6 1 13 ? 2199)", "cron(0 6 1 12 ? 2199)"),
    _expression("month", RECORDED, "cron(0 6 1 NOT ? 2199)", "cron(0 6 1 NOV ? 2199)"),
    _expression("day of week", _TYPES + ", 1-7", "cron(0 6 ? * 8 2199)", "cron(0 6 ? * 7 2199)"),
    _expression("day of week", _TYPES + ", 1-7", "cron(0 6 ? * 0 2199)", "cron(0 6 ? * 1 2199)"),
    _expression("day of week", _TYPES + ", only one with #", "cron(0 6 ? * 3#1,6#3 2199)", "cron(0 6 ? * 3#2 2199)"),
    _expression("day of week", _TYPES + ", # 1-5", "cron(0 6 ? * 3#6 2199)", "cron(0 6 ? * 3#5 2199)"),
    _expression("year", _TYPES + ", 1970-2199", "cron(0 6 * * ? 2200)", "cron(0 6 * * ? 2199)"),
    _expression("both days", RECORDED, "cron(0 1 * * * 2199)", "cron(0 1 * * ? 2199)"),
    _expression("both days", "AWS documentation, troubleshooting", "cron(0 1 1 * MON 2199)", "cron(0 1 ? * MON 2199)"),
    _expression("rate unit", RECORDED, "rate(10 seconds)", "rate(10 minutes)"),
    _expression("rate unit", RECORDED, "rate(10 years)", "rate(10 days)"),
    _expression("rate unit", RECORDED, "rate(10 minutess)", "rate(1 minute)"),
    _expression("rate unit", RECORDED, "rate(10)", "rate(10 hours)"),
    _expression("rate value", RECORDED, "rate(-10 minutes)", "rate(1 hour)"),
    _expression("rate value", _TYPES + ", positive", "rate(0 minutes)", "rate(2 minutes)"),
    _expression("rate value", RECORDED, "rate()", "rate(1 day)"),
    _expression("rate value", _TYPES + ", an integer", "rate(1.5 hours)", "rate(15 hours)"),
    _expression("blanks", RECORDED, "rate( 10 minutes )", "rate(10 minutes)"),
    _expression("blanks", RECORDED, " rate(10 minutes)", "rate(10 minutes)"),
    _expression("at", RECORDED, "at(2199-12-31)", "at(2199-12-31T00:00:00)"),
    _expression("at", RECORDED, "at(2199-12-31T00:00:00Z)", "at(2199-12-31T23:59:59)"),
    _expression(
        "at", "a public repository's answer of AWS, 2026-09", "at(2199-09-08T03:54:26.439)", "at(2199-09-08T03:54:26)"
    ),
    _expression("at", _TYPES, "at(2199-02-30T00:00:00)", "at(2199-02-28T00:00:00)"),
    _create(
        "zone: unknown",
        "AWS documentation, schedule-types, IANA names",
        {"ScheduleExpressionTimezone": "Mars/Olympus"},
        {"ScheduleExpressionTimezone": "Asia/Kolkata"},
    ),
    _create(
        "zone: unknown",
        "AWS documentation, schedule-types, IANA names",
        {"ScheduleExpressionTimezone": "Europe/Springfield"},
        {"ScheduleExpressionTimezone": "Europe/Berlin"},
    ),
)

RULE_ROWS: Final = (
    _create(
        "window: minutes with OFF",
        "AWS documentation, API_FlexibleTimeWindow",
        {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}},
    ),
    _create(
        "window: FLEXIBLE without minutes",
        "AWS documentation, API_FlexibleTimeWindow",
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}},
    ),
    _create(
        "start: five minutes ago",
        "two reports of AWS's answer: The StartDate you specify cannot be earlier than 5 minutes ago",
        {"ScheduleExpression": "rate(300 days)", "StartDate": In(minutes=-10)},
        {"ScheduleExpression": "rate(300 days)", "StartDate": In(minutes=10)},
    ),
    _create(
        "end: before start",
        "AWS documentation, API_CreateSchedule, EndDate",
        {"StartDate": In(days=2), "EndDate": In(days=1)},
        {"StartDate": In(days=1), "EndDate": In(days=2)},
    ),
    _create("target: no ARN", "AWS documentation, managing-targets", {"Target.Arn": "dummy"}),
    _create(
        "target: no target",
        "AWS documentation, managing-targets",
        {"Target.Arn": "arn:aws:ec2:us-east-1:123456789012:instance/i-0abc"},
        {"Target.Arn": "@queue-arn@"},
    ),
    _create(
        "target: FIFO queue without a group",
        "AWS documentation, API_SqsParameters",
        {"Target.Arn": "@queue-arn@.fifo"},
        {"Target.Arn": "@queue-arn@.fifo", "Target.SqsParameters": {"MessageGroupId": "g"}},
    ),
    _create(
        "target: reads",
        _UNIVERSAL,
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage"},
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"},
    ),
    _create(
        "target: reads",
        _UNIVERSAL,
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:lambda:getFunction"},
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:lambda:invoke"},
    ),
    _create(
        "target: reads",
        _UNIVERSAL,
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:dynamodb:query"},
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:dynamodb:putItem"},
    ),
    _create(
        "target: unknown action",
        _UNIVERSAL,
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendLetter"},
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sqs:purgeQueue"},
    ),
    _create(
        "target: unknown action",
        _UNIVERSAL,
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:post:send"},
        {"Target.Arn": "arn:aws:scheduler:::aws-sdk:sns:publish"},
    ),
    _create(
        "input: JSON",
        "AWS documentation, API_Target, Input",
        {"Target.Input": "{nope"},
        {"Target.Input": '{"at":"<aws.scheduler.scheduled-time>"}'},
    ),
    _create(
        "role: none such",
        "reports of AWS's answer: The execution role you provide must allow AWS EventBridge Scheduler to assume",
        {"Target.RoleArn": "@no-role@"},
        {"Target.RoleArn": "@scheduler-role@"},
    ),
    _create(
        "role: trusts another service",
        "reports of AWS's answer: The execution role you provide must allow AWS EventBridge Scheduler to assume",
        {"Target.RoleArn": "@lambda-role@"},
        {"Target.RoleArn": "@scheduler-role@"},
    ),
    _create(
        "group: none such",
        "botocore scheduler CreateSchedule, ResourceNotFoundException",
        {"GroupName": "@name@-missing"},
        {"GroupName": "default"},
        error=MISSING,
    ),
)

ROWS: Final = (*MODEL_ROWS, *EXPRESSION_ROWS, *RULE_ROWS)
