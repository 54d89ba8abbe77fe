"""A small proof of the guard at each test run (``cronstack prove`` plays more), and tests of the proof itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from cronstack.entropy import seeded
from cronstack_infra.cli.commands.prove import command
from cronstack_infra.play.prove.models.mix import draw, draw_plans
from cronstack_infra.play.prove.models.switches import ALTERNATIVES, SWITCHES
from cronstack_infra.play.prove.models.world import World
from cronstack_infra.play.prove.seeds.coverage import JUDGED, LEAST_SHARE, REACHABLE, reached, share_that_ran
from cronstack_infra.play.prove.seeds.scenario import play
from cronstack_infra.play.prove.seeds.search import Found, play_some, search
from cronstack_infra.switches import table

SEEDS = 2000
"""Seeds that take about ten seconds on one core."""


@pytest.fixture(scope="module")
def found() -> Found:
    return search(SEEDS)


def test_no_invariant_is_violated(found: Found) -> None:
    assert [(verdict.seed, verdict.text) for verdict in found.violations] == []
    assert found.seeds == SEEDS
    assert found.handlers > SEEDS
    assert found.steps > 30 * SEEDS


def test_every_decision_fault_transition_and_end_is_reached(found: Found) -> None:
    """Each at least once. ``cronstack prove --seeds 20000`` reaches each a hundred times."""
    assert [f"{kind}: {what}" for kind in REACHABLE for what, n in reached(found.counted, kind).items() if n == 0] == []


def test_in_each_seed_everything_becomes_final_and_most_expected_occurrences_run(found: Found) -> None:
    assert found.counted[JUDGED] == SEEDS
    assert share_that_ran(found.counted) >= LEAST_SHARE


def test_the_table_lists_the_switches_that_a_proof_plays() -> None:
    """The others are outages of a deploy, which do not depend on an open question about AWS."""
    played = {switch.name for switch in table.SWITCHES if switch.places["prove"] == table.PLAYED}
    outages = {"missing-role", "missing-target", "missing-queue", "deploy", "dynamodb-down"}
    assert {name.partition("=")[0] for name in SWITCHES} == played | outages


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_at_its_maximum_excludes_its_alternatives(name: str) -> None:
    for seed in range(60):
        world = World(seed, switch=name)
        assert world.switch(name) == SWITCHES[name][-1]
        for group in ALTERNATIVES:
            assert sum(switch in world.mix.switches for switch in group) <= 1


def test_a_seed_without_switches_is_the_same_world_as_before_switches_and_pauses_existed() -> None:
    """Both have their own random numbers, so the rest of a seed's world can still be reproduced."""
    plain = [World(seed) for seed in range(40)]
    assert 10 < sum(not world.mix.switches for world in plain) < 30
    for seed, world in enumerate(plain):
        kind = draw(chance := seeded(seed))
        kind = draw_plans(kind, chance) if world.mix.keys else kind
        assert world.mix.switches or replace(world.mix, pauses=()) == kind
        assert world.chance.getstate() == chance.getstate()


def test_a_switch_is_played_at_its_maximum_by_the_command() -> None:
    shown = CliRunner().invoke(command, ["--switch", "early", "--seeds", "20"], standalone_mode=False)
    assert shown.return_value == 0
    assert "20 seeds, " in shown.stdout
    each = CliRunner().invoke(command, ["--switch", "all", "--seeds", "2"], standalone_mode=False)
    assert each.return_value == 0
    assert all(name in each.stdout for name in SWITCHES)
    refused = CliRunner().invoke(command, ["--switch", "kind"])
    assert refused.exit_code == 2
    assert "kind is not a switch of a proof. Use one of: early, " in " ".join(refused.output.split())


def test_the_same_seed_is_the_same_world_in_another_process() -> None:
    script = (
        "from cronstack_infra.play.prove.seeds.scenario import play; print('\\n'.join(play(7, tracing=True).trace))"
    )
    environ = os.environ | {"PYTHONHASHSEED": "3"}
    other = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert other.stdout.splitlines() == "\n".join(play(7, tracing=True).trace).splitlines()


def test_several_processes_return_the_same_result_as_one() -> None:
    alone, together = play_some(0, 60), search(60, processes=2, batch_size=20)
    assert (alone.steps, alone.handlers, alone.counted) == (together.steps, together.handlers, together.counted)


def test_the_command_shows_what_was_reached_and_replays() -> None:
    shown = CliRunner().invoke(command, ["--seeds", "50"], standalone_mode=False)
    assert shown.return_value == 0
    assert "50 seeds, " in shown.stdout
    assert "0 violations." in shown.stdout
    assert "running to succeeded" in shown.stdout
    single = CliRunner().invoke(command, ["--seeds", "1"], standalone_mode=False)
    assert "\n1 seed, " in single.stdout
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
    assert "is not a finite number of seconds." in refused.output
