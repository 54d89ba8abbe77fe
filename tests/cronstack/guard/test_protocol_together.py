"""Concurrent deliveries, crashed deliveries, and deliveries that wake up late. Each is stepped by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cronstack.errors import LeaseLost, OutOfTime, Unavailable
from cronstack.event import parse_event
from cronstack.steps import Failed
from tests.cronstack.stage import NOON, Stage, by_operator, error, lost_answer, occurrence

DUE = occurrence()
OTHER = occurrence(NOON - 60_000)
BROKEN = Failed('{"type":"ValueError","message":"no"}')
LEASE = 65_000  # a minute left, and the grace
MARGIN = 2_000
AFTER_LEASE = LEASE + MARGIN + 1_000
"""A second more, because AWS's dates have whole seconds."""


def test_fifty_at_once_are_one_execution_and_49_duplicates(stage: Stage) -> None:
    all_of_them = [stage.delivery(DUE) for _ in range(50)]
    for delivery in all_of_them:  # all send the claim before the first one settles
        delivery.step()
    works = [delivery for delivery in all_of_them if delivery.turn is not None and delivery.turn.name == "Work"]
    assert len(works) == 1
    for delivery in all_of_them:
        if delivery is not works[0]:
            delivery.until("GetItem").step()
    assert works[0].finish().status == "succeeded"
    outcomes = [delivery.outcome or delivery.finish() for delivery in all_of_them]
    assert sorted(outcome.status for outcome in outcomes) == ["duplicate"] * 49 + ["succeeded"]
    assert sum(delivery.worked for delivery in all_of_them) == 1
    assert stage.letters() == []


def dated(overlap: str) -> int:
    """Return the milliseconds by which a lease is longer if an answer has shown the time before the claim.

    Without a lease of the job, the read of the pause has shown it.
    """
    return 2_000 if overlap == "allow" else 0


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_waiting_delivery_checks_with_growing_pauses_and_makes_a_carrier_after_10_seconds(
    stage: Stage, overlap: str
) -> None:
    stage.delivery(DUE, seconds=900, overlap=overlap).until("Work")
    stage.asked()
    outcome = stage.deliver(DUE, seconds=60, overlap=overlap)
    assert (outcome.status, outcome.reason) == ("deferred", "running")
    assert NOON + 9_900 <= stage.now <= NOON + 10_100
    *looks, last = stage.asked("TransactWriteItems", "UpdateItem")
    assert last == "CreateSchedule"
    assert 4 <= len(looks) <= 10
    (carrier,) = stage.carriers()
    assert stage.now + carrier.after == NOON + 900_000 + 5_000 + dated(overlap) + MARGIN + 1_000, (
        "not at the end of its lease by every clock"
    )


def test_the_event_of_a_carrier_does_not_wait_but_makes_the_next_carrier(stage: Stage) -> None:
    first = stage.delivery(DUE, seconds=900).until("Work")
    stage.deliver(DUE)
    stage.asked()
    stage.now += 30_000
    (carrier,) = stage.carriers()
    early = parse_event(carrier.event, "stats")
    assert stage.deliver(early).status == "deferred"
    assert stage.asked() == ["TransactWriteItems", "UpdateItem", "CreateSchedule"], "a claim, the event, the carrier"
    (following,) = stage.carriers()
    assert (following.event["carrier"], following.name != carrier.name) == (1, True)
    first.finish()
    assert stage.deliver(parse_event(following.event, "stats")).status == "duplicate"


def test_fifty_deliveries_that_cannot_wait_make_one_carrier(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900).until("Work")
    assert {stage.deliver(DUE, seconds=6).status for _ in range(50)} == {"deferred"}
    assert len(stage.carriers()) == 1


def test_a_waiting_delivery_leaves_the_next_attempt_to_a_carrier(stage: Stage) -> None:
    first = stage.delivery(DUE).until("Work")
    waiting = stage.delivery(DUE).until("GetItem")
    assert first.finish(BROKEN).status == "retrying"
    outcome = waiting.finish()
    assert (outcome.status, outcome.reason) == ("deferred", "backoff")
    (carrier,) = stage.carriers()
    assert 50_000 < carrier.after <= 67_000, "not one carrier for both after the pause"


