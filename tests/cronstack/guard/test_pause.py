"""A paused job: no attempt begins, each occurrence that is passed over has its row, and what has begun continues."""

from __future__ import annotations

import json

import pytest

from cronstack.defaults import Overlap
from cronstack.errors import EventError
from cronstack.event import operator_event, parse_event
from cronstack.guard.delivery import Outcome
from cronstack.occurrence import Occurrence
from cronstack.steps import Failed
from tests.cronstack.guard.plans.keys import KEY, carried, deliver_until_killed, kill_after, planned
from tests.cronstack.stage import NOON, Stage, by_operator, lost_answer, occurrence, scheduled_event

BROKEN = Failed('{"type":"ValueError","message":"m","trace":[]}')
OVERLAPS: tuple[Overlap, ...] = ("skip", "buffer_one", "allow")
MINUTE = 60_000
HELD = 300_000
"""Milliseconds between two checks of an occurrence that waits for the resume."""


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_an_occurrence_is_passed_over_and_keeps_its_event(stage: Stage, overlap: Overlap) -> None:
    stage.pause()
    delivery = stage.delivery(occurrence(), overlap=overlap)
    assert delivery.finish() == Outcome("skipped", reason="paused")
    assert delivery.worked == 0
    run = stage.run(occurrence())
    assert (run["status"], run["reason"]) == ("skipped", "paused")
    assert json.loads(run["event"])["scheduled"] == scheduled_event()["scheduled"]
    assert stage.listed() == [] == stage.carriers() == stage.letters()


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_after_the_resume_new_occurrences_run_and_nothing_catches_up(stage: Stage, overlap: Overlap) -> None:
    stage.pause()
    stage.deliver(occurrence(), overlap=overlap)
    stage.resume()
    assert stage.deliver(occurrence(), overlap=overlap) == Outcome("duplicate", reason="skipped")
    stage.now += MINUTE
    assert stage.deliver(occurrence(stage.now), overlap=overlap).status == "succeeded"


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_a_running_attempt_ends_and_its_retry_waits_for_the_resume(stage: Stage, overlap: Overlap) -> None:
    delivery = stage.delivery(occurrence(), overlap=overlap).until("Work")
    stage.pause()
    assert delivery.finish(BROKEN).status == "retrying"
    again = stage.carrier()
    for _ in range(3):
        retry = stage.delivery(again, overlap=overlap)
        assert retry.finish() == Outcome("deferred", reason="paused")
        (carrier,) = stage.carriers()
        assert (retry.worked, carrier.after) == (0, HELD)
        again = stage.fire(carrier)
    assert stage.run(occurrence())["attempt"] == 1
    stage.resume()
    assert stage.deliver(again, overlap=overlap) == Outcome("succeeded", 2, stage.run(occurrence())["fence"])


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_a_killed_attempt_is_not_taken_over_while_paused(stage: Stage, overlap: Overlap) -> None:
    stage.delivery(occurrence(), overlap=overlap).until("Work")  # killed
    stage.pause()
    stage.now += 2 * MINUTE
    assert stage.deliver(occurrence(), overlap=overlap) == Outcome("deferred", reason="paused")
    assert stage.deliver(occurrence(stage.now), overlap=overlap) == Outcome("skipped", reason="paused")
    stage.resume()
    assert stage.deliver(stage.carrier(), overlap=overlap).attempt == 2


def test_while_another_one_runs_the_reason_is_the_pause(stage: Stage) -> None:
    stage.delivery(occurrence()).until("Work")
    stage.pause()
    assert stage.deliver(occurrence(stage.now + 1000)) == Outcome("skipped", reason="paused")
    assert "met" not in stage.run(occurrence(stage.now + 1000))


# -- the slot ----------------------------------------------------------------------------------------------------------
def buffered(stage: Stage, **fields: bool) -> Occurrence:
    """Put an occurrence into the slot, then end the run before it. Return the event of its carrier."""
    first = stage.delivery(occurrence(), overlap="buffer_one").until("Work")
    second = by_operator(NOON + 1000, "trigger", **fields) if fields else occurrence(NOON + 1000)
    assert stage.deliver(second, overlap="buffer_one").status == "buffered"
    stage.pause()
    first.finish()
    return stage.carrier()


def test_an_occurrence_in_the_slot_is_passed_over_and_frees_the_slot(stage: Stage) -> None:
    second = buffered(stage)
    assert stage.deliver(second, overlap="buffer_one") == Outcome("skipped", reason="paused")
    assert "buffered" not in stage.lease()
    assert stage.listed() == []
    stage.resume()
    stage.now += MINUTE
    assert stage.deliver(occurrence(stage.now), overlap="buffer_one").status == "succeeded"


def test_a_lost_answer_of_that_skip_is_recognised(stage: Stage) -> None:
    delivery = stage.delivery(buffered(stage), overlap="buffer_one")
    delivery.step()  # the claim, refused
    stage.fail("TransactWriteItems", lost_answer)
    assert delivery.finish() == Outcome("skipped", reason="paused")


