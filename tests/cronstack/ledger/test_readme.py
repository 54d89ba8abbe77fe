"""The README of the ledger: its tables match the code."""

from __future__ import annotations

import re

import pytest

from cronstack.defaults import DEFAULTS
from cronstack.ledger.partitions import PARTITIONS
from cronstack.ledger.rows import OPEN, PLAN_STATUSES, STATUSES
from tests.cronstack.ledger.test_costs import COSTS
from tests.places import ROOT

PAGE = (ROOT / "functions" / "cronstack" / "ledger" / "README.md").read_text("utf-8")


def table(*rows: tuple[object, ...]) -> str:
    head, *body = [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def partitions() -> str:
    head = ("partition", "sort key", "row", "written by", "read by, too", "in the index")
    rows = [
        (
            f"`{partition.pattern.format(job='JOB')}`",
            f"`{partition.sort_key}`",
            f"{partition.content}{' (reserved)' if partition.reserved else ''}",
            ", ".join(partition.writers),
            ", ".join(partition.readers),
            f"`{partition.listed.format(job='JOB')}`" if partition.listed else "",
        )
        for partition in PARTITIONS
    ]
    return table(head, *rows)


def costs() -> str:
    head = ("operation", "requests", "of them to the ledger", "write units")
    rows = [(name.replace("_", " "), cost.requests, cost.ledger, cost.units) for name, cost in COSTS.items()]
    return table(head, *rows)


BLOCKS = {"partitions": partitions, "costs": costs}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_table_matches_the_code(name: str) -> None:
    block = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- end -->", PAGE, re.DOTALL)
    assert block is not None
    assert block[1] == BLOCKS[name](), "replace the block with this text"


def test_the_page_has_every_status() -> None:
    for kind, statuses in (("run", STATUSES), ("plan", PLAN_STATUSES)):
        assert re.findall(rf"^\| {kind} \| `?([a-z]+)`? \|", PAGE, re.MULTILINE) == [*statuses]
    assert f"{', '.join(OPEN[:-1])} or {OPEN[-1]}" in PAGE


def test_the_page_has_the_times_to_live() -> None:
    days = {name: getattr(DEFAULTS, name) // 86_400 for name in ("retention", "horizon", "open_retention")}
    assert f"| {days['retention']} days after its end" in PAGE
    assert f"| {days['horizon']} days longer" in PAGE
    assert f"| {days['open_retention']} days after its due time" in PAGE
