"""Each edit or deletion outside the stack is found, and its remedy restores the stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.ops.doctor.conftest import STACK, Doctor

NIGHTLY, SCHEDULE = f"{STACK}-nightly", f"{STACK}-nightly.1"
QUALIFIED = {"FunctionName": f"{STACK}-remind", "Qualifier": "$LATEST"}


def edit_schedule(**changes: Any) -> Callable[[Doctor], None]:
    """Change a schedule as the console does. Fields of the target are in ``target``."""

    def edit(doctor: Doctor) -> None:
        scheduler = doctor.cloud.client("scheduler")
        got = scheduler.get_schedule(GroupName=STACK, Name=SCHEDULE)
        kept = ("Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
        fields = {name: got[name] for name in kept} | changes
        fields["Target"] = {**got["Target"], **fields.pop("target", {})}
        for name in fields.pop("without", ()):
            fields["Target"].pop(name)
        scheduler.update_schedule(**fields)

    return edit


def on(service: str, operation: str, **parameters: Any) -> Callable[[Doctor], None]:
    return lambda doctor: getattr(doctor.cloud.client(service), operation)(**parameters)


def on_table(operation: str, **parameters: Any) -> Callable[[Doctor], None]:
    return lambda doctor: getattr(doctor.cloud.client("dynamodb"), operation)(
        TableName=doctor.physical("SharedLedger"), **parameters
    )


def short_letters(doctor: Doctor) -> None:
    url = doctor.physical("SharedHandlerDeadLetters")
    doctor.cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "3600"})


def edit_alarm(doctor: Doctor) -> None:
    cloudwatch, name = doctor.cloud.client("cloudwatch"), doctor.physical("SharedWorkAlarm")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    kept = ("AlarmName", "AlarmActions", "Metrics")
    others = ("EvaluationPeriods", "ComparisonOperator", "TreatMissingData")
    cloudwatch.put_metric_alarm(**{key: alarm[key] for key in (*kept, *others)}, Threshold=1000)


def set_environment(**variables: str) -> Callable[[Doctor], None]:
    def change(doctor: Doctor) -> None:
        functions = doctor.cloud.client("lambda")
        before = functions.get_function_configuration(FunctionName=NIGHTLY)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=NIGHTLY, Environment={"Variables": {**before, **variables}}
        )

    return change


class Case(NamedTuple):
    broken: Callable[[Doctor], Any]
    where: str
    what: str
    """Part of the finding."""
    severity: str = "error"
    by_stack: bool = False
    """True: only CloudFormation restores it, which the local cloud cannot."""


CASES = {
    "another time": Case(
        edit_schedule(ScheduleExpression="cron(30 3 * * ? *)"),
        f"schedule {SCHEDULE}",
        "Expression is cron(30 3",
    ),
    "another zone": Case(
        edit_schedule(ScheduleExpressionTimezone="UTC"), f"schedule {SCHEDULE}", "the template has Europe/Berlin"
    ),
    "disabled": Case(edit_schedule(State="DISABLED"), f"schedule {SCHEDULE}", "State is DISABLED"),
    "a window": Case(
        edit_schedule(FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}),
        f"schedule {SCHEDULE}",
        "FlexibleTimeWindow is",
        "warning",
    ),
    "another target": Case(
        edit_schedule(target={"Arn": f"arn:aws:lambda:us-east-1:123456789012:function:{STACK}-remind"}),
        f"schedule {SCHEDULE}",
        "Arn is",
    ),
    "another input": Case(edit_schedule(target={"Input": "{}"}), f"schedule {SCHEDULE}", "Input is {}"),
    "no dead letters": Case(edit_schedule(without=["DeadLetterConfig"]), f"schedule {SCHEDULE}", "DeadLetterConfig"),
    "fewer retries": Case(
        edit_schedule(target={"RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}}),
        f"schedule {SCHEDULE}",
        "RetryPolicy is",
        "warning",
    ),
    "deleted schedule": Case(
        on("scheduler", "delete_schedule", GroupName=STACK, Name=SCHEDULE), f"schedule {SCHEDULE}", "deleted by hand"
    ),
    "paused by hand": Case(
        on("lambda", "put_function_concurrency", FunctionName=NIGHTLY, ReservedConcurrentExecutions=0),
        f"function {NIGHTLY}",
        "ReservedConcurrentExecutions is 0; the template has not set",
    ),
    "timeout": Case(
        on("lambda", "update_function_configuration", FunctionName=NIGHTLY, Timeout=5),
        f"function {NIGHTLY}",
        "Timeout is 5; the template has 60",
        "warning",
    ),
    "memory": Case(
        on("lambda", "update_function_configuration", FunctionName=NIGHTLY, MemorySize=128),
        f"function {NIGHTLY}",
        "MemorySize is 128; the template has 256",
        "warning",
    ),
    "ledger's name": Case(
        set_environment(CRONSTACK_LEDGER="other"),
        f"function {NIGHTLY}",
        "Environment.CRONSTACK_LEDGER is other",
        by_stack=True,
    ),
    "password": Case(
        set_environment(SHOP_PASSWORD="changed"),
        f"function {NIGHTLY}",
        "Environment.SHOP_PASSWORD differs from the template (values are not shown)",
        by_stack=True,
    ),
    "another variable": Case(
        set_environment(DEBUG="1"), f"function {NIGHTLY}", "Environment.DEBUG differs", by_stack=True
    ),
    "no destination": Case(
        on("lambda", "put_function_event_invoke_config", **QUALIFIED, MaximumRetryAttempts=2),
        f"event settings of {STACK}-remind:$LATEST",
        "OnFailure is not set",
    ),
    "no event settings": Case(
        on("lambda", "delete_function_event_invoke_config", **QUALIFIED),
        f"event settings of {STACK}-remind:$LATEST",
        "deleted by hand",
    ),
    "letters for an hour": Case(short_letters, "queue", "MessageRetentionPeriod is 3600; the template has 1209600"),
    "no backup": Case(
        on_table("update_continuous_backups", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}),
        "table",
        "PointInTimeRecovery is false; the template has true",
        "warning",
    ),
    "no protection": Case(
        on_table("update_table", DeletionProtectionEnabled=False), "table", "DeletionProtection is false", "warning"
    ),
    "rows forever": Case(
        on_table("update_time_to_live", TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}),
        "table",
        "TimeToLive is not set; the template has ttl",
        "warning",
    ),
    "logs for a day": Case(
        on("logs", "put_retention_policy", logGroupName=f"/aws/lambda/{NIGHTLY}", retentionInDays=1),
        "log group",
        "RetentionInDays is 1; the template has 30",
        "warning",
    ),
    "a deaf alarm": Case(edit_alarm, "alarm", "Threshold is 1000", "warning", by_stack=True),
}


@pytest.mark.parametrize("name", CASES)
def test_an_edit_is_found_and_its_remedy_restores_the_stack(doctor: Doctor, name: str) -> None:
    case = CASES[name]
    case.broken(doctor)
    found = doctor.only("drift")
    assert (found.severity, found.check) == (case.severity, "drift")
    assert found.where.startswith(case.where)
    assert case.what in found.what
    assert found.why
    if case.by_stack:
        assert "--deployment-mode REVERT_DRIFT" in found.remedy
        assert f"--stack-name {STACK}" in found.remedy
    else:
        doctor.carry_out(found.remedy)
        assert doctor.findings("drift") == []


def test_no_value_of_a_variable_of_a_job_is_printed(doctor: Doctor) -> None:
    set_environment(SHOP_PASSWORD="changed")(doctor)
    text = json.dumps([finding.as_json() for finding in doctor.findings()])
    assert "SHOP_PASSWORD" in text
    assert "hunter2" not in text
    assert "changed" not in text


def test_a_missing_right_is_a_finding_and_the_other_resources_are_compared(doctor: Doctor) -> None:
    doctor.denied = {"get_schedule": "scheduler"}
    on("lambda", "put_function_concurrency", FunctionName=NIGHTLY, ReservedConcurrentExecutions=0)(doctor)
    paused, unread = doctor.findings("drift")
    assert paused.where == f"function {NIGHTLY}"
    assert (unread.severity, unread.what) == ("unchecked", "could not check: needs scheduler:GetSchedule")
    assert "scheduler:GetSchedule" in unread.remedy


def test_a_deleted_function_is_found_with_its_event_settings(doctor: Doctor) -> None:
    doctor.cloud.client("lambda").delete_function(FunctionName=f"{STACK}-sweeps")
    found = {finding.where: finding for finding in doctor.findings("drift")}
    assert "deleted by hand" in found[f"function {STACK}-sweeps"].what
    assert "REVERT_DRIFT" in found[f"function {STACK}-sweeps"].remedy