def test_a_killed_holder_is_taken_over_after_lease_and_margin_in_three_requests(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")  # killed here
    stage.now += AFTER_LEASE
    stage.asked()
    outcome = stage.deliver(DUE)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.asked("CreateSchedule") == ["TransactWriteItems"] * 3


def test_a_holder_is_not_taken_over_before_lease_and_margin(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += LEASE + MARGIN
    assert stage.deliver(DUE, seconds=5).status == "deferred"


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_waiting_delivery_takes_over_when_the_holder_dies(stage: Stage, overlap: str) -> None:
    stage.delivery(DUE, seconds=10, overlap=overlap).until("Work")
    stage.now += 9_000 + dated(overlap)
    outcome = stage.deliver(DUE, overlap=overlap)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.now - NOON > 10_000 + 5_000 + dated(overlap) + MARGIN


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_dead_holder_without_another_delivery_is_taken_over_by_the_carrier(stage: Stage, overlap: str) -> None:
    stage.delivery(DUE, seconds=900, overlap=overlap).until("Work")
    assert stage.deliver(DUE, overlap=overlap).status == "deferred"
    outcome = stage.deliver(stage.carrier(), overlap=overlap)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.now - NOON == 900_000 + 5_000 + dated(overlap) + MARGIN + 1_000


def test_the_next_occurrence_takes_over_and_marks_the_crashed_run(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += AFTER_LEASE
    assert stage.deliver(OTHER).status == "succeeded"
    crashed = stage.run(DUE)
    assert crashed["status"] == "crashed"
    assert "expires" not in crashed
    outcome = stage.deliver(DUE)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)


def test_a_takeover_succeeds_though_the_crashed_run_was_deleted(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.delete(f"run#{DUE.id}")
    stage.now += AFTER_LEASE
    stage.asked()
    assert stage.deliver(OTHER).status == "succeeded"
    assert stage.asked("CreateSchedule") == ["TransactWriteItems"] * 4


def test_a_run_whose_lease_was_deleted_is_claimed_after_its_end(stage: Stage) -> None:
    overtaken = stage.delivery(DUE).until("Work")
    stage.delete("lease")
    assert stage.deliver(DUE, seconds=20).status == "deferred"
    stage.now = NOON + AFTER_LEASE
    outcome = stage.deliver(DUE)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert overtaken.finish().note == "effect may have run twice"


def test_an_overtaken_attempt_can_neither_complete_nor_release(stage: Stage) -> None:
    overtaken = stage.delivery(DUE).until("Work")
    stage.now += AFTER_LEASE
    successor = stage.delivery(DUE).until("Work")
    before = stage.lease(), stage.run(DUE)
    with pytest.raises(LeaseLost, match="could not be recorded as retrying"):
        overtaken.finish(BROKEN)
    assert (stage.lease(), stage.run(DUE)) == before
    assert successor.finish().status == "succeeded"


def test_an_overtaken_attempt_acknowledges_after_the_next_one_has_succeeded(stage: Stage) -> None:
    overtaken = stage.delivery(DUE).until("Work")
    stage.now += AFTER_LEASE
    stage.deliver(DUE)
    outcome = overtaken.finish()
    assert (outcome.status, outcome.note) == ("duplicate", "effect may have run twice")


def test_an_overtaken_attempt_does_not_release_another_occurrences_lease(stage: Stage) -> None:
    overtaken = stage.delivery(DUE).until("Work")
    stage.now += AFTER_LEASE
    successor = stage.delivery(OTHER).until("Work")
    with pytest.raises(LeaseLost):
        overtaken.finish()
    assert stage.lease()["occurrence"] == OTHER.id
    assert stage.run(DUE)["status"] == "crashed"
    assert successor.finish().status == "succeeded"


def test_killed_in_each_attempt_it_dies_with_a_letter_and_without_a_fourth_run(stage: Stage) -> None:
    for _ in range(3):
        stage.delivery(DUE).until("Work")
        stage.now += AFTER_LEASE
    last = stage.delivery(DUE)
    assert (last.finish().status, last.worked) == ("dead", 0)
    (letter,) = stage.letters()
    assert letter[:2] == ["RetriesExhausted", 4]
    assert "without a result" in letter[2]
    assert stage.deliver(by_operator(redrive=4)).status == "succeeded"


def test_killed_in_each_attempt_without_a_lease_it_dies_too(stage: Stage) -> None:
    for _ in range(3):
        stage.delivery(DUE, overlap="allow").until("Work")
        stage.now += AFTER_LEASE
    last = stage.delivery(DUE, overlap="allow")
    assert (last.finish().status, last.worked) == ("dead", 0)
    assert len(stage.letters()) == 1


def test_a_takeover_race_has_one_winner(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += AFTER_LEASE
    successors = [stage.delivery(DUE) for _ in range(5)]
    for _ in range(2):
        for successor in successors:
            if successor.turn is not None and successor.turn.name == "TransactWriteItems":
                successor.step()
    winners = [
        successor for successor in successors if successor.turn is not None and successor.turn.name == "CreateSchedule"
    ]
    assert len(winners) == 1, "several deliveries took over"
    winners[0].finish()
    for successor in successors:
        if successor is not winners[0]:
            assert successor.finish().status == "duplicate"
    assert stage.run(DUE)["attempt"] == 2


def test_a_letter_whose_sender_died_is_sent_by_the_next_delivery(stage: Stage) -> None:
    stage.delivery(DUE, limit=1).until("Work")
    stage.now += AFTER_LEASE
    dying = stage.delivery(DUE, limit=1).until("SendMessage")
    assert stage.run(DUE)["status"] == "dead"
    deferred = stage.deliver(DUE, seconds=20)  # its sender may still send it
    assert (deferred.status, deferred.reason) == ("deferred", "unreported")
    stage.now = dying.ends + 5_000 + MARGIN + 1_000
    assert stage.deliver(DUE).status == "duplicate"
    assert [letter[1] for letter in stage.letters()] == [2]
    # The sender was frozen before a request that was already built: it sends a copy with the same id.
    assert dying.finish().status == "dead"
    assert [letter[1] for letter in stage.letters()] == [2]


def test_a_lost_claim_of_the_letter_is_recognised(stage: Stage) -> None:
    dying = stage.delivery(DUE, limit=1).until("Work")
    while dying.turn is not None and dying.turn.name != "SendMessage":
        dying.step(BROKEN)
    stage.now += AFTER_LEASE
    stage.fail("UpdateItem", lost_answer)
    assert stage.deliver(DUE).status == "duplicate"
    assert len(stage.letters()) == 1


def test_an_answer_long_after_the_lease_starts_no_handler(stage: Stage) -> None:
    late = stage.delivery(DUE)
    late.step()
    assert late.turn is not None
    assert late.turn.name == "Work"

    def slow(call: object, carry_out: object) -> dict[str, object]:
        stage.now += 70_000
        return {}

    frozen = stage.delivery(OTHER, overlap="allow", seconds=60)
    stage.fail("UpdateItem", slow)
    with pytest.raises((OutOfTime, Unavailable, LeaseLost)):
        frozen.finish()
    assert frozen.worked == 0


def test_a_settlement_is_resent_until_the_deadline(stage: Stage) -> None:
    delivery = stage.delivery(DUE).until("Work")
    stage.fail("TransactWriteItems", *[error("ProvisionedThroughputExceededException")] * 1000)
    with pytest.raises(Unavailable):
        delivery.finish()
    assert stage.now > delivery.ends - 3_000
    stage.faults.clear()
    stage.now = delivery.ends + 5_000 + MARGIN + 1_000
    assert stage.deliver(DUE).attempt == 2


def test_contention_does_not_end_a_delivery(stage: Stage) -> None:
    """The lease changes before every claim. After six rounds a carrier is made."""
    delivery = stage.delivery(DUE)
    for number in range(6):
        delivery.until("TransactWriteItems")
        stage.change("lease", fence=NOON * 2 + number * 10, v=1)
        delivery.step()
    outcome = delivery.finish()
    assert (outcome.status, outcome.reason) == ("deferred", "contention")
    assert stage.deliver(stage.carrier()).status == "succeeded"


def test_a_renewal_stops_a_takeover(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += AFTER_LEASE
    successor = stage.delivery(OTHER)
    successor.step()  # refused: it has seen an expired lease
    assert successor.turn is not None
    stage.change("lease", beats=1, expires=stage.now + LEASE)  # and now its holder renews it
    assert successor.finish().status == "skipped"
    assert stage.run(DUE)["status"] == "running"


def test_an_attempt_with_its_run_but_without_the_lease_releases_nothing(stage: Stage) -> None:
    """The lease was deleted by hand, and another occurrence has it now."""
    former = stage.delivery(DUE).until("Work")
    stage.delete("lease")
    other = stage.delivery(OTHER).until("Work")
    before = stage.lease()
    with pytest.raises(LeaseLost):
        former.finish()
    assert stage.lease() == before
    assert stage.run(DUE)["status"] == "running"
    assert other.finish().status == "succeeded"


def test_two_deliveries_of_one_retry_run_one_attempt(stage: Stage) -> None:
    stage.deliver(DUE, BROKEN)
    again = stage.carrier()
    slow, quick = stage.delivery(again), stage.delivery(again)
    slow.step()  # both have seen that attempt 1 failed
    quick.step()
    assert quick.finish(BROKEN).attempt == 2
    outcome = slow.finish(BROKEN)
    assert (outcome.status, outcome.reason) == ("deferred", "backoff")
    assert len(stage.carriers()) == 1, "both must make the same one"


def test_an_overtaken_attempt_without_a_lease_cannot_complete_either(stage: Stage) -> None:
    overtaken = stage.delivery(DUE, overlap="allow").until("Work")
    stage.now += AFTER_LEASE
    successor = stage.delivery(DUE, overlap="allow").until("Work")
    with pytest.raises(LeaseLost):
        overtaken.finish()
    assert successor.finish().attempt == 2


def test_a_letter_is_not_resent_beyond_a_short_lease(stage: Stage) -> None:
    """From then on another delivery may send it."""
    stage.fail("SendMessage", *[error("ThrottlingException")] * 1000)
    dying = stage.delivery(DUE, limit=1, lease=10, seconds=900)
    with pytest.raises(Unavailable):
        dying.finish(BROKEN)
    assert stage.now <= NOON + 15_000
    stage.faults.clear()
    stage.now = NOON + 15_000 + MARGIN + 1_000
    assert stage.deliver(DUE).status == "duplicate"
    assert len(stage.letters()) == 1


def test_the_letter_of_a_killed_last_attempt_has_the_error_of_an_earlier_one(stage: Stage) -> None:
    stage.deliver(DUE, BROKEN, limit=2)
    stage.delivery(stage.carrier(), limit=2).until("Work")  # killed here
    stage.now += AFTER_LEASE
    assert stage.deliver(DUE, limit=2).status == "dead"
    (letter,) = stage.letters()
    assert "without a result" in letter[2]
    assert "ValueError: no" in letter[2]


def test_a_letter_recorded_at_the_last_moment_is_not_sent_again(stage: Stage) -> None:
    slow = stage.delivery(DUE, limit=1).until("Work")
    slow.step(Failed("{}", permanent=True))
    slow.until("UpdateItem")  # the letter is sent, but not recorded
    stage.now += AFTER_LEASE
    finder = stage.delivery(DUE)
    finder.step()  # it has read a dead run without "reported"
    assert finder.turn is not None
    assert finder.turn.name == "UpdateItem"
    assert slow.finish().status == "dead"
    assert finder.finish().status == "duplicate"
    assert len(stage.letters()) == 1


def test_a_delivery_that_wakes_after_its_lease_leaves_the_letter_to_a_carrier(stage: Stage) -> None:
    def frozen(call: object, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        answer = carry_out()
        stage.now += AFTER_LEASE
        return answer

    slow = stage.delivery(DUE, limit=1).until("Work")
    stage.fail("TransactWriteItems", frozen)
    outcome = slow.finish(BROKEN)
    assert (outcome.status, outcome.note) == ("dead", "its dead letter is left to a carrier")
    assert len(stage.carriers()) == 1
    assert stage.letters() == []
    assert stage.deliver(DUE).status == "duplicate"
    assert [letter[:2] for letter in stage.letters()] == [["RetriesExhausted", 1]]
