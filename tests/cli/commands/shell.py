"""Run ``cronstack once …`` on the deployed stack, as from a shell."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from cronstack import clock
from cronstack.event import parse_event
from cronstack.onetime.schedules import name
from cronstack_infra.cli import run
from tests.cli.conftest import WIRING
from tests.cronstack.stage import Stage


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Once:
    """``cronstack once …`` on the stack."""

    def __init__(self, stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
        self.stage, self._capsys = stage, capsys

    def __call__(self, *arguments: str) -> Done:
        code = run(["once", *arguments, "--stack", "shop"])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)

    def events(self) -> list[dict[str, Any]]:
        listed = self.stage.scheduler.list_schedules(GroupName=WIRING.group)["Schedules"]
        got = [self.stage.scheduler.get_schedule(GroupName=WIRING.group, Name=schedule["Name"]) for schedule in listed]
        return sorted((json.loads(schedule["Target"]["Input"]) for schedule in got), key=lambda event: event["key"])

    def begin(self, key: str) -> None:
        """Begin the run of a key now, before its time."""
        (event,) = [event for event in self.events() if event["key"] == key]
        self.stage.now = clock.now_ms()
        self.stage.delivery(parse_event(event, "stats")).until("Work")

    def miss(self, key: str) -> None:
        """Deliver the event of a key after its start deadline. Its schedule has deleted itself."""
        (event,) = [event for event in self.events() if event["key"] == key]
        occurrence = parse_event(event, "stats")
        self.stage.scheduler.delete_schedule(GroupName=WIRING.group, Name=name("stats", key, occurrence.revision or 0))
        self.stage.now = occurrence.due + 2 * 3_600_000
        assert self.stage.deliver(occurrence).status == "missed"
