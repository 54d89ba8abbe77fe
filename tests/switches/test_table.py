"""The table is complete, its places can play the switches, and its output for readers and programs is right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from cronstack_infra.cli import run
from cronstack_infra.play.prove.models.switches import SWITCHES as DRAWN
from cronstack_infra.switches.page import README, page
from cronstack_infra.switches.settings import Switches
from cronstack_infra.switches.table import PLACES, PLAYED, SWITCHES, Switch
from tests.places import ROOT

TESTED_ELSEWHERE = {"scheduled-time", "invocations", "concurrency", "throttle-wait"}
"""Switches of the tests of flexible windows and of quotas."""


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Shell(NamedTuple):
    """Runs ``cronstack …``."""

    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Done:
        code = run(arguments)
        return Done(code, *self.capsys.readouterr())


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_a_row_is_complete(switch: Switch) -> None:
    assert tuple(switch.places) == PLACES
    for text in (switch.about, switch.source, *filter(None, switch.places.values())):
        assert text.endswith((".", '"', ")")), text
        assert len(text) <= 130
    default = getattr(Switches(), switch.field)
    assert switch.harshest != default or switch.name == "past-start"
    assert re.fullmatch(r"[a-z-]+|[A-Z].*\.", switch.asked)


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_a_played_switch_is_named_in_a_test(switch: Switch) -> None:
    """``test_engine`` tests the engine, which all clouds share; the other modules test single places."""
    files = [
        *Path(__file__).parent.glob("test_*.py"),
        ROOT / "tests" / "play" / "simulation" / "cloud" / "test_switches.py",
    ]
    texts = {file.stem: file.read_text("utf-8") for file in files}
    named = re.compile(rf"{switch.name}\b|\b{switch.field}\b")
    shown = {name for name, text in texts.items() if named.search(text)} - {"test_table", "test_reading"}
    anywhere = any(switch.places[place] == PLAYED for place in PLACES if place != "prove")
    assert shown or not anywhere or switch.name in TESTED_ELSEWHERE


def test_prove_plays_the_switches_of_the_table() -> None:
    drawn = {name.partition("=")[0] for name in DRAWN} & {switch.name for switch in SWITCHES}
    assert {switch.name for switch in SWITCHES if switch.played("prove")} == drawn


def test_the_readme_is_generated_from_the_table() -> None:
    text = README.read_text("utf-8")
    assert page(text) == text, "rewrite it: python -m cronstack_infra.switches.page"
    assert str(README.relative_to(ROOT)) in (ROOT / "README.md").read_text("utf-8")


def test_the_command_prints_a_table_and_one_switch(shell: Shell) -> None:
    listed = shell.run("switches")
    lines = listed.out.splitlines()
    assert [line.split()[0] for line in lines[1 : len(SWITCHES) + 1]] == [switch.name for switch in SWITCHES]
    shown = shell.run("switches", "empty-polls").out
    assert "Not in prove: prove plays the guard, which reads no queue." in shown
    wrong = shell.run("switches", "clock-skw")
    assert (wrong.code, "Did you mean clock-skew?" in wrong.err) == (2, True)


def test_the_json_output_contains_all_columns(shell: Shell) -> None:
    rows = json.loads(shell.run("switches", "--json").out)
    assert [row["name"] for row in rows] == [switch.name for switch in SWITCHES]
    row = next(row for row in rows if row["name"] == "past-at")
    assert (row["default"], row["harshest"]) == ("fires", "refused")
    assert row["places"]["local cloud"] is True
    assert set(row) == {"name", "about", "source", "values", "default", "harshest", "places", "reasons", "asked"}


@pytest.mark.parametrize("command", [["up", "--no-deploy"], ["simulate"]])
def test_a_wrong_switch_of_a_command_is_refused_before_anything_starts(shell: Shell, command: list[str]) -> None:
    wrong = shell.run(*command, "--switch", "past-at=refsed")
    assert (wrong.code, "did you mean refused?" in wrong.err) == (2, True)
