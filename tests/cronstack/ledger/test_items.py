"""Items as each version of Cronstack stored them, read by this one. What was released is never changed here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cronstack.ledger import items
from cronstack.ledger.rows import LeaseItem, PlanItem, RunItem
from tests.cronstack.stage import Stage, occurrence
from tests.places import TESTS

GOLDEN = TESTS / "cronstack" / "golden"
FILES = sorted(GOLDEN.glob("items_v*.json"))
STORED: list[dict[str, Any]] = [row for file in FILES for row in json.loads(file.read_text())]
KINDS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "lease": (items.read_lease, LeaseItem),
    "run": (items.read_run, RunItem),
    "plan": (items.read_plan, PlanItem),
}
DUE = occurrence()


def kind_of(row: dict[str, Any]) -> str:
    return next((kind for kind in ("lease", "plan") if row.get(kind)), "run")


@pytest.mark.parametrize("row", STORED, ids=[row["is"] for row in STORED])
def test_it_reads_what_every_version_has_stored(row: dict[str, Any]) -> None:
    read, kind = KINDS[kind_of(row)]
    assert read(row["item"]) == kind(**row["reads"])


def test_the_golden_items_name_every_field_there_is() -> None:
    """A new attribute without a golden item would never be read again once it is renamed."""
    for name, (_, kind) in KINDS.items():
        named = {field for row in STORED if kind_of(row) == name for field in row["reads"]}
        assert named == set(kind._fields)


def test_what_is_not_known_here_is_left_alone(stage: Stage) -> None:
    """A newer version that added an attribute and was rolled back finds it again."""
    stage.change("lease", fence=5, v=1, later="kept")
    stage.change(f"run#{DUE.id}", status="crashed", attempt=1, limit=3, due=DUE.due, v=1, later="kept")
    assert stage.deliver(DUE).attempt == 2
    assert (stage.run(DUE)["later"], stage.lease()["later"]) == ("kept", "kept")


def test_items_without_a_version_are_worked_and_given_one(stage: Stage) -> None:
    stage.change("lease", fence=5)
    stage.change(f"run#{DUE.id}", status="retrying", attempt=1, limit=3)
    assert stage.deliver(DUE).attempt == 2
    assert (stage.run(DUE)["v"], stage.lease()["v"]) == (1, 1)
