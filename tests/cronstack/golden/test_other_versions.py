"""Rows of another version: the newer are refused and the event is kept, the older are settled, attributes are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cronstack.errors import Unavailable
from cronstack.event import planned_event
from cronstack.ledger import items
from cronstack.ledger.rows import PLAN_STATUSES
from cronstack_infra.play.store.store import Item
from tests.cronstack.golden.parts import LATER
from tests.cronstack.golden.samples import Sample, kept
from tests.cronstack.golden.world import INPUT, JOB, KEY, MINUTE, NOON, World, scheduled
from tests.mixed.adapting import code_of
from tests.mixed.mixing import NEXT

TODAYS = [sample for sample in kept() if sample.version == items.VERSION]
ROWS = [sample for sample in TODAYS if sample.kind in ("lease", "run", "key", "plan")]
OPEN = [
    sample
    for sample in ROWS
    if sample.kind in ("run", "key")
    and sample.stored["status"]["S"] in ("running", "retrying", "crashed", "buffered")
    and sample.name != "run/redriven"  # it has no attempt left
]
NEWER = {"N": str(items.VERSION + 1)}
EVENTS = {sample.name: dict(sample.stored) for sample in TODAYS if sample.kind == "event"}


def named(samples: list[Sample]) -> Any:
    return pytest.mark.parametrize("sample", samples, ids=[sample.name for sample in samples])


def event_for(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event that makes the runtime read this row."""
    if "revision" in row:
        text = planned_event(JOB, KEY, int(row["revision"]["N"]), due=int(row["due"]["N"]), input=INPUT)
        event: dict[str, Any] = json.loads(text)
        return event
    occurrence = row["sk"]["S"].removeprefix("run#")
    if occurrence.startswith("m-"):
        return EVENTS["event/trigger"]
    if occurrence.endswith("~2"):
        return EVENTS["event/generation"]
    return scheduled(LATER if occurrence == "lease" else int(row["due"]["N"]))


def stage(row: Item, **given: Any) -> World:
    """Return a world with this row, at a time when its lease has ended and no deadline has passed."""
    world = World(**given)
    world.put(row)
    world.now = (NOON if row["sk"]["S"] == "lease" else int(row["due"]["N"])) + 10 * MINUTE
    return world


def refuse(world: World, event: Mapping[str, Any]) -> None:
    """Deliver the event: it must raise, so that Lambda keeps it, and nothing may change."""
    before = dict(world.store.items)
    with pytest.raises(Unavailable, match=f"was written by version {items.VERSION + 1}; this code reads up to"):
        world.deliver(event, lambda run: pytest.fail("the handler ran"))
    assert world.store.items == before
    assert not world.store.queues
    assert not world.store.schedules


# -- U1: newer rows ----------------------------------------------------------------------------------------------------
@named(ROWS)
def test_a_row_of_a_newer_version_is_refused_and_the_event_kept(sample: Sample) -> None:
    world = stage({**sample.stored, "v": NEWER})
    refuse(world, event_for(sample.stored))


@named([sample for sample in ROWS if sample.kind in ("run", "key", "plan")])
def test_a_newer_row_is_refused_also_where_its_status_is_unknown(sample: Sample) -> None:
    world = stage({**sample.stored, "v": NEWER, "status": {"S": "paused"}})
    refuse(world, event_for(sample.stored))


@named([sample for sample in ROWS if sample.kind in ("run", "key")])
def test_a_newer_row_is_refused_also_without_a_status(sample: Sample) -> None:
    row: Item = {**sample.stored, "v": NEWER}
    del row["status"]
    refuse(stage(row), event_for(sample.stored))


