"""The guard's proof, a small one at each test run: ``cronstack prove`` plays more. Here too: that the proof is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cronstack_infra.cli.commands.prove import command
from cronstack_infra.play.prove.seeds.coverage import REACHABLE, reached
from cronstack_infra.play.prove.seeds.scenario import play
from cronstack_infra.play.prove.seeds.search import Found, play_some, search

SEEDS = 2000
"""Some ten seconds of one core."""


@pytest.fixture(scope="module")
def found() -> Found:
    return search(SEEDS)


def test_no_invariant_is_violated(found: Found) -> None:
    assert [(one.seed, one.text) for one in found.violations] == []
    assert found.seeds == SEEDS
    assert found.handlers > SEEDS
    assert found.steps > 30 * SEEDS


def test_every_decision_fault_transition_and_end_is_reached(found: Found) -> None:
    """Each at least once; ``cronstack prove --seeds 20000`` reaches each a hundred times."""
    assert [f"{kind}: {what}" for kind in REACHABLE for what, n in reached(found.counted, kind).items() if n == 0] == []


def test_the_same_seed_is_the_same_world_in_another_process() -> None:
    script = (
        "from cronstack_infra.play.prove.seeds.scenario import play; print('\\n'.join(play(7, tracing=True).trace))"
    )
    environ = os.environ | {"PYTHONHASHSEED": "3"}
    other = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert other.stdout.splitlines() == "\n".join(play(7, tracing=True).trace).splitlines()


def test_several_processes_find_what_one_finds() -> None:
    alone, together = play_some(0, 300), search(300, processes=2)
    assert (alone.steps, alone.handlers, alone.counted) == (together.steps, together.handlers, together.counted)


def test_the_command_shows_what_was_reached_and_replays() -> None:
    shown = CliRunner().invoke(command, ["--seeds", "50"], standalone_mode=False)
    assert shown.return_value == 0
    assert "50 seeds, " in shown.stdout
    assert "0 violations." in shown.stdout
    assert "running to succeeded" in shown.stdout
    one = CliRunner().invoke(command, ["--seeds", "1"], standalone_mode=False)
    assert "\n1 seed, " in one.stdout
    shown_as_json = json.loads(CliRunner().invoke(command, ["--seeds", "20", "--json"], standalone_mode=False).stdout)
    assert shown_as_json["seeds"] == 20
    assert shown_as_json["coverage"]["transition"]["none to running"] > 0
    replayed = CliRunner().invoke(command, ["--replay", "7"], standalone_mode=False)
    assert replayed.return_value == 0
    assert "No invariant was violated." in replayed.stdout


@pytest.mark.parametrize("seconds", ["1e400", "inf", "nan"])
def test_a_number_of_seconds_is_finite(seconds: str) -> None:
    refused = CliRunner().invoke(command, ["--exhaustive", "--seconds", seconds])
    assert refused.exit_code == 2
    assert "is no number of seconds." in refused.output
