"""The start of a key: first the plan, then the run, and the states that each of the two writes may find.

A *plan* is the row that code writes. Its *own event* is the event that the plan's schedule sends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from cronstack.defaults import DEFAULTS
from cronstack.errors import EventError, Unavailable
from cronstack.event import planned_event
from cronstack.ledger.partitions import plan_partition, run_partition
from tests.cronstack.guard.plans.keys import (
    BROKEN,
    DAY,
    DUE,
    KEY,
    OTHER,
    Bring,
    carried,
    deliver_until_killed,
    kill_after,
    own,
    planned,
    redriven,
    states,
)
from tests.cronstack.stage import NOON, Stage


# -- the normal case ---------------------------------------------------------------------------------------------------
def test_a_clean_run_of_a_key_takes_three_writes_to_two_rows(stage: Stage) -> None:
    of = planned(stage)
    working = stage.delivery(of)
    working.step()  # the read of the pause
    assert working.turn is not None
    assert working.turn.request.parameters["Key"]["pk"]["S"] == plan_partition("stats", KEY)  # type: ignore[union-attr]
    working.step()
    assert states(stage, of) == ("begun", None)
    working.step()
    assert states(stage, of) == ("begun", "running")
    assert working.finish().status == "succeeded"
    assert stage.asked() == ["GetItem", *["UpdateItem"] * 3]
    plan, run = stage.plan(KEY), stage.run(of)
    assert run["pk"] == run_partition("stats", of.id)
    assert (run["key"], run["revision"], run["due"], run["attempt"]) == (KEY, NOON, DUE, 1)
    assert plan["begun"] == DUE
    assert plan["ttl"] - run["ttl"] == DEFAULTS.horizon, "the plan outlives its run"
    assert stage.listed() == [(plan_partition("stats", KEY), KEY)], "a clean run is never listed"


@pytest.mark.parametrize("bring", [own, carried, redriven], ids=["own event", "carrier", "operator"])
def test_a_succeeded_run_is_a_duplicate_for_every_source(stage: Stage, bring: Bring) -> None:
    of = planned(stage)
    stage.deliver(of)
    before = stage.run(of), stage.plan(KEY)
    assert stage.deliver(bring(of))[:4:3] == ("duplicate", "succeeded")
    assert (stage.run(of), stage.plan(KEY)) == before


def test_events_of_a_carrier_and_an_operator_read_the_run_first(stage: Stage) -> None:
    of = planned(stage)
    stage.deliver(of, BROKEN)
    carrier = stage.carrier()
    stage.asked()
    assert stage.deliver(carrier, BROKEN).status == "retrying"
    asked = ["GetItem", "UpdateItem", "UpdateItem", "CreateSchedule"]
    assert stage.asked() == asked, "the pause, which shows the time, claim and settle; the plan is not read"
    assert stage.deliver(stage.carrier(), BROKEN).status == "dead"
    stage.asked()
    assert stage.deliver(redriven(of, attempt=3)).status == "succeeded"
    asked = ["GetItem", "UpdateItem", "UpdateItem", "UpdateItem"]
    assert stage.asked() == asked, "the pause, a claim that shows that it is dead, claim and settle"


@pytest.mark.parametrize("bring", [carried, redriven], ids=["carrier", "operator"])
def test_without_a_run_events_of_a_carrier_and_an_operator_start_the_plan(stage: Stage, bring: Bring) -> None:
    of = planned(stage)
    assert stage.deliver(bring(of)).status == "succeeded"
    assert states(stage, of) == ("begun", "succeeded")
    assert stage.asked("GetItem") == ["UpdateItem"] * 4, "claim refused, begin, claim, settle"


# -- refusals ----------------------------------------------------------------------------------------------------------
class Case(NamedTuple):
    plan: Mapping[str, Any] | None
    """Attributes in which the plan differs from the event's; None: no plan."""
    run: Mapping[str, Any] | None
    """The run of the key; None: no run."""
    outcome: tuple[str, str]
    """Status and reason, or "raises" and a part of the reason or the text of the error."""
    carriers: int = 0


