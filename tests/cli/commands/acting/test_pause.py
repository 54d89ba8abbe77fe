"""``cronstack pause`` and ``cronstack resume``: their output, and their errors."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from cronstack_infra.cli import run
from cronstack_infra.cli.commands.acting.resume import lines
from cronstack_infra.ops.pause import PassedOver
from tests.cronstack.stage import Stage, occurrence
from tests.ops.shop import utc


class Shell:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        assert run([*arguments, "--stack", "shop"]) == code
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return printed.out if code == 0 else printed.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def shell(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def test_a_pause_is_shown_everywhere_until_the_resume(stage: Stage, shell: Shell) -> None:
    printed = shell("pause", "stats", "--reason", "wrong \x1b[31m totals")
    assert printed == (
        "Paused: stats. Attempts that run now end; no other one begins.\nTo resume: cronstack resume stats\n"
    )
    assert stage.deliver(occurrence()).status == "skipped"
    listed = shell("runs")
    assert "skipped" in listed
    assert "paused" in listed
    assert "stats is paused since " in listed
    assert "To resume: cronstack resume stats" in listed
    assert "\x1b" not in listed
    refused = shell("trigger", "stats", code=1)
    assert "stats is paused since " in refused
    assert "--while-paused" in refused
    assert shell("pause", "stats", "--reason", "again").startswith("Nothing was changed: stats is paused since ")
    assert shell("resume", "stats").startswith("Resumed: stats, after ")
    assert "is paused" not in shell("runs")
    assert shell("resume", "stats") == "Nothing was changed: stats is not paused.\n"


def test_all_jobs_and_json(stage: Stage, shell: Shell) -> None:
    (paused, *_) = shell.json("pause", "--all", "--reason", "move")
    assert (paused["job"], paused["reason"], paused["new"]) == ("stats", "move", True)
    (again, *_) = shell.json("pause", "--all", "--reason", "later")
    assert (again["reason"], again["new"]) == ("move", False)
    (resumed, *_) = shell.json("resume", "--all")
    assert (resumed["job"], resumed["resumed"], resumed["passed_over"], resumed["command"]) == ("stats", True, [], None)


def test_all_leaves_out_the_watchdog(stage: Stage, shell: Shell) -> None:
    functions = boto3.client("lambda")
    known = functions.get_function_configuration(FunctionName="shop-stats")
    functions.create_function(
        FunctionName="shop-watchdog",
        Code={"ZipFile": b"-"},
        **{name: known[name] for name in ("Runtime", "Role", "Handler")},
        Environment={"Variables": known["Environment"]["Variables"]},
    )
    assert [paused["job"] for paused in shell.json("pause", "--all", "--reason", "move")] == ["stats"]
    paused = shell("pause", "watchdog", "--reason", "too loud").splitlines()[0]
    assert paused.startswith("Paused: watchdog. ")
    assert paused.endswith(" No alert comes until it is resumed.")
    again = shell("pause", "watchdog", "--reason", "again").splitlines()[0]
    assert again.endswith(": too loud. No alert comes until it is resumed.")


def test_the_count_and_the_command_of_what_was_passed_over() -> None:
    over = PassedOver((utc(2026, 1, 1, 13), utc(2026, 1, 1, 14)), (utc(2026, 1, 1, 15),), ("order-1",))
    assert lines("stats", over) == [
        "  Passed over: 2 occurrences, from 2026-01-01 13:00 to 2026-01-01 14:00 UTC.",
        "  Due without a row: 1 occurrence, the last at 2026-01-01 15:00 UTC. Their events may come.",
        "  They do not run by themselves. To run them: cronstack backfill stats missing --from 2026-01-01T13:00:00Z"
        " --to 2026-01-01T15:00:01Z",
        "  Passed over: 1 plan of code, which can be planned again:",
        "  cronstack once list stats --status skipped",
    ]
    assert lines("stats", PassedOver()) == ["  Nothing was passed over."]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pause", "stats"], 2, "--reason"),
        (["pause", "--reason", "x"], 2, "Give either JOB or --all"),
        (["pause", "stats", "--all", "--reason", "x"], 2, "Give either JOB or --all"),
        (["resume"], 2, "Give either JOB or --all"),
        (["pause", "stat", "--reason", "x"], 1, "Did you mean stats?"),
        (["resume", "stat"], 1, "Did you mean stats?"),
        (["pause", "stats", "--reason", " "], 1, "the reason has 0 characters"),
        (["pause", "stats", "--reason", "x" * 301], 1, "the reason has 301 characters"),
    ],
)
def test_errors_are_one_message(shell: Shell, arguments: list[str], code: int, message: str) -> None:
    assert message in shell(*arguments, code=code)
