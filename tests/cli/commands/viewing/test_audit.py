"""Every command that changes something records who, when and why first, and does nothing if that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cronstack_infra.cli import run
from tests.cronstack.stage import TABLE, Stage, scheduled_event

WHY = "the supplier was down"


def call(*arguments: str) -> int:
    return run([*arguments, "--stack", "shop"])


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert call("audit", *arguments, "--json") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def letter(stage: Stage) -> str:
    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody=json.dumps(scheduled_event()))
    return str(stage.sqs.send_message(QueueUrl=stage.queue, MessageBody="whatever")["MessageId"])


def deny_actions(params: dict[str, Any], **_: Any) -> None:
    """Refuse a write to the actions as AWS does. moto checks no rights."""
    if b"audit#" in params["body"]:
        denied = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
        raise ClientError(denied, "UpdateItem")  # type: ignore[arg-type]


def test_no_action_is_an_empty_list(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("audit") == 0
    assert capsys.readouterr().out == "No actions.\n"
    assert listed(capsys, "stats") == []
    assert call("audit", "stat") == 1
    assert "Did you mean stats?" in capsys.readouterr().err
    assert call("audit", "--since", "soon") == 2
    assert "'soon' is not a valid time" in capsys.readouterr().err


def test_plans_are_recorded_with_key_and_time(stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = tmp_path / "plans.jsonl"
    lines.write_text('{"key": "order-2", "in": "3d"}\n{"key": "order-3", "in": "3d"}\n')
    assert call("once", "stats", "--key", "order-1", "--in", "3d", "--reason", WHY) == 0
    assert call("once", "move", "stats", "order-1", "--in", "4d") == 0
    assert call("once", "cancel", "stats", "order-1") == 0
    assert call("once", "import", "stats", str(lines)) == 0
    rows = listed(capsys, "stats")
    assert [row["action"] for row in rows] == ["once import", "once cancel", "once move", "once schedule"]
    who = boto3.client("sts").get_caller_identity()["Arn"]
    assert (rows[3]["by"], rows[3]["reason"], rows[3]["job"]) == (who, WHY, "stats")
    assert rows[3]["details"]["key"] == "order-1"
    assert rows[0]["details"]["lines"] == 2, "one row for all lines"
    assert rows[0]["reason"] is None


def test_redrives_and_drops_are_one_row_each(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    junk = letter(stage)
    assert call("dead-letters", "redrive", "--dry-run") == 1
    assert listed(capsys) == [], "a dry run changes nothing"
    assert call("dead-letters", "redrive", "--reason", WHY) == 1
    assert call("dead-letters", "drop", junk, "--reason", "junk") == 0
    drop, redrive = listed(capsys)
    assert (redrive["action"], redrive["job"], redrive["reason"]) == ("redrive", None, WHY)
    assert redrive["details"] == {"letters": 2, "occurrences": ["t-2026-01-01T12:00:00Z"]}
    assert (drop["action"], drop["reason"], drop["details"]["ids"]) == ("drop", "junk", [junk])
    assert [row["action"] for row in listed(capsys, "--action", "drop")] == ["drop"]
    assert [row["action"] for row in listed(capsys, "-n", "1")] == ["drop"]


def test_the_table_shows_who_and_why(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("once", "cancel", "stats", "order-1", "--reason", WHY) == 1
    capsys.readouterr()
    assert call("audit", "stats") == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["TIME", "(UTC)"]
    assert "once cancel" in row
    assert WHY in row


@pytest.mark.parametrize(
    "arguments",
    [
        ("once", "stats", "--key", "order-1", "--in", "3d"),
        ("once", "cancel", "stats", "order-1"),
        ("dead-letters", "redrive"),
        ("dead-letters", "drop", "LETTER"),
        ("trigger", "stats", "--input", "{}"),
    ],
    ids=" ".join,
)
def test_an_action_that_cannot_be_recorded_is_not_carried_out(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    """The caller may not write the partition of actions."""
    boto3.client("scheduler").create_schedule_group(Name="shop")
    known = letter(stage)
    before = stage.dynamodb.scan(TableName=TABLE)["Items"]
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session())
    boto3.DEFAULT_SESSION.events.register("before-call.dynamodb.UpdateItem", deny_actions)
    assert call(*(known if word == "LETTER" else word for word in arguments)) == 1
    printed = capsys.readouterr()
    assert "nothing was changed, because the action could not be recorded in the ledger" in printed.err
    assert "dynamodb:UpdateItem on the partition audit#" in printed.err
    assert "Traceback" not in printed.err
    assert stage.dynamodb.scan(TableName=TABLE)["Items"] == before
    assert len(_all(stage)) == 2


def test_a_reason_has_a_limit(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("once", "cancel", "stats", "order-1", "--reason", "x" * 301) == 2
    assert "has 301 characters; the limit is 300" in capsys.readouterr().err


def test_a_row_of_a_long_command_is_one_write_unit(stage: Stage) -> None:
    """A letter's id has 36 characters, an occurrence 22; at most ten of each are stored."""
    for _ in range(40):
        letter(stage)
    ids = [message["MessageId"] for message in _all(stage)]
    assert call("dead-letters", "drop", *ids, "--reason", "x" * 300) == 0
    (row,) = stage.dynamodb.scan(TableName=TABLE)["Items"]
    size = sum(len(name) + len(next(iter(value.values()))) for name, value in row.items())
    assert size < 1536, f"{size} bytes"


def _all(stage: Stage) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while got := stage.sqs.receive_message(QueueUrl=stage.queue, MaxNumberOfMessages=10, VisibilityTimeout=60).get(
        "Messages"
    ):
        messages += got
    for message in messages:
        stage.sqs.change_message_visibility(
            QueueUrl=stage.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return messages