RUN = {"revision": NOON, "due": DUE, "attempt": 1, "limit": 3, "holder": "01OLD", "fence": 5, "v": 1}
SUCCEEDED = RUN | {"status": "succeeded"}
RUNNING = RUN | {"status": "running", "expires": DUE + DAY}
MISSED = {name: RUN[name] for name in ("revision", "due", "holder", "v")} | {"status": "missed", "reported": DUE}
ANOTHER = RUN | {"status": "succeeded", "revision": NOON - 5, "due": DUE - 5_000}
MOVED = {
    "revision": NOON + 9,
    "due": OTHER,
    "event": planned_event("stats", KEY, NOON + 9, due=OTHER, input={}),
}

REFUSALS: dict[str, Case] = {
    "started by this revision, no run": Case({"status": "begun", "begun": DUE}, None, ("succeeded", "")),
    "started by this revision, run succeeded": Case({"status": "begun"}, SUCCEEDED, ("duplicate", "succeeded")),
    "started by this revision, run running": Case({"status": "begun"}, RUNNING, ("deferred", "running"), 1),
    "missed by this revision, no run": Case({"status": "missed", "begun": DUE}, None, ("raises", "BadPlan")),
    "missed by this revision, run missed": Case({"status": "missed", "begun": DUE}, MISSED, ("duplicate", "missed")),
    "started by another revision, no run": Case(MOVED | {"status": "begun"}, None, ("overtaken", "begun")),
    "started by another revision, run by it": Case(MOVED | {"status": "begun"}, ANOTHER, ("overtaken", "succeeded")),
    "cancelled": Case({"status": "cancelled"}, None, ("overtaken", "cancelled")),
    "moved": Case(MOVED, None, ("overtaken", "planned"), 1),
    "moved, and the run exists": Case(MOVED, SUCCEEDED, ("duplicate", "succeeded")),
    "moved, a row without an event": Case(MOVED | {"event": None}, None, ("raises", "BadPlan")),
    "moved, an event of another key": Case(
        MOVED | {"event": planned_event("stats", "x", NOON + 9, due=OTHER, input={})}, None, ("raises", "BadPlan")
    ),
    "moved, an event of another job": Case(
        MOVED | {"event": planned_event("other", KEY, NOON + 9, due=OTHER, input={})}, None, ("raises", "BadPlan")
    ),
    "moved, nested without end": Case(MOVED | {"event": "[" * 90_000}, None, ("raises", "BadPlan")),
    "moved beyond all years": Case(MOVED | {"due": 10**15}, None, ("raises", "Forgotten")),
    "no plan": Case(None, None, ("raises", "Forgotten")),
    "no plan, run succeeded": Case(None, SUCCEEDED, ("duplicate", "succeeded")),
    "a row without a status": Case({"status": None}, None, ("raises", "Forgotten")),
    "a row without a revision": Case({"revision": None}, None, ("raises", "Forgotten")),
    "a revision that is text": Case({"revision": "x"}, None, ("raises", "Forgotten")),
    "a revision that is too high for an event": Case({"revision": 1 << 53}, None, ("raises", "Forgotten")),
    "an unknown status": Case({"status": "running"}, None, ("raises", "Forgotten")),
    "an unknown status, run succeeded": Case({"status": "running"}, SUCCEEDED, ("duplicate", "succeeded")),
    "a newer version": Case({"v": 2}, None, ("raises", "version 2")),
    "a newer version has started it": Case({"v": 2, "status": "begun"}, None, ("raises", "version 2")),
    "a newer version with a new status": Case({"v": 2, "status": "paused"}, None, ("raises", "version 2")),
    "a newer version, run succeeded": Case({"v": 2}, SUCCEEDED, ("duplicate", "succeeded")),
}


@pytest.mark.parametrize("way", ["own event", "carrier"])
@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_a_start_in_each_state(stage: Stage, case: Case, way: str) -> None:
    of = planned(stage)
    if case.plan is None:
        stage.delete(f"plan#{KEY}")
    else:
        stage.change(f"plan#{KEY}", **case.plan)
    if case.run is not None:
        stage.change(f"run#{of.id}", payload=of.payload, **case.run)
    before = stage.run(of)
    bring = of if way == "own event" else carried(of, 3)
    status, reason = case.outcome
    if status == "raises":
        with pytest.raises((EventError, Unavailable)) as raised:
            stage.deliver(bring)
        assert reason in f"{getattr(raised.value, 'reason', '')}: {raised.value}"
    else:
        outcome = stage.deliver(bring)
        assert (outcome.status, outcome.reason) == (status, reason)
    if status != "succeeded":
        assert before.items() <= stage.run(of).items(), "a deferral only adds its event"
    assert len(stage.carriers()) == case.carriers


