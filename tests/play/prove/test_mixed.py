"""Deploys and rollbacks between two versions in seeds of the proof; ``python -m tests.mixed`` plays more."""

from __future__ import annotations

import pytest

from cronstack_infra.play.prove.models.world import World
from cronstack_infra.play.prove.seeds.scenario import SeedResult, play
from tests.mixed.__main__ import main
from tests.mixed.breaks import BREAKS, DONE_RIGHT, Break, without_plans
from tests.mixed.loading import PACKAGE, NoHistory, Source, load, previous
from tests.mixed.mixing import NEXT, TODAY, Pair, alone, mixed, play_one, raised, since
from tests.mixed.rollouts import EQUAL, SHAPES

SEEDS = range(200)


def texts_of(violations: list[tuple[str, SeedResult]]) -> list[str]:
    return [f"seed {verdict.seed}, {shape}: {verdict.text}" for shape, verdict in violations]


def test_the_previous_commits_code_and_todays_code_run_at_the_same_time() -> None:
    try:
        pair = since(previous())
    except NoHistory as error:
        pytest.skip(f"no version to mix with: {error}")
    result = mixed(pair, SEEDS)
    if result.violations and (own := next(alone(pair.before, SEEDS), None)) is not None:
        pytest.skip(f"the code of {pair.before.name} violates {own.invariant} also without a deploy: seed {own.seed}")
    assert texts_of(result.violations) == []
    assert min(result.by_code[pair.before.name], result.by_code[pair.after.name]) > len(SEEDS)


def test_a_higher_version_of_items_is_deployed_rolled_back_and_deployed_again() -> None:
    """The older code refuses the newer rows. Each event is kept, and ends after the deploy."""
    result = mixed(raised(), SEEDS)
    assert texts_of(result.violations) == []
    assert min(result.by_code[TODAY.name], result.by_code[NEXT.name]) > len(SEEDS)
    usual = mixed(Pair(TODAY, TODAY, raised().shapes), SEEDS[:60])
    rate, usual_rate = (part.counted["end: raises Unavailable"] / part.seeds for part in (result, usual))
    assert rate > usual_rate + 0.5, "the older code should read newer rows"


def test_refused_events_never_end_without_a_deploy_forward() -> None:
    """A rollback from a higher version of items is not safe. That the mix finds this shows that it judges refusals."""
    result = mixed(Pair(TODAY, NEXT, ("rollback",)), range(60), stop=True)
    assert [verdict.invariant for _, verdict in result.violations] == ["I9"]


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.name)
def test_an_incompatible_change_is_sound_alone_and_fails_in_a_mix(change: Break) -> None:
    seeds = without_plans(60)
    assert list(alone(change.before, seeds)) == []
    assert mixed(change.pair, seeds, stop=True).violations


def test_an_incompatible_change_with_a_higher_version_is_sound_in_a_mix() -> None:
    assert texts_of(mixed(DONE_RIGHT, range(100)).violations) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_is_the_same_deploy(shape: str) -> None:
    first, second = (play_one(raised(), shape, 5, mixed(raised(), ()).by_code, tracing=True) for _ in range(2))
    assert first.trace == second.trace
    assert {"today", "next"} >= {line.split()[-1] for line in first.trace if "runs the code" in line}


def test_a_second_copy_of_todays_code_plays_the_seeds_in_the_same_way() -> None:
    """The adapter changes nothing: any difference comes from the other version's code."""
    copy = Source("copy", edits=NEXT.edits)
    for seed in (seed for seed in range(36) if not World(seed).mix.pauses):  # a mix plays no pauses
        own, other = (play(seed), play_one(Pair(copy, copy, EQUAL), "deploy", seed, mixed(raised(), ()).by_code))
        assert (own.steps, own.handlers, own.counted) == (other.steps, other.handlers, other.counted)


def test_a_revision_that_cannot_be_played_is_an_error_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--since", "no-such-revision"]) == 2
    assert "no-such-revision" in capsys.readouterr().out


def test_both_versions_have_modules_of_their_own() -> None:
    from importlib import import_module

    from cronstack import steps

    package = load(NEXT)
    assert package != PACKAGE
    other = import_module(f"{package}.steps")
    assert other.Call is not steps.Call
    assert import_module(f"{package}.ledger.items").VERSION == import_module(f"{PACKAGE}.ledger.items").VERSION + 1
