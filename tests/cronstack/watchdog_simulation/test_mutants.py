"""Some of the watchdog's mutants at each test run; ``python -m tests.mutants.watchdog`` runs all of them."""

from __future__ import annotations

import pytest

from tests.mutants.breaking import break_one, runtime
from tests.mutants.mutant import Mutant
from tests.mutants.watchdog.catalogue import MUTANTS
from tests.mutants.watchdog.hunt import hunt

SAMPLE = ("an incident is never cleared", "no reminder", "the snapshot of the last pass is ignored")
"""Names of mutants that are caught within the first seeds."""


@pytest.mark.parametrize("name", SAMPLE)
def test_a_broken_watchdog_is_caught(name: str) -> None:
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)
    caught = hunt(mutant, seeds=20)
    assert caught.well, caught.text


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_fits(mutant: Mutant) -> None:
    assert break_one(mutant, runtime()).path.parts[0] == "watchdog"
