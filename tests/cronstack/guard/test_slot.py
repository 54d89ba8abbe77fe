"""Overlap "buffer_one": one occurrence waits for the lease, further ones are skipped, and none is lost."""

from __future__ import annotations

import json

import pytest

from cronstack.event import parse_event
from cronstack.guard.delivery import Outcome
from cronstack.occurrence import Occurrence
from cronstack.steps import Failed
from tests.cronstack.stage import NOON, Stage, by_operator, error, lost_answer, occurrence

MINUTE = 60_000
FAILED = Failed('{"type":"ValueError","message":"no"}')
DUE, SECOND, THIRD = (occurrence(NOON - number * MINUTE) for number in range(3))


def deliver(stage: Stage, of: Occurrence, **terms: object) -> Outcome:
    return stage.deliver(of, overlap="buffer_one", **terms)  # type: ignore[arg-type]


def occurrences_by_id(stage: Stage) -> dict[str, Occurrence]:
    """Delete all carriers, and return their occurrences by id."""
    events = [parse_event(carrier.event, "stats") for carrier in stage.carriers()]
    by_id = {of.id: of for of in events}
    assert len(by_id) == len(events), "an occurrence has several carriers"
    return by_id


def test_the_second_waits_and_runs_when_the_first_has_ended(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.asked()
    outcome = deliver(stage, SECOND)
    assert (outcome.status, outcome.reason) == ("buffered", "overlap")
    assert stage.asked() == ["TransactWriteItems", "TransactWriteItems", "CreateSchedule"]
    assert stage.lease()["buffered"] == SECOND.id
    waiting = stage.run(SECOND)
    assert (waiting["status"], waiting["by"]) == ("buffered", first.stage.lease()["holder"])
    assert waiting["ttl"] == NOON // 1000 + 400 * 86400
    assert stage.listed() == [("job#stats", f"run#{SECOND.id}")]
    assert waiting["met"] == DUE.id

    early = stage.carrier()
    assert stage.now - NOON <= 61_000, "it does not check after a minute"
    assert deliver(stage, early).reason == "held"
    first.finish()
    late = stage.carrier()
    stage.asked()
    assert deliver(stage, late).status == "succeeded"
    assert stage.asked() == ["TransactWriteItems"] * 3
    assert not {"buffered", "holder"} & set(stage.lease())
    assert not {"event", "expires", "listed"} & set(stage.run(SECOND))


def test_the_third_is_skipped_with_its_reason(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.asked()
    outcome = deliver(stage, THIRD)
    assert (outcome.status, outcome.reason) == ("skipped", "slot_full")
    assert stage.asked() == ["TransactWriteItems", "GetItem", "CreateSchedule", "GetSchedule", "UpdateItem"]
    skipped = stage.run(THIRD)
    assert (skipped["status"], skipped["reason"], skipped["by"]) == ("skipped", "slot_full", stage.lease()["holder"])
    assert skipped["met"] == DUE.id
    first.finish()


def test_a_delivery_killed_between_the_slot_and_its_carrier_blocks_nothing(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.delivery(SECOND, overlap="buffer_one").until("CreateSchedule")  # killed here
    assert stage.carriers() == []
    assert deliver(stage, THIRD).status == "skipped"
    (carrier,) = stage.carriers()
    assert parse_event(carrier.event, "stats").id == SECOND.id
    stage.now += 16 * MINUTE
    assert deliver(stage, parse_event(carrier.event, "stats")).status == "succeeded", "the holder was killed, too"
    assert stage.run(DUE)["status"] == "crashed"


def test_the_waiting_occurrence_goes_before_a_newcomer_that_finds_the_lease_free(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    stage.asked()
    outcome = deliver(stage, THIRD)
    assert (outcome.status, outcome.reason) == ("deferred", "slot")
    first_check, second_check = ["TransactWriteItems", "GetItem", "GetItem"], ["GetItem"]
    assert stage.asked() == [*first_check, *second_check, "CreateSchedule", "GetSchedule", "CreateSchedule"]
    assert not stage.run(THIRD), "it has written a row"
    coming = occurrences_by_id(stage)
    assert coming.keys() == {SECOND.id, THIRD.id}
    stage.now += MINUTE
    assert deliver(stage, coming[SECOND.id]).status == "succeeded"
    assert deliver(stage, coming[THIRD.id]).status == "succeeded"


def test_each_input_of_a_newcomer_has_its_own_carrier(stage: Stage) -> None:
    """The ledger must refuse the second one, with a dead letter. Before the run exists, no row has its input."""
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    for number in (1, 2):
        deliver(stage, occurrence(THIRD.due, input={"n": number}))
    events = [parse_event(carrier.event, "stats") for carrier in stage.carriers()]
    assert sorted(of.input["n"] for of in events if of.id == THIRD.id) == [1, 2]


def test_a_newcomer_enters_the_slot_when_the_waiting_occurrence_starts_in_the_same_second(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    waiting = stage.delivery(stage.carrier(), seconds=900, overlap="buffer_one")
    newcomer = stage.delivery(THIRD, overlap="buffer_one").until("Sleep")
    waiting.until("Work")
    outcome = newcomer.finish()
    assert (outcome.status, stage.lease()["buffered"]) == ("buffered", THIRD.id)
    (carrier,) = stage.carriers()
    assert parse_event(carrier.event, "stats").id == THIRD.id


def test_a_slot_that_becomes_free_between_a_newcomers_read_and_its_claim_is_no_obstacle(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND, start_deadline=120)
    first.finish()
    stage.carriers()
    stage.now += 300_000
    newcomer = stage.delivery(THIRD, overlap="buffer_one").until("GetItem")
    waiting = stage.delivery(SECOND, overlap="buffer_one", start_deadline=120)
    waiting.step()
    waiting.step()  # its row is missed, and the slot is empty
    assert stage.run(SECOND)["status"] == "missed"
    newcomer.step()  # it reads that row
    stage.asked()
    assert newcomer.finish().status == "succeeded"
    assert stage.asked() == ["TransactWriteItems"] * 3, "two claims, because the slot had changed, and the settlement"


def test_an_operators_newcomer_lets_the_waiting_occurrence_go_first(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    asked = by_operator(NOON - 10 * MINUTE, "backfill", requested=stage.now)
    assert deliver(stage, asked).reason == "slot"


def test_a_retry_does_not_wait_for_the_slot(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish(FAILED)
    stage.now += 10 * MINUTE
    assert deliver(stage, DUE).attempt == 2
    assert stage.run(SECOND)["status"] == "buffered"


def test_a_newcomer_does_not_take_over_before_the_waiting_occurrence(stage: Stage) -> None:
    stage.delivery(DUE, seconds=60, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.carriers()
    stage.now += 70_000
    assert deliver(stage, THIRD).reason == "slot"
    stage.now += MINUTE
    assert deliver(stage, occurrences_by_id(stage)[SECOND.id]).status == "succeeded"
    assert stage.run(DUE)["status"] == "crashed"


def test_a_newcomer_that_read_an_empty_slot_does_not_start_before_a_buffered_occurrence(stage: Stage) -> None:
    stage.delivery(DUE, seconds=60, overlap="buffer_one").until("Work")
    slow = stage.delivery(SECOND, overlap="buffer_one")
    slow.step()  # refused: it is about to take the slot
    stage.now += 70_000
    newcomer = stage.delivery(THIRD, overlap="buffer_one")
    newcomer.step()  # refused: the next request takes over the dead holder's lease
    slow.step()
    assert newcomer.finish().reason == "slot"


def test_all_deliveries_make_one_carrier_for_the_waiting_occurrence(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    for again in range(3):
        assert deliver(stage, SECOND).reason == ("held" if again else "overlap")
    for number in range(2, 12):
        assert deliver(stage, occurrence(NOON - number * MINUTE)).reason == "slot_full"
    (carrier,) = stage.carriers()
    assert parse_event(carrier.event, "stats").id == SECOND.id


def test_two_chains_of_carriers_become_one(stage: Stage) -> None:
    """A duplicate comes minutes later, when the first delivery has already made carriers."""
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    deliver(stage, stage.carrier())
    late = stage.carrier()
    assert deliver(stage, SECOND).reason == "held"
    assert deliver(stage, late).reason == "held"
    assert len(stage.carriers()) == 1


def test_a_carrier_that_comes_early_makes_the_next_one_with_another_name(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    (carrier,) = stage.carriers()
    stage.now += carrier.after - 2_000
    assert deliver(stage, parse_event(carrier.event, "stats")).reason == "held"
    (following,) = stage.carriers()
    assert (following.name != carrier.name, following.after) == (True, 62_000)


def test_an_occurrence_too_late_in_the_slot_delays_the_newcomer_by_a_minute(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND, start_deadline=120)
    stage.carriers()
    stage.now += 300_000
    newcomer = occurrence(NOON + 5 * MINUTE)
    assert deliver(stage, newcomer, start_deadline=120).reason == "slot"
    coming = occurrences_by_id(stage)
    stage.now += MINUTE
    assert deliver(stage, coming[SECOND.id], start_deadline=120).status == "missed"
    assert deliver(stage, coming[newcomer.id], start_deadline=120).status == "buffered"


def test_a_buffered_occurrence_keeps_its_own_input(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.delivery(occurrence(NOON - MINUTE, input={"day": "x"}), overlap="buffer_one").until("CreateSchedule")
    deliver(stage, THIRD)
    (carrier,) = stage.carriers()
    assert carrier.event["input"] == {"day": "x"}


def test_an_occurrence_too_late_in_the_slot_is_missed_and_frees_it(stage: Stage) -> None:
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


def test_an_occurrence_that_waits_beyond_the_horizon_frees_the_slot(stage: Stage) -> None:
    """Its carrier was lost, and the next occurrence comes a month later."""
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.carriers()
    stage.now += 30 * 86_400_000
    month = occurrence(stage.now // 1000 * 1000)
    assert deliver(stage, month).reason == "slot"
    coming = occurrences_by_id(stage)
    assert deliver(stage, coming[SECOND.id]).status == "missed"
    assert deliver(stage, coming[month.id]).status == "succeeded"


def test_an_event_of_a_newer_version_in_the_slot_has_a_carrier(stage: Stage) -> None:
    """A newer version wrote it and was rolled back. The newcomer must not be refused for that."""
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.carriers()
    stage.change(f"run#{SECOND.id}", event='{"cronstack":2,"job":"stats","later":[1]}')
    assert deliver(stage, THIRD).status == "skipped"
    (carrier,) = stage.carriers()
    assert carrier.event == {"cronstack": 2, "job": "stats", "later": [1], "carrier": NOON // MINUTE + 1}


def test_a_late_buffered_occurrence_that_the_slot_does_not_name_is_missed(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.change("lease", buffered=None)
    stage.now += 300_000
    assert deliver(stage, SECOND, start_deadline=120).status == "missed"


def test_a_slot_whose_run_was_deleted_by_hand_is_reused(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.delete(f"run#{SECOND.id}")
    assert deliver(stage, THIRD).status == "buffered"
    assert stage.lease()["buffered"] == THIRD.id


def test_a_slot_with_an_occurrence_that_ran_under_another_policy_blocks_nothing(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    assert stage.deliver(stage.carrier(), overlap="allow").status == "succeeded"
    assert stage.lease()["buffered"] == SECOND.id
    assert deliver(stage, THIRD).status == "succeeded"
    assert "buffered" not in stage.lease()


def test_a_slot_that_names_the_own_occurrence_without_a_row_is_freed(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    stage.delete(f"run#{SECOND.id}")
    assert deliver(stage, SECOND).status == "succeeded"
    assert "buffered" not in stage.lease()


def test_a_buffered_occurrence_is_claimed_though_the_slot_does_not_name_it(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    stage.change("lease", buffered=None)
    assert deliver(stage, stage.carrier()).status == "succeeded"


def test_a_buffered_occurrence_takes_over_a_dead_holder_and_frees_the_slot(stage: Stage) -> None:
    stage.delivery(DUE, seconds=60, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    stage.now += 70_000
    assert deliver(stage, stage.carrier()).status == "succeeded"
    assert stage.run(DUE)["status"] == "crashed"
    assert "buffered" not in stage.lease()


def test_an_occurrence_that_enters_the_slot_during_a_takeover_frees_it(stage: Stage) -> None:
    """A slow delivery buffers it, after another one has read the lease of a dead holder with an empty slot."""
    stage.delivery(DUE, seconds=60, overlap="buffer_one").until("Work")
    slow = stage.delivery(SECOND, overlap="buffer_one")
    slow.step()  # refused: it is about to take the slot
    stage.now += 70_000
    successor = stage.delivery(SECOND, overlap="buffer_one")
    successor.step()  # refused: the next request takes over, with an empty slot
    slow.step()
    assert stage.lease()["buffered"] == SECOND.id
    assert successor.finish().status == "succeeded"
    assert "buffered" not in stage.lease()


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_buffered_occurrence_runs_after_a_change_of_the_policy(stage: Stage, overlap: str) -> None:
    first = stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    deliver(stage, SECOND)
    first.finish()
    assert stage.deliver(stage.carrier(), overlap=overlap).attempt == 1


@pytest.mark.parametrize("fault", [lost_answer, error("ThrottlingException")], ids=["lost", "throttled"])
def test_each_request_is_repeated_after_a_passing_fault(stage: Stage, fault: object) -> None:
    stage.delivery(DUE, seconds=900, overlap="buffer_one").until("Work")
    stage.faults = [("TransactWriteItems", lambda call, carry_out: carry_out()), ("TransactWriteItems", fault)]  # type: ignore[list-item]
    stage.fail("CreateSchedule", fault)  # type: ignore[arg-type]
    assert deliver(stage, SECOND).status in ("buffered", "deferred")
    assert not stage.faults
    (carrier,) = stage.carriers()
    assert stage.run(SECOND)["status"] == "buffered"
    assert json.loads(stage.run(SECOND)["event"])["scheduled"] == carrier.event["scheduled"]
