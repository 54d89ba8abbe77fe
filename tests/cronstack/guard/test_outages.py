"""If the ledger does not answer, or the handler is killed each time, a carrier brings the occurrence back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cronstack.errors import Unavailable
from cronstack.steps import Call
from tests.cronstack.guard.plans.keys import planned
from tests.cronstack.stage import NOON, Stage, by_operator, error, occurrence

DUE = occurrence()
MINUTE = 60_000
DAY = 86_400
LEDGER = ("TransactWriteItems", "UpdateItem", "GetItem")
PAST = 60_000 + 5_000 + 2_000 + 2_000 + 1_000


def ledger_down(stage: Stage) -> None:
    for operation in LEDGER:
        stage.fail(operation, *[error("InternalServerError", 500)] * 2_000)


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "allow"])
def test_a11_2_an_outage_of_an_hour_is_survived(stage: Stage, overlap: str) -> None:
    """Lambda delivers three times within three minutes. Carriers need no ledger, and come until it answers."""
    ledger_down(stage)
    of, looks = DUE, 0
    while stage.now < NOON + 60 * MINUTE:
        outcome = stage.deliver(of, overlap=overlap, start_deadline=DAY)
        assert (outcome.status, outcome.reason) == ("deferred", "outage")
        before = stage.now
        of, looks = stage.carrier(), looks + 1
        assert MINUTE <= stage.now - before <= 15 * MINUTE + 1_000
    assert looks <= 13
    stage.faults.clear()
    assert stage.deliver(of, overlap=overlap, start_deadline=DAY).status == "succeeded"


@pytest.mark.parametrize("deadline", [600, 1_800, 3_600])
def test_a11_2_one_check_comes_shortly_before_the_start_deadline(stage: Stage, deadline: int) -> None:
    """An outage that ends before it is survived."""
    ledger_down(stage)
    of = DUE
    while stage.now < NOON + (deadline - 130) * 1000:
        stage.deliver(of, start_deadline=deadline)
        of = stage.carrier()
    stage.faults.clear()
    assert stage.deliver(of, start_deadline=deadline).status == "succeeded"


def test_a11_2_past_its_deadline_it_is_missed_and_reported(stage: Stage) -> None:
    """An outage that was longer than the start deadline."""
    ledger_down(stage)
    of = DUE
    while stage.now <= NOON + 2 * MINUTE:
        stage.deliver(of, start_deadline=120)
        of = stage.carrier()
    stage.faults.clear()
    assert stage.deliver(of, start_deadline=120).status == "missed"
    assert [letter[0] for letter in stage.letters()] == ["Missed"]


def test_a11_2_three_deliveries_in_one_outage_make_one_carrier(stage: Stage) -> None:
    """All deliveries use the same name."""
    ledger_down(stage)
    for _ in range(3):
        assert stage.deliver(DUE).reason == "outage"
    assert len(stage.carriers()) == 1


def test_a11_2_each_plan_of_a_key_has_its_own_carrier(stage: Stage) -> None:
    of = planned(stage)
    ledger_down(stage)
    stage.deliver(of)
    stage.deliver(of._replace(revision=NOON + 9))
    assert len(stage.carriers()) == 2


def test_a11_2_an_outage_between_claim_and_handler_is_survived(stage: Stage) -> None:
    """The lease must be extended, but the ledger does not answer any more: the handler does not run."""
    stage.wall_error = 600_000
    delayed = occurrence(NOON - 1_200_000)
    delivery = stage.delivery(delayed)
    delivery.step()
    ledger_down(stage)
    outcome = delivery.finish()
    assert (outcome.status, outcome.reason, delivery.worked) == ("deferred", "outage", 0)
    stage.faults.clear()
    stage.wall_error = 0
    assert stage.deliver(stage.carrier()).status == "succeeded"


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_fault_that_is_not_temporary_makes_no_carrier(stage: Stage, code: str) -> None:
    stage.fail("TransactWriteItems", error(code))
    with pytest.raises(Unavailable):
        stage.deliver(DUE)
    assert stage.carriers() == []


def test_if_scheduler_does_not_answer_either_lambda_delivers_again(stage: Stage) -> None:
    ledger_down(stage)
    stage.fail("CreateSchedule", *[error("InternalServerException", 500)] * 2_000)
    with pytest.raises(Unavailable):
        stage.deliver(DUE)


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "allow"])
@pytest.mark.parametrize("limit", [1, 3, 5, 9])
def test_a11_1_a_handler_that_is_killed_every_time_has_all_its_attempts(stage: Stage, overlap: str, limit: int) -> None:
    """Lambda gives up after its third delivery. Carriers start the other attempts, up to one letter."""
    deliveries = [DUE] * 3
    worked = 0
    while deliveries:
        of = deliveries.pop(0)
        delivery = stage.delivery(of, overlap=overlap, limit=limit)
        while delivery.turn is not None and delivery.turn.name != "Work":
            delivery.step()
        if delivery.turn is not None:
            worked += 1  # and it is killed
        stage.now += PAST
        if not deliveries:
            deliveries = [stage.fire(carrier) for carrier in stage.carriers()]
    assert worked == limit
    assert stage.run(DUE)["status"] == "dead"
    assert [letter[:2] for letter in stage.letters()] == [["RetriesExhausted", limit + 1]]
    assert stage.deliver(by_operator(redrive=limit + 1), overlap=overlap).status == "succeeded"


def test_a_first_attempt_makes_no_carrier(stage: Stage) -> None:
    """Only an attempt after a crash makes a carrier before its handler."""
    assert stage.deliver(DUE).status == "succeeded"
    assert stage.deliver(occurrence(NOON - MINUTE), overlap="allow").status == "succeeded"
    assert "CreateSchedule" not in stage.asked()


def test_if_scheduler_fails_an_attempt_after_a_crash_still_runs(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += PAST
    stage.fail("CreateSchedule", *[error("InternalServerException", 500)] * 2_000)
    before = stage.now
    delivery = stage.delivery(DUE)
    assert delivery.finish().status == "succeeded"
    assert stage.now - before < 10_000, "the carrier took most of the handler's time"


def test_a_carrier_in_conflict_takes_little_of_the_handlers_time(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += PAST
    stage.fail("CreateSchedule", error("ConflictException"))
    stage.fail("GetSchedule", *[error("ThrottlingException")] * 2_000)
    before = stage.now
    assert stage.deliver(DUE).status == "succeeded"
    assert stage.now - before < 10_000


def test_a_short_lease_is_extended_after_scheduler_was_slow(stage: Stage) -> None:
    """Otherwise the attempt would end without its handler."""

    def slow(call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        stage.now += 10_000
        return carry_out()

    stage.delivery(DUE, seconds=900, lease=10).until("Work")
    stage.now += PAST
    stage.fail("CreateSchedule", slow)
    again = stage.delivery(DUE, seconds=900, lease=10).until("Work")
    assert stage.lease()["expires"] >= stage.now + 10_000
    assert again.finish().status == "succeeded"
