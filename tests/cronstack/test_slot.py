"""Overlap "buffer_one": one occurrence waits for the lease, the next ones are skipped, and none is forgotten."""

from __future__ import annotations

import json

import pytest

from cronstack.delivery import Outcome
from cronstack.event import parse_event
from cronstack.occurrence import Occurrence
from tests.cronstack.stage import NOON, Stage, by_operator, error, lost_answer, occurrence

MINUTE = 60_000
DUE, SECOND, THIRD = (occurrence(NOON + number * MINUTE) for number in range(3))


def deliver(stage: Stage, of: Occurrence, **terms: object) -> Outcome:
    return stage.deliver(of, overlap="buffer_one", **terms)  # type: ignore[arg-type]


def test_the_second_waits_and_runs_when_the_first_has_ended(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.asked()
    outcome = deliver(stage, SECOND)
    assert (outcome.status, outcome.reason) == ("buffered", "overlap")
    assert stage.asked() == ["TransactWriteItems", "TransactWriteItems", "CreateSchedule"]
    assert stage.lease()["buffered"] == SECOND.id
    waiting = stage.run(SECOND)
    assert (waiting["status"], waiting["by"], "ttl" in waiting) == ("buffered", first.stage.lease()["holder"], False)
    assert waiting["met"] == DUE.id

    early = stage.carrier()
    assert stage.now - NOON <= 61_000, "it looks after a minute"
    assert deliver(stage, early).reason == "held"
    first.finish()
    brought = stage.carrier()
    stage.asked()
    assert deliver(stage, brought).status == "succeeded"
    assert stage.asked() == ["TransactWriteItems"] * 3
    assert not {"buffered", "holder"} & set(stage.lease())
    assert not {"event", "expires"} & set(stage.run(SECOND))


def test_the_third_is_skipped_with_its_reason(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.asked()
    outcome = deliver(stage, THIRD)
    assert (outcome.status, outcome.reason) == ("skipped", "slot_full")
    assert stage.asked() == ["TransactWriteItems", "GetItem", "CreateSchedule", "UpdateItem"]
    skipped = stage.run(THIRD)
    assert (skipped["status"], skipped["reason"], skipped["by"]) == ("skipped", "slot_full", stage.lease()["holder"])
    assert skipped["met"] == DUE.id
    first.finish()


def test_who_died_between_the_slot_and_its_carrier_blocks_nothing(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.delivery(SECOND, overlap="buffer_one").until("CreateSchedule")  # and never heard of again
    assert stage.carriers() == []
    assert deliver(stage, THIRD).status == "skipped"
    (carrier,) = stage.carriers()
    assert parse_event(carrier.event, "stats").id == SECOND.id
    stage.now += carrier.after
    assert deliver(stage, parse_event(carrier.event, "stats")).status == "succeeded", "the holder had died, too"
    assert stage.run(DUE)["status"] == "crashed"


def test_it_keeps_its_own_input(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.delivery(occurrence(NOON + MINUTE, input={"day": "x"}), overlap="buffer_one").until("CreateSchedule")
    deliver(stage, THIRD)
    (carrier,) = stage.carriers()
    assert carrier.event["input"] == {"day": "x"}


def test_too_late_in_the_slot_is_missed_and_frees_it(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND, start_deadline=120)
    stage.now += 300_000
    outcome = deliver(stage, SECOND, start_deadline=120)
    assert (outcome.status, outcome.reason) == ("missed", "too_late")
    assert stage.run(SECOND)["status"] == "missed"
    assert "buffered" not in stage.lease()
    assert deliver(stage, SECOND).status == "duplicate"


def test_an_operators_occurrence_in_the_slot_is_not_missed_for_a_late_event_of_the_schedule(stage: Stage) -> None:
    stage.delivery(THIRD, seconds=900, overlap="buffer_one").until("Work")
    stage.now += 10 * MINUTE
    asked = by_operator(DUE.due, "backfill", requested=stage.now)
    assert deliver(stage, asked, start_deadline=120).status == "buffered"
    stage.carriers()
    assert deliver(stage, DUE, start_deadline=120).reason == "held"
    assert stage.run(DUE)["status"] == "buffered"


def test_what_waits_longer_than_the_ledger_remembers_frees_the_slot(stage: Stage) -> None:
    """Its carrier was lost, and the next overlap comes a month later."""
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.carriers()
    stage.now += 30 * 86_400_000
    month = occurrence(stage.now // 1000 * 1000)
    stage.delivery(month, seconds=900, overlap="buffer_one").until("Work")
    assert deliver(stage, occurrence(month.due + MINUTE)).status == "skipped"
    (carrier,) = stage.carriers()
    assert deliver(stage, parse_event(carrier.event, "stats")).status == "missed"
    assert deliver(stage, occurrence(month.due + 2 * MINUTE)).status == "buffered"


def test_an_event_in_the_slot_that_nobody_here_can_read_is_carried_on(stage: Stage) -> None:
    """A newer version wrote it and was rolled back: the newcomer is not refused for it."""
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.carriers()
    stage.change(f"run#{SECOND.id}", event='{"cronstack":2,"job":"stats","later":[1]}')
    assert deliver(stage, THIRD).status == "skipped"
    (carrier,) = stage.carriers()
    assert carrier.event == {"cronstack": 2, "job": "stats", "later": [1], "carrier": 0}


def test_too_late_when_the_slot_names_it_no_more(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.change("lease", buffered=None)
    stage.now += 300_000
    assert deliver(stage, SECOND, start_deadline=120).status == "missed"


def test_a_slot_whose_run_was_deleted_by_hand_is_taken_over(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.delete(f"run#{SECOND.id}")
    assert deliver(stage, THIRD).status == "buffered"
    assert stage.lease()["buffered"] == THIRD.id


def test_it_is_claimed_though_the_slot_was_lost(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    stage.change("lease", buffered=None)
    assert deliver(stage, stage.carrier()).status == "succeeded"


def test_it_takes_over_a_dead_holder_and_leaves_the_slot(stage: Stage) -> None:
    stage.delivery(DUE, seconds=60, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.now += 70_000
    assert deliver(stage, stage.carrier()).status == "succeeded"
    assert stage.run(DUE)["status"] == "crashed"
    assert "buffered" not in stage.lease()


def test_what_is_put_into_the_slot_while_the_holder_is_taken_over_leaves_it(stage: Stage) -> None:
    """A delivery that slept puts it there, just when another one has seen the lease of a dead holder, and no slot."""
    stage.delivery(DUE, seconds=60, overlap="buffer_one").until("Work")
    sleepy = stage.delivery(SECOND, overlap="buffer_one")
    sleepy.step()  # refused: it is about to take the slot
    stage.now += 70_000
    heir = stage.delivery(SECOND, overlap="buffer_one")
    heir.step()  # refused: it is about to take over, and has seen an empty slot
    sleepy.step()
    assert stage.lease()["buffered"] == SECOND.id
    assert heir.finish().status == "succeeded"
    assert "buffered" not in stage.lease()


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_policy_changed_meanwhile_still_runs_it(stage: Stage, overlap: str) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    assert stage.deliver(stage.carrier(), overlap=overlap).attempt == 1


@pytest.mark.parametrize("fault", [lost_answer, error("ThrottlingException")], ids=["lost", "throttled"])
def test_each_request_outlives_a_passing_fault(stage: Stage, fault: object) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.faults = [("TransactWriteItems", lambda call, carry_out: carry_out()), ("TransactWriteItems", fault)]  # type: ignore[list-item]
    stage.fail("CreateSchedule", fault)  # type: ignore[arg-type]
    assert deliver(stage, SECOND).status in ("buffered", "deferred")
    assert not stage.faults
    (carrier,) = stage.carriers()
    assert stage.run(SECOND)["status"] == "buffered"
    assert json.loads(stage.run(SECOND)["event"])["scheduled"] == carrier.event["scheduled"]