def test_the_carrier_for_a_plan_has_a_new_event_and_its_own_time(stage: Stage) -> None:
    """Carriers are trusted, but a planner can write any event into a plan."""
    of = planned(stage)
    forged = json.loads(planned_event("stats", KEY, 1, due=DUE - DAY, input={"order": 7})) | {"carrier": 5, "extra": 1}
    stage.change(f"plan#{KEY}", **(MOVED | {"event": json.dumps(forged)}))
    assert stage.deliver(of).status == "overtaken"
    (carrier,) = stage.carriers()
    assert carrier.after == OTHER - DUE
    expected = json.loads(planned_event("stats", KEY, NOON + 9, due=OTHER, input={"order": 7}))
    assert carrier.event == expected | {"carrier": 0}


def test_all_events_that_a_plan_has_overtaken_make_one_carrier_for_it(stage: Stage) -> None:
    of = planned(stage)
    stage.change(f"plan#{KEY}", **MOVED)
    for number in range(3):
        assert stage.deliver(of._replace(revision=NOON - number)).status == "overtaken"
    assert len(stage.carriers()) == 1


# -- too late, and too old ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bring", [own, carried], ids=["own event", "carrier"])
def test_too_late_the_plan_and_the_run_are_missed(stage: Stage, bring: Bring) -> None:
    of = planned(stage)
    stage.now = DUE + 3_601_000
    assert stage.deliver(bring(of))[:4:3] == ("missed", "too_late")
    assert states(stage, of) == ("missed", "missed")
    run = stage.run(of)
    assert (run["key"], run["revision"]) == (KEY, NOON)
    assert json.loads(run["event"])["key"] == KEY, "kept for a replay"
    assert (run["pk"], run["sk"]) in stage.listed()
    assert stage.deliver(bring(of))[:4:3] == ("duplicate", "missed")


@pytest.mark.parametrize("bring", [own, carried], ids=["own event", "carrier"])
def test_only_the_first_attempt_can_be_too_late(stage: Stage, bring: Bring) -> None:
    of = planned(stage)
    stage.deliver(of, BROKEN)
    stage.now = DUE + 3_601_000
    assert stage.deliver(bring(of)).attempt == 2


def test_an_operators_event_has_no_start_deadline(stage: Stage) -> None:
    of = planned(stage)
    stage.now = DUE + 3_601_000
    assert stage.deliver(redriven(of, stage.now)).status == "succeeded"
    assert states(stage, of) == ("begun", "succeeded")


def test_an_operator_starts_a_plan_that_was_started_too_late_and_has_no_run(stage: Stage) -> None:
    of = planned(stage)
    stage.now = DUE + 3_601_000
    stage.fail("UpdateItem", kill_after)
    deliver_until_killed(stage, of)
    assert states(stage, of) == ("begun", None)
    assert stage.deliver(redriven(of, stage.now)).status == "succeeded"


@pytest.mark.parametrize("bring", [own, carried, redriven], ids=["own event", "carrier", "operator"])
def test_a_planned_key_older_than_the_horizon_ends(stage: Stage, bring: Bring) -> None:
    """Its plan was not started, so no run of it can have expired."""
    of = planned(stage)
    stage.now = DUE + 17 * DAY
    outcome = stage.deliver(bring(of))
    assert outcome.status == ("succeeded" if bring is redriven else "missed")
    assert states(stage, of)[1] == outcome.status


@pytest.mark.parametrize("bring", [own, carried, redriven], ids=["own event", "carrier", "operator"])
def test_a_started_key_without_a_run_older_than_the_horizon_is_refused(stage: Stage, bring: Bring) -> None:
    """It may have run, and its run may have expired."""
    of = planned(stage, status="begun", begun=DUE)
    stage.now = DUE + 17 * DAY
    with pytest.raises(EventError, match="is older than 16 days"):
        stage.deliver(bring(of))
    assert states(stage, of) == ("begun", None)
