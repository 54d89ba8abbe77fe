"""Times at a clock change: ``--from``, ``--to``, ``--at``."""

from __future__ import annotations

import json

import pytest

from cronstack.event import scheduled_input
from cronstack_infra import names
from cronstack_infra.cli import run
from tests.cronstack.stage import FUNCTION, Stage

NEW_YORK = "America/New_York"


@pytest.fixture
def every_ten_minutes(stage: Stage) -> None:
    """A deployed schedule of ``stats``, in New York."""
    import boto3

    scheduler = boto3.client("scheduler")
    scheduler.create_schedule_group(Name="shop")
    scheduler.create_schedule(
        Name=names.schedule_name("shop", "stats", 1),
        GroupName="shop",
        ScheduleExpression="cron(*/10 * * * ? *)",
        ScheduleExpressionTimezone=NEW_YORK,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": FUNCTION,
            "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
            "Input": scheduled_input("stats", {}),
        },
    )


def backfill(*options: str) -> int:
    return run(["backfill", "stats", "--stack", "shop", "--dry-run", "--again", *options])


def due(printed: str) -> list[str]:
    return [row["due"].removesuffix(":00Z") for row in json.loads(printed)]


@pytest.mark.usefixtures("every_ten_minutes")
@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2025-03-09T02:30", "2025-03-09T03:30", ["07:00", "07:10", "07:20"]),
        ("2025-03-09T02:30", "2025-03-09T03:20", ["07:00", "07:10"]),
        ("2025-03-09T01:40", "2025-03-09T02:30", ["06:40", "06:50"]),
        ("2025-03-09T01:50", "2025-03-09T03:10", ["06:50", "07:00"]),
        ("2025-11-02T00:50", "2025-11-02T01:20-04:00", ["04:50", "05:00", "05:10"]),
    ],
)
def test_a_skipped_bound_is_the_instant_of_the_clock_change(
    capsys: pytest.CaptureFixture[str], first: str, last: str, expected: list[str]
) -> None:
    assert backfill("--from", first, "--to", last, "--json") == 0
    printed = capsys.readouterr()
    assert [row.partition("T")[2] for row in due(printed.out)] == expected
    assert printed.err == ""


@pytest.mark.usefixtures("every_ten_minutes")
def test_two_skipped_bounds_are_refused_with_their_instants(capsys: pytest.CaptureFixture[str]) -> None:
    assert backfill("--from", "2025-03-09T02:10", "--to", "2025-03-09T02:50") == 2
    message = " ".join(capsys.readouterr().err.split())
    assert "2025-03-09T02:50 is 2025-03-09 07:00 UTC and 2025-03-09T02:10 is 2025-03-09 07:00 UTC" in message


@pytest.mark.usefixtures("every_ten_minutes")
@pytest.mark.parametrize(
    "arguments",
    [
        ["backfill", "stats", "--from", "2025-11-02T01:30", "--to", "2025-11-02T03:00"],
        ["backfill", "stats", "--from", "2025-11-02T00:30", "--to", "2025-11-02T01:30"],
        ["trigger", "stats", "--at", "2025-11-02T01:30"],
    ],
)
def test_a_repeated_local_time_is_refused_with_both_readings(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run([*arguments, "--stack", "shop"]) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert f"'2025-11-02T01:30' comes twice in {NEW_YORK}" in message
    assert "2025-11-02T01:30:00-04:00 or 2025-11-02T01:30:00-05:00" in message


@pytest.mark.usefixtures("every_ten_minutes")
def test_no_occurrence_is_triggered_for_a_local_time_that_the_clocks_skip(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trigger", "stats", "--at", "2025-03-09T02:30", "--stack", "shop"]) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert f"'2025-03-09T02:30' does not exist in {NEW_YORK}" in message
    assert "2025-03-09T01:30:00-05:00 or 2025-03-09T03:30:00-04:00" in message


@pytest.mark.usefixtures("every_ten_minutes")
def test_a_future_end_of_a_backfill_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert backfill("--from", "2190-01-01", "--to", "2190-01-02") == 0
    printed = capsys.readouterr()
    assert "Note: --to 2190-01-02 is in the future" in printed.err
    assert printed.out == "Nothing was due in that span.\n"
