"""``cronstack status``: its table, its JSON, its exit code, and invalid input."""

from __future__ import annotations

import json

import boto3
import pytest

from cronstack import clock
from cronstack_infra.cli import run
from tests.cronstack.stage import Stage, occurrence


@pytest.fixture
def now(stage: Stage) -> int:
    boto3.client("scheduler").create_schedule_group(Name="shop")
    stage.now = clock.now_ms() // 60_000 * 60_000
    return stage.now


def test_the_table_shows_jobs_and_what_needs_attention(
    stage: Stage, now: int, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.deliver(occurrence(now))
    assert run(["status", "--stack", "shop"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("shop: CREATE_COMPLETE")
    assert "watchdog: not deployed" in lines
    assert [line.split()[:3] for line in lines if line.startswith("stats ")] == [["stats", "by", "hand"]]
    assert lines[-1] == "Nothing needs attention."

    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody="\x1b[2Jwhatever")
    assert run(["status", "--stack", "shop"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "! about 1 dead letter: cronstack dead-letters summary"


def test_the_exit_code_is_1_if_asked_for(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--stack", "shop", "--exit-code"]) == 0
    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody="whatever")
    capsys.readouterr()
    assert run(["status", "--stack", "shop", "--exit-code", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == [{"what": "about 1 dead letter", "command": "cronstack dead-letters summary"}]
    assert [job["job"] for job in found["jobs"]] == ["stats"]


def test_a_paused_job_needs_attention(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pause", "stats", "--stack", "shop", "--reason", "wrong totals"]) == 0
    assert run(["status", "--stack", "shop", "--exit-code"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "! 1 job is paused: stats: cronstack resume stats"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--stack", "absent"], 1, "the stack absent is not deployed"),
        (["--stack", "foreign"], 1, "it is not a Cronstack stack"),
        (["stats", "--stack", "shop"], 2, "unexpected extra argument"),
        (["--stack", "shop", "--port", "0"], 2, "Invalid value for '--port'"),
    ],
)
def test_invalid_input_is_one_message(
    stage: Stage, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert run(["status", *arguments]) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
