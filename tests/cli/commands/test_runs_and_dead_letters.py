"""Commands on runs and dead letters: their output and their errors."""

from __future__ import annotations

import json

import pytest

from cronstack.guard.letters import LetterSource
from cronstack_infra.cli import run
from tests.cronstack.stage import FUNCTION, Stage, occurrence, scheduled_event

CONTROL_CHARACTERS = json.dumps({"type": "ValueError", "message": "red \x1b[31m\nand gone"})


def test_the_table_of_runs_has_no_control_characters(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    of = occurrence()
    stage.deliver(of)
    stage.change("run#t-2026-01-01T11:00:00Z", status="retrying", attempt=1, limit=3, due=of.due - 3_600_000)
    stage.change("run#t-2026-01-01T11:00:00Z", error=CONTROL_CHARACTERS)
    assert run(["runs", "--stack", "shop"]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split()[:3] == ["JOB", "DUE", "(UTC)"]
    assert [row.split()[3] for row in rows] == ["succeeded", "retrying"]
    assert "\x1b" not in "".join(rows)
    assert rows[1].endswith("ValueError: red \N{REPLACEMENT CHARACTER}[31m and gone")

    assert run(["runs", "stats", "--stack", "shop", "--json", "--status", "succeeded"]) == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["occurrence"], only["due"], only["attempt"]) == (of.id, "2026-01-01T12:00:00Z", 1)

    assert run(["runs", "--stack", "shop", "--status", "buffered"]) == 0
    assert capsys.readouterr().out == "No runs.\n"


def test_a_skipped_run_shows_the_occurrence_that_ran(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    running = occurrence(stage.now - 60_000)
    stage.delivery(running).until("Work")
    stage.deliver(occurrence(stage.now))
    stage.change("run#t-2026-01-01T11:00:00Z", status="skipped", reason="overlap", by="01KDX4", due=running.due - 1)
    assert run(["runs", "--stack", "shop", "--json"]) == 0
    skipped, ran, without_other = json.loads(capsys.readouterr().out)
    assert (skipped["status"], skipped["other_occurrence"]) == ("skipped", running.id)
    assert (ran["occurrence"], ran["other_occurrence"]) == (running.id, None)
    assert without_other["other_occurrence"] is None
    assert all("by" not in row for row in (skipped, ran, without_other))
    assert run(["runs", "--stack", "shop", "--status", "skipped"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[-2:] for row in rows] == [["overlap:", running.id], ["t-2026-01-01T11:00:00Z", "overlap"]]


def test_a_lone_surrogate_in_a_result_is_printed(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """A lone surrogate, as in a file name that is not UTF-8. Stdout cannot encode it."""
    stage.deliver(occurrence())
    stage.change(f"run#{occurrence().id}", result=json.dumps({"file": "caf\udce9", "for": "Zoë"}))
    assert run(["runs", "--stack", "shop", "--json"]) == 0
    printed = capsys.readouterr().out
    (only,) = json.loads(printed)
    assert only["result"] == {"file": "caf\udce9", "for": "Zoë"}
    assert "Zoë" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["runs", "--stack", "absent"], 1, "the stack absent is not deployed in the Region us-east-1"),
        (["runs", "--stack", "foreign"], 1, "has no output 'Ledger': it is not a Cronstack stack"),
        (["runs", "stat", "--stack", "shop"], 1, "Did you mean stats?"),
        (["runs", "x" * 200, "--stack", "shop"], 1, "no job 'xxx"),
        (["runs", "--stack", "shop", "--since", "yesterday"], 2, "'yesterday' is not a valid time"),
        (["runs", "--stack", "shop", "--status", "ill"], 2, "'ill' is not one of"),
        (["trigger", "stats", "--stack", "shop", "--input", "{"], 2, "is not JSON"),
        (["trigger", "stats", "--stack", "shop", "--at", "2999-01-01"], 1, "is in the future"),
        (["backfill", "stats", "--stack", "shop", "--from", "x", "--to", "y"], 2, "'x' is not a valid time"),
        (["backfill", "stats", "--stack", "shop", "--from", "2026-01-01"], 2, "Missing option '--to'"),
        (
            ["backfill", "stats", "--stack", "shop", "--from", "2026-01-02", "--to", "2026-01-02"],
            2,
            "--to must be after --from",
        ),
        (["backfill", "stats", "--stack", "shop", "--from", "2013-01-01", "--to", "2013-01-02"], 1, "has no schedule"),
        (["dead-letters", "show", "nothing", "--stack", "shop"], 1, "no dead letter nothing"),
        (["dead-letters", "redrive", "stat", "--stack", "shop"], 1, "Did you mean stats?"),
        (["dead-letters", "redrive", "--dry-run", "--wait", "--stack", "shop"], 2, "nothing to --wait for"),
    ],
)
def test_invalid_arguments_are_one_message(
    stage: Stage, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    import boto3

    boto3.client("scheduler").create_schedule_group(Name="shop")
    assert run(arguments) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_a_wrong_region_is_reported(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert run(["runs", "--stack", "shop"]) == 1
    printed = capsys.readouterr().err
    assert (
        "the stack shop is not deployed in the Region eu-central-1 of https://cloudformation.eu-central-1." in printed
    )
    assert "If it is in another Region, set AWS_REGION." in printed


def test_dead_letters_are_listed_and_summarised(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dead-letters", "list", "--stack", "shop"]) == 0
    assert capsys.readouterr().out == "No dead letters.\n"
    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody="\x1b[2Jwhatever")
    assert run(["dead-letters", "list", "--stack", "shop"]) == 0
    listed = capsys.readouterr().out
    assert "handler" in listed
    assert "\x1b[2J" not in listed
    assert run(["dead-letters", "summary", "--stack", "shop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["letters"] == 1
    assert run(["dead-letters", "redrive", "--stack", "shop"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "it stays. To read it: cronstack dead-letters show" in line
    assert run(["dead-letters", "redrive", "--stack", "shop", "--json"]) == 1
    assert "cronstack trigger JOB" in json.loads(capsys.readouterr().out)[0]["remedy"]


def test_letters_of_missed_runs_are_listed_by_origin(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    for hour in range(2):
        event = scheduled_event(stage.now - hour * 3_600_000)
        error = json.dumps(
            {"type": "Missed", "message": f"it could not start within 60 s: the event came {hour} s after"}
        )
        body = LetterSource(event, FUNCTION, "1").body("Missed", 0, error, now=stage.now, about={"attempt": 0})
        stage.sqs.send_message(QueueUrl=stage.queue, MessageBody=body)
    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody="whatever")
    assert run(["dead-letters", "list", "--stack", "shop", "--origin", "missed"]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["missed", "stats", "t-2026-01-01T12:00:00Z"],
        ["missed", "stats", "t-2026-01-01T11:00:00Z"],
    ]
    assert run(["dead-letters", "summary", "stats", "--stack", "shop", "--json"]) == 0
    (cause,) = json.loads(capsys.readouterr().out)
    assert (cause["letters"], cause["origin"], cause["reason"]) == (2, "missed", "Missed")
    assert cause["error"] == "it could not start before its start deadline"


def test_a_redrive_with_another_name_needs_a_selection(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody=json.dumps(scheduled_event(job="old")))
    assert run(["dead-letters", "redrive", "--as", "stats", "--stack", "shop"]) == 2
    assert "needs JOB, the old name, or --id" in capsys.readouterr().err
    assert run(["dead-letters", "redrive", "old", "--as", "other", "--stack", "shop"]) == 1
    assert "no job 'other'" in capsys.readouterr().err
    assert run(["dead-letters", "redrive", "old", "--stack", "shop"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "If the job was renamed: cronstack dead-letters redrive old --as NEWNAME." in line


def test_help_needs_neither_a_project_nor_boto3(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("runs", "trigger", "backfill", "dead-letters"):
        assert run([command, "--help"]) == 0
        assert "Usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trigger", "stats", "--at", "nope"], "Invalid value for --at: 'nope' is not a valid time"),
        (["trigger", "stats", "--at", "2026-02-30"], "'2026-02-30' is not a valid time"),
        (["backfill", "stats", "--from", "x", "--to", "y"], "Invalid value for --from: 'x' is not a valid time"),
        (["trigger", "stats", "--wait", "--input", '{"u": "<aws.scheduler.scheduled-time>"}'], "would replace"),
        (["trigger", "stats", "--input", '{"u": 1e400}'], "the input cannot be written as JSON"),
        (["trigger", "stats", "--input", "[1]"], "the input is a list, not a JSON object"),
        (["backfill", "stats", "--from", "2026-01-01", "--to", "y"], "Invalid value for --to: 'y' is not a valid time"),
    ],
)
def test_an_invalid_time_or_input_is_reported_before_any_request(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run([*arguments, "--stack", "shop", "--local", "--port", "1"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("address", ["nope", "ftp://127.0.0.1:4570", "http://", "http://127.0.0.1:port"])
def test_conformance_needs_a_url(capsys: pytest.CaptureFixture[str], address: str) -> None:
    assert run(["conformance", "--endpoint", address]) == 2
    assert "is not a URL such as http://127.0.0.1:4570" in capsys.readouterr().err
