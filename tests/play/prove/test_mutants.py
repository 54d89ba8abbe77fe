"""Some of the mutants at each test run; ``python -m tests.mutants`` runs all of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.breaking import break_one, runtime
from tests.mutants.catalogue import MUTANTS
from tests.mutants.edit import Code, Edit, Text
from tests.mutants.hunt import hunt
from tests.mutants.mutant import Mutant

SAMPLE = (
    "a claim does not check that the lease is free",
    "a first claim does not check that no run exists",
    "a fault is acknowledged",
    "a failure is swallowed",
    "one attempt too few",
)
"""Names of mutants that are caught within the first seeds."""


@pytest.mark.parametrize("name", SAMPLE)
def test_a_broken_guard_is_caught(name: str) -> None:
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)
    caught = hunt(mutant, seeds=200)
    assert caught.well, caught.text


def test_a_violation_of_other_invariants_only_does_not_count_as_caught() -> None:
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == SAMPLE[-1])
    caught = hunt(mutant._replace(caught_by=("I5",)), seeds=20)
    assert not caught.well
    assert caught.before == mutant.caught_by
    assert caught.text.startswith("in 20 seeds I5 was not violated, only I11; first I11: ")


def test_each_edit_fits_once_and_changes_its_module() -> None:
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    whole = {path: ast.unparse(module) for path, module in runtime().items()}
    for mutant in MUTANTS:
        broken = break_one(mutant, runtime())
        text = ast.unparse(broken.module)
        compile(text, str(broken.path), "exec")
        assert text != whole[broken.path], mutant.name
    assert {path: ast.unparse(module) for path, module in runtime().items()} == whole, "a hunt must change only copies"


GUARD = """
LIMIT = "#limit = :limit AND #n < :n"

class Attempt:
    def close(self):
        if self.open:  # still
            self.ended = now(
                self.clock,
            )
            return None

def close(run):
    return run.closed
"""
WHOLE_BODY = "self.ended = now(self.clock)\n            return None"


@pytest.mark.parametrize(
    ("where", "edit", "line", "broken"),
    [
        ("close", Code("run.closed", "False"), "return run.closed", "return False"),
        ("Attempt.close", Code("now(self.clock)", "0"), "self.ended = now(self.clock)", "self.ended = 0"),
        ("Attempt.close", Code("self.ended = now(self.clock); return None", ""), WHOLE_BODY, "pass"),
        ("LIMIT", Text(" AND #n < :n", ""), "LIMIT = '#limit = :limit AND #n < :n'", "LIMIT = '#limit = :limit'"),
    ],
)
def test_an_edit_finds_its_definition_in_any_file_and_any_format(
    where: str, edit: Edit, line: str, broken: str
) -> None:
    modules = {Path("other.py"): ast.parse("def closed(run):\n    return run.closed"), Path("a/b.py"): ast.parse(GUARD)}
    whole = ast.unparse(modules[Path("a/b.py")])
    path, module = break_one(Mutant("", where, edit, ()), modules)
    assert path == Path("a/b.py")
    assert line in whole
    assert ast.unparse(module) == whole.replace(line, broken)


@pytest.mark.parametrize(
    ("where", "edit", "message"),
    [
        ("close", Code("run.open", "False"), r"fits 0 times in close \(in one\.py, two\.py\), not once"),
        ("close", Code("run.closed", "False"), r"fits 2 times in close \(in one\.py, two\.py\), not once"),
        ("closed", Code("run.closed", "False"), r"fits 0 times in closed \(in no module\), not once"),
    ],
)
def test_an_edit_that_does_not_fit_exactly_once_is_an_error(where: str, edit: Edit, message: str) -> None:
    modules = {Path(name): ast.parse("def close(run):\n    return run.closed") for name in ("one.py", "two.py")}
    with pytest.raises(LookupError, match=message):
        break_one(Mutant("gone", where, edit, ("I1",)), modules)
