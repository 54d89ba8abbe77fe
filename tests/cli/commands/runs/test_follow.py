"""``cronstack runs --follow``: lines as the status of runs changes, until Ctrl-C."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from cronstack import clock
from cronstack_infra.cli import run
from cronstack_infra.cli.errors import INTERRUPTED
from tests.cronstack.stage import Stage, Stepped, occurrence


@contextmanager
def before_second_poll(act: Callable[[], Any]) -> Iterator[None]:
    """Act before the second poll of the command, and press Ctrl-C before the third."""
    session = boto3.DEFAULT_SESSION
    assert session is not None
    polls: list[str] = []

    def on_poll(params: Any, **_: Any) -> None:
        if "lease" not in str(params["body"]):
            return  # the runs that a lease names
        polls.append("poll")
        if len(polls) == 2:
            act()
        if len(polls) == 3:
            raise KeyboardInterrupt

    session.events.register("before-call.dynamodb.BatchGetItem", on_poll, unique_id="ctrl-c")
    try:
        yield
    finally:
        session.events.unregister("before-call.dynamodb.BatchGetItem", unique_id="ctrl-c")


@pytest.fixture
def running(stage: Stage) -> Stepped:
    stage.now = clock.now_ms()
    return stage.delivery(occurrence(stage.now // 60_000 * 60_000)).until("Work")


def test_lines_of_json(running: Stepped, capsys: pytest.CaptureFixture[str]) -> None:
    with before_second_poll(running.finish):
        assert run(["runs", "stats", "--follow", "--json", "--stack", "shop"]) == INTERRUPTED
    printed = capsys.readouterr()
    assert [json.loads(line)["status"] for line in printed.out.splitlines()] == ["running", "succeeded"]
    assert printed.err.split() == ["Interrupted."]


def test_lines_of_a_table(running: Stepped, capsys: pytest.CaptureFixture[str]) -> None:
    with before_second_poll(running.finish):
        assert run(["runs", "-f", "--stack", "shop"]) == INTERRUPTED
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["JOB", "DUE", "(UTC)", "STATUS", "ATTEMPT", "TOOK", "OCCURRENCE", "WHY"]
    assert [row.split()[3] for row in rows] == ["running", "succeeded"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--status", "dead"], 2, "--follow excludes --status and --key"),
        (["stats", "--key", "k"], 2, "--follow excludes --status and --key"),
        (["--since", "soon"], 2, "'soon' is not a valid time"),
        (["stat"], 1, "Did you mean stats?"),
    ],
)
def test_invalid_input_is_one_message(
    stage: Stage, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert run(["runs", *arguments, "--follow", "--stack", "shop"]) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""
