"""Some of the breakages at each test run; ``python -m tests.mutants`` hunts them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunt import SOURCE, apply, hunt
from tests.mutants.mutant import Mutant

SAMPLE = (
    "a claim does not ask whether the lease is free",
    "a first claim does not ask whether the run is untouched",
    "a fault is acknowledged",
    "a failure is swallowed",
    "one attempt too few",
)
"""Caught within the first seeds."""


@pytest.mark.parametrize("name", SAMPLE)
def test_a_broken_guard_is_caught(name: str) -> None:
    (mutant,) = (one for one in MUTANTS if one.name == name)
    caught = hunt(mutant, seeds=200)
    assert caught.well, caught.text


def test_what_only_other_invariants_tell_of_is_not_caught() -> None:
    (mutant,) = (one for one in MUTANTS if one.name == SAMPLE[-1])
    caught = hunt(mutant._replace(caught_by=("I5",)), seeds=20)
    assert not caught.well
    assert caught.before == mutant.caught_by
    assert caught.text.startswith("in 20 seeds I5 never told, only I11; first I11: ")


def test_there_are_enough_and_each_still_breaks_something(tmp_path: Path) -> None:
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        (tmp_path / mutant.file).write_text((SOURCE / mutant.file).read_text(encoding="utf-8"), encoding="utf-8")
        apply(mutant, tmp_path)
        compile((tmp_path / mutant.file).read_text(encoding="utf-8"), mutant.file, "exec")


def test_a_mutant_whose_text_is_gone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "guard.py").write_text("", encoding="utf-8")
    with pytest.raises(LookupError, match=r"0 times in guard\.py"):
        apply(Mutant("gone", "guard.py", "what was there", "", ("I1",)), tmp_path)
