"""Deliveries at the same time, crashed ones, and those that wake up late. Each is stepped by hand."""

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
SURELY_PAST = LEASE + MARGIN + 1_000
"""AWS dates its answers by whole seconds."""


def test_fifty_at_once_are_one_execution_and_49_duplicates(stage: Stage) -> None:
    all_of_them = [stage.delivery(DUE) for _ in range(50)]
    for delivery in all_of_them:  # everybody sends the claim before anybody settles
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


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_who_waits_looks_ever_less_often_and_leaves_it_to_a_carrier_after_10_seconds(
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
    assert stage.now + carrier.after == NOON + 900_000 + 5_000 + MARGIN + 1_000, "when its lease is past everywhere"


def test_what_a_carrier_brings_waits_no_more_it_makes_the_next_carrier(stage: Stage) -> None:
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


def test_fifty_that_cannot_wait_make_one_carrier(stage: Stage) -> None:
    stage.delivery(DUE, seconds=900).until("Work")
    assert {stage.deliver(DUE, seconds=6).status for _ in range(50)} == {"deferred"}
    assert len(stage.carriers()) == 1


def test_who_waits_leaves_the_next_attempt_to_a_later_delivery(stage: Stage) -> None:
    first = stage.delivery(DUE).until("Work")
    waiting = stage.delivery(DUE).until("GetItem")
    assert first.finish(BROKEN).status == "retrying"
    outcome = waiting.finish()
    assert (outcome.status, outcome.reason) == ("deferred", "backoff")
    (carrier,) = stage.carriers()
    assert 50_000 < carrier.after <= 67_000, "one carrier for both, when the pause is over"


def test_a_killed_holder_is_taken_over_after_lease_and_margin_in_three_requests(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")  # and never heard of again
    stage.now += SURELY_PAST
    stage.asked()
    outcome = stage.deliver(DUE)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.asked("CreateSchedule") == ["TransactWriteItems"] * 3


def test_not_a_moment_earlier(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += LEASE + MARGIN
    assert stage.deliver(DUE, seconds=5).status == "deferred"


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_who_waits_takes_over_when_the_holder_dies(stage: Stage, overlap: str) -> None:
    stage.delivery(DUE, seconds=10, overlap=overlap).until("Work")
    stage.now += 9_000
    outcome = stage.deliver(DUE, overlap=overlap)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.now - NOON > 10_000 + 5_000 + MARGIN


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_dead_holder_without_another_delivery_is_taken_over_by_the_carrier(stage: Stage, overlap: str) -> None:
    stage.delivery(DUE, seconds=900, overlap=overlap).until("Work")
    assert stage.deliver(DUE, overlap=overlap).status == "deferred"
    outcome = stage.deliver(stage.carrier(), overlap=overlap)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.now - NOON == 900_000 + 5_000 + MARGIN + 1_000


def test_the_next_occurrence_takes_over_and_marks_the_crashed_run(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += SURELY_PAST
    assert stage.deliver(OTHER).status == "succeeded"
    crashed = stage.run(DUE)
    assert crashed["status"] == "crashed"
    assert "expires" not in crashed
    outcome = stage.deliver(DUE)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)


def test_a_crashed_run_that_is_gone_does_not_hinder_the_takeover(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.delete(f"run#{DUE.id}")
    stage.now += SURELY_PAST
    stage.asked()
    assert stage.deliver(OTHER).status == "succeeded"
    assert stage.asked("CreateSchedule") == ["TransactWriteItems"] * 4


def test_a_deleted_lease_leaves_an_orphan_that_is_claimed_after_its_time(stage: Stage) -> None:
    zombie = stage.delivery(DUE).until("Work")
    stage.delete("lease")
    assert stage.deliver(DUE, seconds=20).status == "deferred"
    stage.now = NOON + SURELY_PAST
    outcome = stage.deliver(DUE)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert zombie.finish().note == "effect may have run twice"


def test_a_zombie_can_neither_complete_nor_release(stage: Stage) -> None:
    zombie = stage.delivery(DUE).until("Work")
    stage.now += SURELY_PAST
    heir = stage.delivery(DUE).until("Work")
    before = stage.lease(), stage.run(DUE)
    with pytest.raises(LeaseLost, match="could not be recorded as retrying"):
        zombie.finish(BROKEN)
    assert (stage.lease(), stage.run(DUE)) == before
    assert heir.finish().status == "succeeded"


def test_a_zombie_after_its_heirs_success_says_so_and_acknowledges(stage: Stage) -> None:
    zombie = stage.delivery(DUE).until("Work")
    stage.now += SURELY_PAST
    stage.deliver(DUE)
    outcome = zombie.finish()
    assert (outcome.status, outcome.note) == ("duplicate", "effect may have run twice")


def test_a_zombie_does_not_release_another_occurrences_lease(stage: Stage) -> None:
    zombie = stage.delivery(DUE).until("Work")
    stage.now += SURELY_PAST
    heir = stage.delivery(OTHER).until("Work")
    with pytest.raises(LeaseLost):
        zombie.finish()
    assert stage.lease()["occurrence"] == OTHER.id
    assert stage.run(DUE)["status"] == "crashed"
    assert heir.finish().status == "succeeded"


def test_killed_each_time_it_dies_with_a_letter_and_without_a_fourth_run(stage: Stage) -> None:
    for _ in range(3):
        stage.delivery(DUE).until("Work")
        stage.now += SURELY_PAST
    last = stage.delivery(DUE)
    assert (last.finish().status, last.worked) == ("dead", 0)
    (letter,) = stage.letters()
    assert letter[:2] == ["RetriesExhausted", 4]
    assert "without a result" in letter[2]
    assert stage.deliver(by_operator(redrive=4)).status == "succeeded"


def test_killed_each_time_it_dies_without_a_lease_too(stage: Stage) -> None:
    for _ in range(3):
        stage.delivery(DUE, overlap="allow").until("Work")
        stage.now += SURELY_PAST
    last = stage.delivery(DUE, overlap="allow")
    assert (last.finish().status, last.worked) == ("dead", 0)
    assert len(stage.letters()) == 1


def test_a_takeover_race_has_one_winner(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += SURELY_PAST
    heirs = [stage.delivery(DUE) for _ in range(5)]
    for _ in range(2):
        for heir in heirs:
            if heir.turn is not None and heir.turn.name == "TransactWriteItems":
                heir.step()
    winners = [heir for heir in heirs if heir.turn is not None and heir.turn.name == "CreateSchedule"]
    assert len(winners) == 1, "one that makes the carrier of a next attempt, should this one be killed, too"
    winners[0].finish()
    for heir in heirs:
        if heir is not winners[0]:
            assert heir.finish().status == "duplicate"
    assert stage.run(DUE)["attempt"] == 2


def test_a_letter_whose_sender_died_is_sent_by_the_next_delivery(stage: Stage) -> None:
    stage.delivery(DUE, limit=1).until("Work")
    stage.now += SURELY_PAST
    dying = stage.delivery(DUE, limit=1).until("SendMessage")
    assert stage.run(DUE)["status"] == "dead"
    put_off = stage.deliver(DUE, seconds=20)  # its sender may still be at it
    assert (put_off.status, put_off.reason) == ("deferred", "unreported")
    stage.now = dying.ends + 5_000 + MARGIN + 1_000
    assert stage.deliver(DUE).status == "duplicate"
    assert [letter[1] for letter in stage.letters()] == [2]
    # The sender was only asleep, before a request already built: a copy goes out, its id tells.
    assert dying.finish().status == "dead"
    assert [letter[1] for letter in stage.letters()] == [2]


def test_a_lost_claim_of_the_letter_is_recognised(stage: Stage) -> None:
    dying = stage.delivery(DUE, limit=1).until("Work")
    while dying.turn is not None and dying.turn.name != "SendMessage":
        dying.step(BROKEN)
    stage.now += SURELY_PAST
    stage.fail("UpdateItem", lost_answer)
    assert stage.deliver(DUE).status == "duplicate"
    assert len(stage.letters()) == 1


def test_a_replayed_success_long_after_the_lease_starts_nothing(stage: Stage) -> None:
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
    """The lease changes hands before every claim; after six rounds a carrier takes it elsewhere."""
    delivery = stage.delivery(DUE)
    for number in range(6):
        delivery.until("TransactWriteItems")
        stage.change("lease", fence=NOON * 2 + number * 10, v=1)
        delivery.step()
    outcome = delivery.finish()
    assert (outcome.status, outcome.reason) == ("deferred", "contention")
    assert stage.deliver(stage.carrier()).status == "succeeded"


def test_a_sign_of_life_stops_a_takeover(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.now += SURELY_PAST
    heir = stage.delivery(OTHER)
    heir.step()  # refused: it has seen an expired lease
    assert heir.turn is not None
    stage.change("lease", beats=1, expires=stage.now + LEASE)  # and now its holder renews it
    assert heir.finish().status == "skipped"
    assert stage.run(DUE)["status"] == "running"


def test_who_has_the_run_but_not_the_lease_releases_nothing(stage: Stage) -> None:
    """The lease was deleted by hand, and another occurrence has it now."""
    robbed = stage.delivery(DUE).until("Work")
    stage.delete("lease")
    other = stage.delivery(OTHER).until("Work")
    before = stage.lease()
    with pytest.raises(LeaseLost):
        robbed.finish()
    assert stage.lease() == before
    assert stage.run(DUE)["status"] == "running"
    assert other.finish().status == "succeeded"


def test_a_retry_that_was_overtaken_counts_on(stage: Stage) -> None:
    stage.deliver(DUE, BROKEN)
    again = stage.carrier()
    slow, quick = stage.delivery(again), stage.delivery(again)
    slow.step()  # both have seen that attempt 1 failed
    quick.step()
    assert quick.finish(BROKEN).attempt == 2
    outcome = slow.finish(BROKEN)
    assert (outcome.status, outcome.reason) == ("deferred", "backoff")
    assert len(stage.carriers()) == 1, "both make the same one"


def test_a_zombie_without_a_lease_cannot_complete_either(stage: Stage) -> None:
    zombie = stage.delivery(DUE, overlap="allow").until("Work")
    stage.now += SURELY_PAST
    heir = stage.delivery(DUE, overlap="allow").until("Work")
    with pytest.raises(LeaseLost):
        zombie.finish()
    assert heir.finish().attempt == 2


def test_a_letter_is_not_resent_beyond_a_short_lease(stage: Stage) -> None:
    """From then on another may be sending it."""
    stage.fail("SendMessage", *[error("ThrottlingException")] * 1000)
    dying = stage.delivery(DUE, limit=1, lease=10, seconds=900)
    with pytest.raises(Unavailable):
        dying.finish(BROKEN)
    assert stage.now <= NOON + 15_000
    stage.faults.clear()
    stage.now = NOON + 15_000 + MARGIN + 1_000
    assert stage.deliver(DUE).status == "duplicate"
    assert len(stage.letters()) == 1


def test_a_last_attempt_that_ended_without_a_word_says_so_and_what_was_said_before(stage: Stage) -> None:
    stage.deliver(DUE, BROKEN, limit=2)
    stage.delivery(stage.carrier(), limit=2).until("Work")  # and never heard of again
    stage.now += SURELY_PAST
    assert stage.deliver(DUE, limit=2).status == "dead"
    (letter,) = stage.letters()
    assert "without a result" in letter[2]
    assert "ValueError: no" in letter[2]


def test_a_letter_noted_at_the_last_moment_is_not_sent_again(stage: Stage) -> None:
    sleepy = stage.delivery(DUE, limit=1).until("Work")
    sleepy.step(Failed("{}", permanent=True))
    sleepy.until("UpdateItem")  # the letter is out, not noted
    stage.now += SURELY_PAST
    finder = stage.delivery(DUE)
    finder.step()  # it has seen a death without a letter
    assert finder.turn is not None
    assert finder.turn.name == "UpdateItem"
    assert sleepy.finish().status == "dead"
    assert finder.finish().status == "duplicate"
    assert len(stage.letters()) == 1


def test_who_wakes_after_its_lease_leaves_the_letter_to_the_next(stage: Stage) -> None:
    def frozen(call: object, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        answer = carry_out()
        stage.now += SURELY_PAST
        return answer

    sleepy = stage.delivery(DUE, limit=1).until("Work")
    stage.fail("TransactWriteItems", frozen)
    outcome = sleepy.finish(BROKEN)
    assert (outcome.status, outcome.note) == ("dead", "its dead letter is left to a carrier")
    assert len(stage.carriers()) == 1
    assert stage.letters() == []
    assert stage.deliver(DUE).status == "duplicate"
    assert [letter[:2] for letter in stage.letters()] == [["RetriesExhausted", 1]]
