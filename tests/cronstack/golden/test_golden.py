"""Golden files: today's code writes exactly what they hold, and reads what every version has stored."""

from __future__ import annotations

import pytest

from cronstack.ledger import items
from cronstack.ledger.rows import PLAN_STATUSES, STATUSES, LeaseItem, PlanItem, RunItem
from cronstack.occurrence import Occurrence
from tests.cronstack.golden.samples import FOLDER, RENEW, SCENES, Sample, kept, make, read

KEPT = kept()
TODAYS = {sample.name: sample for sample in KEPT if sample.version == items.VERSION}
CHANGED = f"""
the format has changed: today's code writes {{name}} in another way than the golden file says.

Ledgers, queues and schedules hold data of the format before, and during a deploy the code before runs, too.
  - Code of the version before may read and write the new form (an attribute that it does not know, for example):
    {RENEW}
  - It must not: raise VERSION in ledger/items.py, read both forms, and keep the files of v{items.VERSION}. Then renew.
  - A name, an id or a key of a row must never change.
functions/cronstack/ledger/README.md says which change is which."""


@pytest.mark.parametrize("name", sorted(SCENES.keys() | TODAYS.keys()))
def test_todays_code_writes_what_the_golden_file_holds(name: str) -> None:
    assert name in SCENES, f"no scene makes {name} any more; {RENEW} deletes its file"
    assert name in TODAYS, f"{name} has no golden file; {RENEW} writes it"
    assert make(name).text() == TODAYS[name].path.read_text(encoding="utf-8"), CHANGED.format(name=name)


@pytest.mark.parametrize("sample", KEPT, ids=[f"v{sample.version}/{sample.name}" for sample in KEPT])
def test_todays_code_reads_what_every_version_has_stored(sample: Sample) -> None:
    assert read(sample.kind, sample.stored) == sample.reads


@pytest.mark.parametrize("sample", [sample for sample in KEPT if sample.kind == "names"], ids=lambda one: one.name)
def test_names_are_the_same_in_every_version(sample: Sample) -> None:
    todays = make(sample.name).stored
    assert {name: todays.get(name) for name in sample.stored} == sample.stored


def test_golden_files_hold_every_kind_of_row_in_every_status() -> None:
    by_kind = {
        kind: {sample.stored["status"]["S"] for sample in TODAYS.values() if sample.kind == kind}
        for kind in ("run", "key", "plan")
    }
    assert by_kind == {
        "run": set(STATUSES),
        "key": {"running", "retrying", "succeeded", "missed", "dead"},
        "plan": set(PLAN_STATUSES),
    }


@pytest.mark.parametrize(
    ("kinds", "of"),
    [(("lease",), LeaseItem), (("run", "key"), RunItem), (("plan",), PlanItem), (("event",), Occurrence)],
)
def test_golden_files_name_every_field_there_is(kinds: tuple[str, ...], of: type[LeaseItem]) -> None:
    """A new attribute without a golden file would never be read again once it is renamed."""
    named = {name for sample in TODAYS.values() if sample.kind in kinds for name in sample.reads}
    assert named == set(of._fields)


def test_a_folder_of_golden_files_belongs_to_each_version() -> None:
    assert sorted(folder.name for folder in FOLDER.glob("v*")) == [f"v{n + 1}" for n in range(items.VERSION)]


ROW = {"pk": {"S": "job#stats"}, "sk": {"S": "run#t-2026-01-01T12:00:00Z"}}
PLAN = {"pk": {"S": "plan#stats#0"}, "sk": {"S": "order-1"}}


def test_a_row_without_optional_attributes_reads_with_defaults() -> None:
    assert items.read_lease({"pk": ROW["pk"], "sk": {"S": "lease"}}) == LeaseItem()
    run = items.read_run(ROW | {"status": {"S": "crashed"}})
    assert run == RunItem("crashed", occurrence="t-2026-01-01T12:00:00Z")
    plan = items.read_plan(PLAN | {"status": {"S": "planned"}, "due": {"N": "5"}, "revision": {"N": "7"}})
    assert plan == PlanItem("planned", "order-1", due=5, revision=7)


def test_an_attribute_of_an_unknown_type_does_not_prevent_reading() -> None:
    later = {"shards": {"SS": ["a"]}, "deep": {"M": {"a": {"L": [{"NULL": True}]}}}, "big": {"N": "1E+40"}}
    assert items.read_run(ROW | {"status": {"S": "crashed"}} | later) is not None
    assert items.read_lease({"pk": ROW["pk"], "sk": {"S": "lease"}} | later) == LeaseItem()
    assert items.read_plan(PLAN | {"status": {"S": "planned"}, "due": {"N": "5"}, "revision": {"N": "7"}} | later)
