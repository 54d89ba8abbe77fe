"""Refusals of EventBridge Scheduler for existing and missing schedules and groups."""

from __future__ import annotations

from typing import Any, Final

from cronstack_infra.conformance.scheduler_rows import CONFLICT, INVALID, MISSING, RECORDED, schedule
from cronstack_infra.conformance.values import Base, Error, In, Row


def _row(
    rule: str,
    operation: str,
    bad: dict[str, Any],
    error: Error,
    good: dict[str, Any],
    *,
    source: str = "",
    good_operation: str | None = None,
    scene: str = "schedule",
    last: bool = False,
) -> Row:
    source_text = source or f"botocore scheduler {operation}, {error.code}"
    return Row(rule, "scheduler", operation, bad, error, source_text, good, scene, good_operation, last)


_existing = Base({**schedule.members, "Name": "@schedule@"})

ROWS: Final = (
    _row("exists", "create_schedule", _existing(), CONFLICT, schedule()),
    _row("missing", "get_schedule", {"Name": "@schedule@x"}, MISSING, {"Name": "@schedule@"}),
    _row(
        "missing",
        "get_schedule",
        {"Name": "@schedule@", "GroupName": "@group@"},
        MISSING,
        {"Name": "@schedule@", "GroupName": "default"},
    ),
    _row("missing", "delete_schedule", {"Name": "@schedule@x"}, MISSING, {"Name": "@schedule@"}),
    _row(
        "missing",
        "update_schedule",
        _existing(Name="@schedule@x"),
        MISSING,
        _existing(Description="changed", State="DISABLED"),
    ),
    _row("missing", "update_schedule", _existing(GroupName="@group@"), MISSING, _existing(GroupName="default")),
    _row(
        "update: expression",
        "update_schedule",
        _existing(ScheduleExpression="cron(0 6 * * * *)"),
        INVALID,
        _existing(ScheduleExpression="cron(0 7 * * ? 2199)"),
        source=RECORDED,
    ),
    _row(
        "update: past start",
        "update_schedule",
        _existing(ScheduleExpression="rate(300 days)", StartDate=In(minutes=-10)),
        INVALID,
        _existing(ScheduleExpression="rate(300 days)", StartDate=In(minutes=10)),
        source="two reports of AWS's answer: The StartDate you specify cannot be earlier than 5 minutes ago",
    ),
    _row(
        "update: required",
        "update_schedule",
        _existing(FlexibleTimeWindow=None),
        INVALID,
        _existing(),
        source="botocore scheduler UpdateSchedule.FlexibleTimeWindow required",
    ),
    _row("group: exists", "create_schedule_group", {"Name": "@group@"}, CONFLICT, {"Name": "@group@-b"}),
    _row(
        "group: pattern",
        "create_schedule_group",
        {"Name": "a b"},
        INVALID,
        {"Name": "@group@-c"},
        source="botocore scheduler CreateScheduleGroup.Name pattern",
    ),
    _row("group: missing", "get_schedule_group", {"Name": "@group@-x"}, MISSING, {"Name": "@group@"}),
    _row("group: missing", "delete_schedule_group", {"Name": "@group@-x"}, MISSING, {"Name": "@group@"}),
    _row(
        "group: the default one",
        "delete_schedule_group",
        {"Name": "default"},
        INVALID,
        {"Name": "@group@"},
        source="AWS documentation, managing-schedule-group-delete",
        last=True,
    ),
    _row(
        "list: at most",
        "list_schedules",
        {"MaxResults": 101},
        INVALID,
        {"MaxResults": 100},
        source="botocore scheduler ListSchedules.MaxResults max 100",
    ),
    _row(
        "list: at most",
        "list_schedules",
        {"MaxResults": 0},
        INVALID,
        {"MaxResults": 1},
        source="botocore scheduler ListSchedules.MaxResults min 1",
    ),
    _row(
        "list: state",
        "list_schedules",
        {"State": "ON"},
        INVALID,
        {"State": "ENABLED"},
        source="botocore scheduler ListSchedules.State enum",
    ),
    _row(
        "tags: of a schedule",
        "tag_resource",
        {"ResourceArn": "@schedule-arn@", "Tags": [{"Key": "a", "Value": "b"}]},
        INVALID,
        {"ResourceArn": "@group-arn@", "Tags": [{"Key": "a", "Value": "b"}]},
        source="botocore scheduler TagResource.ResourceArn pattern",
    ),
    _row(
        "tags: key",
        "tag_resource",
        {"ResourceArn": "@group-arn@", "Tags": [{"Key": "a" * 129, "Value": "b"}]},
        INVALID,
        {"ResourceArn": "@group-arn@", "Tags": [{"Key": "a" * 128, "Value": "b"}]},
        source="botocore scheduler Tag.Key max 128",
    ),
)