def test_a_slot_that_does_not_name_it_does_not_stop_the_skip(stage: Stage) -> None:
    second = buffered(stage)
    stage.change("lease", buffered=None)
    assert stage.deliver(second, overlap="buffer_one") == Outcome("skipped", reason="paused")


def test_what_an_operator_requested_while_paused_stays_in_the_slot(stage: Stage) -> None:
    second = buffered(stage, while_paused=True)
    assert stage.deliver(occurrence(NOON + 1000), overlap="buffer_one") == Outcome("deferred", reason="paused")
    assert stage.deliver(second, overlap="buffer_one").status == "succeeded"


# -- operators ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("overlap", OVERLAPS)
def test_an_operator_must_ask_for_a_run_while_paused(stage: Stage, overlap: Overlap) -> None:
    stage.pause()
    assert stage.deliver(by_operator(kind="trigger"), overlap=overlap) == Outcome("skipped", reason="paused")
    later = by_operator(NOON + 1000, kind="trigger", while_paused=True)
    assert stage.deliver(later, BROKEN, overlap=overlap).status == "retrying"
    assert stage.deliver(stage.carrier(), overlap=overlap).attempt == 2, "its retries do not wait either"


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_a_redrive_waits_for_the_resume_and_is_not_lost(stage: Stage, overlap: Overlap) -> None:
    assert stage.deliver(occurrence(), BROKEN, overlap=overlap, limit=1).status == "dead"
    stage.pause()
    assert stage.deliver(by_operator(redrive=1), overlap=overlap, limit=1) == Outcome("deferred", reason="paused")
    stage.resume()
    assert stage.deliver(stage.carrier(), overlap=overlap, limit=1).status == "succeeded"


def test_a_redrive_of_a_miss_waits_too(stage: Stage) -> None:
    stage.now += 2 * 3_600_000
    assert stage.deliver(occurrence()).status == "missed"
    stage.pause()
    assert stage.deliver(by_operator(redrive=0)) == Outcome("deferred", reason="paused")
    assert stage.deliver(by_operator(redrive=0, while_paused=True)).status == "succeeded"


@pytest.mark.parametrize("value", [False, 1, "yes", None])
def test_the_flag_is_true_or_absent(value: object) -> None:
    event = operator_event("stats", "trigger", due=NOON, requested=NOON, input={}) | {"while_paused": value}
    with pytest.raises(EventError, match="while_paused"):
        parse_event(event, "stats")


def test_only_an_operators_event_may_have_the_flag() -> None:
    with pytest.raises(EventError, match="for events of an operator"):
        parse_event(scheduled_event(while_paused=True), "stats")


# -- concurrency -------------------------------------------------------------------------------------------------------
def test_a_claim_on_its_way_is_refused_by_a_pause_that_comes_first(stage: Stage) -> None:
    delivery = stage.delivery(occurrence()).until("TransactWriteItems")
    stage.pause()
    assert delivery.finish() == Outcome("skipped", reason="paused")


def test_without_a_lease_the_read_before_the_claim_decides(stage: Stage) -> None:
    delivery = stage.delivery(occurrence(), overlap="allow").until("UpdateItem")
    stage.pause()
    assert delivery.finish().status == "succeeded"


def test_a_resume_before_the_record_does_not_change_it(stage: Stage) -> None:
    stage.pause()
    delivery = stage.delivery(occurrence()).until("UpdateItem")
    stage.resume()
    assert delivery.finish() == Outcome("skipped", reason="paused")


# -- keys --------------------------------------------------------------------------------------------------------------
def test_a_plan_of_a_paused_job_becomes_skipped_and_has_no_run(stage: Stage) -> None:
    of = planned(stage)
    stage.pause()
    assert stage.deliver(of) == Outcome("skipped", reason="paused")
    assert (stage.plan(KEY)["status"], stage.plan(KEY)["reason"]) == ("skipped", "paused")
    assert stage.run(of) == {}
    assert stage.deliver(of) == Outcome("duplicate", reason="skipped")
    stage.resume()
    assert stage.deliver(of) == Outcome("duplicate", reason="skipped")


def test_a_plan_that_an_early_carrier_brings_is_passed_over_too(stage: Stage) -> None:
    of = planned(stage)
    stage.pause()
    assert stage.deliver(carried(of)) == Outcome("skipped", reason="paused")


def test_a_begun_plan_without_a_run_waits_for_the_resume(stage: Stage) -> None:
    of = planned(stage)
    stage.fail("UpdateItem", kill_after)
    deliver_until_killed(stage, of)
    assert stage.plan(KEY)["status"] == "begun"
    stage.pause()
    assert stage.deliver(of) == Outcome("deferred", reason="paused")
    stage.resume()
    assert stage.deliver(stage.carrier()).status == "succeeded"


def test_a_paused_plan_can_be_planned_again(stage: Stage) -> None:
    of = planned(stage)
    stage.pause()
    stage.deliver(of)
    stage.resume()
    again = planned(stage, revision=NOON + 1, due=of.due + MINUTE)
    assert stage.deliver(of).status == "overtaken"
    assert stage.deliver(again).status == "succeeded"
