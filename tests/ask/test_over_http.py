"""Questions over HTTP to the local cloud by the command: those without minutes of waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronstack_infra.cli import run
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.http.switching import switches


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud


QUICK = ("past-start", "past-year", "conflict", "stale-schedules", "empty-polls", "skewed-request", "date-header")
HARSH = {"past-start": "accepted", "stale-schedules": "3", "empty-polls": "1"}


@pytest.mark.parametrize("harsh", [False, True], ids=["default", "switched"])
def test_the_command_asks_the_local_cloud(
    cloud: LocalCloud,
    harsh: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    file = tmp_path / "transcript.json"
    asked = [word for id in QUICK for word in ("--only", id)]
    with switches(cloud.endpoint, *([f"{name}={value}" for name, value in HARSH.items()] if harsh else [])):
        assert run(["ask-aws", "--local", *asked, "--json", str(file)]) == 0
    printed = capsys.readouterr()
    assert "123456789012" not in printed.out
    answers = {answer["id"]: answer for answer in json.loads(file.read_text())["answers"]}
    assert list(answers) == list(QUICK)
    settings = {id: answers[id]["setting"].partition("=")[2] for id in HARSH}
    assert settings["past-start"] == ("accepted" if harsh else "refused")
    assert 2 <= float(settings["stale-schedules"]) <= 15 if harsh else settings["stale-schedules"] == "0"
    assert settings["empty-polls"] == ("1" if harsh else "0")
    assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []


def test_a_list_of_the_questions_asks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask-aws", "--list"]) == 0
    printed = capsys.readouterr()
    assert "past-at" in printed.out
    assert "at most" in printed.out
    assert "Not asked:" in printed.out
    assert run(["ask-aws", "--only", "nothing"]) == 2
    assert "unknown question 'nothing'" in capsys.readouterr().err


def test_an_account_is_asked_only_after_a_confirmation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert run(["ask-aws", "--only", "past-year"]) != 0  # stdin is at its end
    assert "Run these questions in this account?" in capsys.readouterr().err