@pytest.mark.parametrize("status", [*PLAN_STATUSES, "paused"])
def test_a_planner_neither_changes_nor_guesses_at_a_newer_plan(status: str) -> None:
    (plan,) = (sample for sample in ROWS if sample.name == "plan/planned")
    world = stage({**plan.stored, "v": NEWER, "status": {"S": status}})
    before = dict(world.store.items)
    for call in (
        lambda: world.once.schedule(JOB, key=KEY, after=timedelta(hours=2), replace=True),
        lambda: world.once.move(JOB, KEY, after=timedelta(hours=2)),
        lambda: world.once.cancel(JOB, KEY),
        lambda: world.once.get(JOB, KEY),
    ):
        with pytest.raises(Unavailable, match="was written by version"):
            call()
    assert world.store.items == before
    assert not world.store.schedules


def test_a_run_decides_whatever_version_its_plan_has() -> None:
    """Code that may plan can write any version into a plan; a run that exists goes on."""
    run, plan = (
        next(sample.stored for sample in ROWS if sample.name == name) for name in ("key/retrying", "plan/begun")
    )
    world = stage(dict(run))
    world.put({**plan, "v": NEWER})
    assert world.deliver(event_for(run))["cronstack"] == "succeeded"


# -- U2: older rows ----------------------------------------------------------------------------------------------------
@named(OPEN)
def test_the_next_version_settles_what_this_one_has_begun(sample: Sample) -> None:
    world = stage(dict(sample.stored), code=code_of(NEXT))
    assert world.deliver(event_for(sample.stored))["cronstack"] == "succeeded"
    (row,) = (item for item in world.store.items.values() if item["sk"] == sample.stored["sk"])
    assert row["status"] == {"S": "succeeded"}
    assert row["v"] == NEWER


def test_the_next_version_sends_the_letter_of_a_dead_run() -> None:
    (dead,) = (sample for sample in ROWS if sample.name == "run/dead")
    world = stage(dict(dead.stored), code=code_of(NEXT))
    assert world.deliver(event_for(dead.stored))["cronstack"] == "duplicate"
    assert len(world.store.queues) == 1
    assert "reported" in world.row("run")


def test_the_next_version_begins_a_plan_of_this_one() -> None:
    (plan,) = (sample for sample in ROWS if sample.name == "plan/planned")
    world = stage(dict(plan.stored), code=code_of(NEXT))
    assert world.deliver(event_for(plan.stored))["cronstack"] == "succeeded"
    assert world.row("plan")["status"] == {"S": "begun"}


# -- U6: attributes that are unknown here ------------------------------------------------------------------------------
@named(ROWS)
def test_an_unknown_attribute_is_kept_by_every_write(sample: Sample) -> None:
    later = {"later": {"S": "kept"}, "shards": {"SS": ["a"]}}
    world = stage({**sample.stored, **later})
    world.deliver(event_for(sample.stored))
    (row,) = (item for item in world.store.items.values() if item["sk"] == sample.stored["sk"])
    assert {name: row.get(name) for name in later} == later


@pytest.mark.parametrize("name", ["plan/planned", "plan/cancelled"])
def test_a_planner_keeps_an_unknown_attribute(name: str) -> None:
    (plan,) = (sample for sample in ROWS if sample.name == name)
    world = stage({**plan.stored, "later": {"S": "kept"}})
    world.once.schedule(JOB, key=KEY, after=timedelta(hours=2), replace=True)
    world.once.cancel(JOB, KEY)
    assert world.row("plan")["later"] == {"S": "kept"}


def test_rows_without_a_version_are_worked_and_get_one() -> None:
    world = World()
    world.now += 10 * MINUTE
    world.put({"pk": {"S": "job#stats"}, "sk": {"S": "lease"}, "fence": {"N": "5"}})
    run = {"status": {"S": "retrying"}, "attempt": {"N": "1"}, "limit": {"N": "3"}}
    world.put({"pk": {"S": "job#stats"}, "sk": {"S": "run#t-2026-01-01T12:00:00Z"}, **run})
    assert world.deliver(scheduled())["attempt"] == 2
    assert world.row("run")["v"] == world.row("lease")["v"] == {"N": str(items.VERSION)}
