"""``cronstack strays``: its output and exit codes."""

from __future__ import annotations

import json

import pytest

from cronstack import clock
from cronstack_infra.cli import run
from tests.cli.commands.shell import Done, Once
from tests.cli.conftest import WIRING


class Strays:
    """``cronstack strays …`` on the stack."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = run(["strays", *arguments, "--stack", "shop"])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)


@pytest.fixture
def strays(capsys: pytest.CaptureFixture[str]) -> Strays:
    return Strays(capsys)


def test_strays_are_listed_and_fixed(once: Once, strays: Strays) -> None:
    assert strays() == Done(0, "No strays.\n", "")
    once("stats", "--key", "order-1", "--in", "1h")
    (listed,) = once.stage.scheduler.list_schedules(GroupName=WIRING.group)["Schedules"]
    once.stage.scheduler.delete_schedule(GroupName=WIRING.group, Name=listed["Name"])
    assert strays().code == 0, "younger than five minutes"
    once.stage.change("plan#order-1", revision=clock.now_ms() - 600_000)
    listed = strays()
    assert listed.code == 1
    assert "was deleted by hand" in listed.out
    assert listed.out.endswith("\n1 stray.\n")
    (stray,) = strays("--json").data
    assert (stray["kind"], stray["remedy"], stray["occurrence"]) == ("plan", "--fix creates its schedule", None)
    fixed = strays("--fix")
    assert (fixed.code, fixed.out.splitlines()[-1]) == (0, "1 fixed, 0 left.")
    assert len(once.events()) == 1
    assert strays().code == 0


def test_a_young_schedule_without_a_plan_is_ignored(once: Once, strays: Strays) -> None:
    once.stage.scheduler.create_schedule(
        Name="planted",
        GroupName=WIRING.group,
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": WIRING.function, "RoleArn": WIRING.role, "Input": json.dumps({"by": "hand"})},
    )
    assert strays().code == 0, "younger than five minutes"
