"""``cronstack explain`` and ``cronstack runs show``: what they print, and invalid input."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from cronstack import clock
from cronstack.occurrence import print_time, to_datetime
from cronstack.steps import Failed
from cronstack_infra.cli import run
from cronstack_infra.ops.audit import Action, Operator, record
from tests.cli.commands.shell import Once
from tests.cronstack.stage import TABLE, Stage, occurrence

FAILED = Failed(json.dumps({"type": "ValueError", "message": "no supplier", "trace": ["File jobs/stats.py, line 3"]}))


@pytest.fixture
def now(stage: Stage) -> int:
    """A whole minute a moment ago. The stage's clock is set to it, because the commands read the real clock."""
    boto3.client("scheduler").create_schedule_group(Name="shop")
    stage.now = clock.now_ms() // 60_000 * 60_000
    return stage.now


def _schedule(expression: str, zone: str = "UTC") -> None:
    boto3.client("scheduler").create_schedule(
        Name="shop-stats.1",
        GroupName="shop",
        ScheduleExpression=expression,
        ScheduleExpressionTimezone=zone,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:lambda:us-east-1:123456789012:function:shop-stats", "RoleArn": "arn:aws:iam::1:role/s"},
    )


def test_the_first_line_is_the_answer(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    running = occurrence(now - 60_000)
    stage.delivery(running).until("Work")
    stage.deliver(occurrence(now))
    assert run(["explain", "stats", occurrence(now).id, "--stack", "shop"]) == 0
    answer, _, title, *rest = capsys.readouterr().out.splitlines()
    assert answer == f"It was skipped: {running.id} was running at its time (overlap)."
    assert title.startswith("stats at ")
    assert f"  cronstack explain stats {running.id}" in rest
    assert [line for line in rest if line and not line.startswith(" ")] == ["Timeline", "Evidence", "Next"]


def test_a_time_is_read_in_the_zone_of_the_job(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    _schedule("cron(0 6 * * ? *)", "Asia/Kolkata")
    day = to_datetime(now) + timedelta(days=2)
    assert run(["explain", "stats", f"{day:%Y-%m-%d}T06:00", "--stack", "shop", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cause"], found["zone"], found["due"]) == (
        "future",
        "Asia/Kolkata",
        f"{day:%Y-%m-%d}T00:30:00.000Z",
    )
    assert found["next"] == ["cronstack next stats"]
    assert found["evidence"][-1].startswith("schedule shop-stats.1: cron(0 6 * * ? *) Asia/Kolkata")


def test_show_has_everything_of_one_run(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    of = occurrence(now, input={"supplier": "Ada", "api_key": "s3cret"})
    stage.deliver(of, FAILED)
    operator = Operator("arn:aws:iam::123456789012:user/ada", "a fix\x1b[2J was deployed")
    record(stage.dynamodb, TABLE, Action("stats", "redrive", to_datetime(now), operator, {"occurrence": of.id}))
    assert run(["runs", "show", "stats", of.id, "--stack", "shop", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["attempt"], found["limit"]) == ("retrying", 1, 3)
    assert found["input"] == {"supplier": "Ada", "api_key": "[redacted]"}
    assert found["trace"] == ["File jobs/stats.py, line 3"]
    assert len(found["carriers"]) == 1
    assert [action["action"] for action in found["actions"]] == ["redrive"]

    assert run(["runs", "show", "stats", print_time(now), "--stack", "shop"]) == 0
    text = capsys.readouterr().out
    assert "ValueError: no supplier" in text
    assert "s3cret" not in text
    assert "\x1b" not in text
    assert "redrive by arn:aws:iam::123456789012:user/ada" in text


def test_show_and_explain_a_key(stage: Stage, now: int, once: Once, capsys: pytest.CaptureFixture[str]) -> None:
    assert once("stats", "--key", "order 4711", "--in", "3h", "--input", '{"order": 4711}').code == 0
    assert run(["runs", "show", "stats", "--key", "order 4711", "--stack", "shop", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["key"], found["input"]) == ("planned", "order 4711", {"order": 4711})
    assert found["plan"]["moves"] == 0
    assert run(["explain", "stats", "--key", "order 4711", "--stack", "shop"]) == 0
    answer, *_, last = capsys.readouterr().out.splitlines()
    assert answer.startswith("It is planned under the key 'order 4711', and due in 2h 59min")
    assert last == "  cronstack once show stats --key 'order 4711'"


def test_show_a_run_that_has_succeeded(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    stage.deliver(occurrence(now))
    assert run(["runs", "show", "stats", occurrence(now).id, "--stack", "shop"]) == 0
    text = capsys.readouterr().out
    assert "input       not stored: the run has succeeded" in text
    assert "attempt     1 of 3" in text


def test_show_names_the_command_that_explains(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "show", "stats", "2026-01-01T06:00", "--stack", "shop"]) == 1
    printed = capsys.readouterr().err
    assert "stats has no run for 2026-01-01T06:00 in the ledger" in printed
    assert "cronstack explain stats 2026-01-01T06:00" in printed


def test_a_job_may_have_the_name_of_a_subcommand(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    stage.deliver(occurrence(now))
    for name in ("show", "stats"):
        boto3.client("lambda").create_function(
            FunctionName=f"shop-{name}2",
            Runtime="python3.13",
            Role=boto3.client("iam").get_role(RoleName="role")["Role"]["Arn"],
            Handler="jobs.show.show",
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
            Environment={"Variables": {"CRONSTACK_STACK": "shop"}},
        )
    assert run(["runs", "--stack", "shop", "show2"]) == 0
    assert capsys.readouterr().out == "No runs.\n"
    assert run(["runs", "--stack", "shop", "--", "show"]) == 1  # the list, of a job that does not exist
    assert "no job 'show'" in capsys.readouterr().err
    assert run(["runs", "show", "--stack", "shop"]) == 2  # the subcommand, without its arguments
    assert "Missing argument 'JOB'" in capsys.readouterr().err


def test_runs_lists_a_job_that_was_removed(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    stage.deliver(occurrence(now))
    boto3.client("lambda").delete_function(FunctionName="shop-stats")
    assert run(["runs", "stats", "--stack", "shop"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "The stack shop does not have the job stats now; these are its rows.\n"
    assert occurrence(now).id in printed.out
    assert run(["explain", "stats", occurrence(now).id, "--stack", "shop"]) == 0
    assert "the stack shop does not have the job stats now" in capsys.readouterr().out
    assert run(["runs", "absent", "--stack", "shop"]) == 1
    assert "no job 'absent'" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["explain"], ["runs", "show"]])
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stats"], 2, "the occurrence is missing"),
        (["stats", "yesterday"], 2, "'yesterday' is not a valid time"),
        (["stats", "2026-02-30T06:00"], 2, "is not a valid time"),
        (["stats", "9999-12-31T23:59:59-10:00"], 2, "is not a valid time"),
        (["stats", "t-2026-01-01"], 2, "is not a valid occurrence"),
        (["stats", "t-2026-02-30T06:00:00Z"], 2, "its time does not exist"),
        (["stats", "m-123"], 2, "is not a valid occurrence"),
        (["stats", "2026-01-01", "--key", "k"], 2, "only one can be meant"),
        (["stats", "--key", ""], 2, "is not a valid key"),
        (["st ats", "2026-01-01"], 2, "is not a valid name of a job"),
        (["stat", "2026-01-01"], 1, "Did you mean stats?"),
        ([], 2, "Missing argument 'JOB'"),
    ],
)
def test_invalid_input_is_one_message(
    stage: Stage,
    now: int,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    assert run([*command, *arguments, "--stack", "shop"]) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("text", ["2026-03-29T02:30", "2026-10-25T02:30"])
def test_clock_changes(stage: Stage, now: int, capsys: pytest.CaptureFixture[str], text: str) -> None:
    _schedule("cron(30 2 * * ? *)", "Europe/Berlin")
    assert run(["explain", "stats", text, "--stack", "shop", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["cause"] in ("clocks-skip", "too-old", "changed-since")
    assert (found["cause"] == "clocks-skip") == (text == "2026-03-29T02:30")
    assert found["due"] == (
        "2026-03-29T01:30:00.000Z" if found["cause"] == "clocks-skip" else "2026-10-25T00:30:00.000Z"
    )
