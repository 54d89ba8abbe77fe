"""The small spaces, walked to their end with small budgets. ``cronstack prove --exhaustive`` uses larger budgets.

The crash of any event of ``SPACES[4]`` is covered by ``cronstack prove --exhaustive --crashes 1 --losses 0``.
"""

from __future__ import annotations

import json

import pytest

from cronstack_infra.play.prove.walk.moves import create_scene, deliver
from cronstack_infra.play.prove.walk.space import Budget, Space
from cronstack_infra.play.prove.walk.walk import SPACES, walk
from cronstack_infra.play.prove.walk.walks import walk_all
from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunt import run_broken

ONE_CRASH = Budget(crashes=1, losses=0, failures=0)


@pytest.mark.parametrize(
    ("space", "budget", "states"),
    [
        (SPACES[0]._replace(name="the same, with three retries of a claim", time=6_000), ONE_CRASH, 4_000),
        (SPACES[0], ONE_CRASH, 1_200),
        (SPACES[1], Budget(crashes=1, losses=1, failures=0), 5_500),
        (SPACES[2], ONE_CRASH, 900),
        (SPACES[3], ONE_CRASH, 1_600),
        (SPACES[4], Budget(crashes=0, losses=1, failures=0), 5_500),
        (SPACES[4]._replace(name="the same, where the new event crashes", crash_only=2), ONE_CRASH, 3_000),
        (SPACES[4]._replace(name="the same, without a new event", deliveries=(0, 1)), ONE_CRASH, 200),
        (SPACES[5], Budget(crashes=0, losses=0, failures=0), 1_100),
        (SPACES[6], Budget(crashes=1, losses=1, failures=0), 1_400),
        (SPACES[7], ONE_CRASH, 1_700),
    ],
    ids=lambda given: given.name if isinstance(given, Space) else None,
)
def test_a_small_space_is_walked_to_its_end(space: Space, budget: Budget, states: int) -> None:
    walked = walk(space, budget)
    assert (walked.invariant, walked.text, walked.trace) == ("", "", [])
    assert walked.whole
    assert walked.states > states
    assert walked.counted["end: succeeded"] > 0


def test_a_state_does_not_depend_on_the_path_to_it() -> None:
    """Two events come, in either order, before any request is carried out."""
    space = Space("two occurrences", deliveries=(0, 1))
    keys = []
    for order in ((0, 0), (1, 0)):  # the index of the next event
        scene = create_scene(space, ONE_CRASH)
        scene.upcoming = [(scene.world.now, event) for _, event in scene.upcoming]
        for at in order:
            deliver(scene, at)
        keys.append(scene.key())
    assert keys[0] == keys[1]


def test_a_walk_reports_its_progress() -> None:
    states: list[int] = []
    walked = walk(SPACES[0], ONE_CRASH, watch=lambda so_far: states.append(so_far.states))
    assert states == sorted(states)
    assert 0 < states[-1] <= walked.states
    assert not walk(SPACES[0], seconds=0).whole


SCRIPT = """
import json, sys
import cronstack
from cronstack_infra.play.prove.walk.space import Budget
from cronstack_infra.play.prove.walk.walk import SPACES, walk
from cronstack_infra.play.prove.walk.walks import walk_all
folder, space, crashes = sys.argv[1:]
assert cronstack.__file__.startswith(folder), "the copy was not imported"
walked = walk(SPACES[int(space)], Budget(crashes=int(crashes), losses=0, failures=0))
print(json.dumps([walked.invariant, walked.text, walked.trace]))
"""


@pytest.mark.parametrize(
    ("name", "space", "crashes", "invariant"),
    [
        ("a first claim does not check that no run exists", 0, 1, "I4"),
        ("a takeover does not mark the dead run", 1, 1, "I3b"),
        ("without a lease: the status is not checked", 2, 1, "I2"),
        ("a claim from the slot does not free the slot", 3, 1, "I13"),
        ("a newcomer starts before the occurrence in the slot", 4, 0, "I13"),
        ("a newcomer gives way without its own carrier", 4, 1, "I8"),
        ("a crash between the two writes loses the key", 7, 1, "I8"),
    ],
)
def test_a_mutant_is_caught(name: str, space: int, crashes: int, invariant: str) -> None:
    """The trace shows all steps from the first event on."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    done = run_broken(mutant, SCRIPT, str(space), str(crashes))
    violated, text, trace = json.loads(done.stdout)
    assert (violated, text.partition(":")[0]) == (invariant, invariant), done.stderr
    assert "gets" in trace[0]


def test_spaces_are_walked_in_parallel_and_returned_in_order() -> None:
    spaces = (SPACES[1], SPACES[0], SPACES[6])
    alone, together = (walk_all(ONE_CRASH, spaces=spaces, processes=processes) for processes in (1, 2))
    assert [(of.space, of.states, of.ends) for of in together] == [(of.space, of.states, of.ends) for of in alone]
    assert [of.space for of in together] == [space.name for space in spaces]
