"""A missed run has a dead letter. A redrive starts it, and for a key also another plan."""

from __future__ import annotations

import json

import pytest

from cronstack.errors import EventError
from cronstack.steps import Failed
from tests.cronstack.guard.plans.keys import (
    DUE,
    KEY,
    OTHER,
    carried,
    deliver_until_killed,
    kill_after,
    planned,
    redriven,
    states,
)
from tests.cronstack.stage import NOON, Stage, by_operator, error, lost_answer, occurrence

HOUR = 3_600_000
LATE = occurrence(NOON - 2 * HOUR)
LEASE = 60_000 + 5_000 + 2_000 + 2_000 + 1_000
"""Milliseconds after which the lease for a letter has certainly ended: time, grace, date, margin, and a second."""


def letters_of(stage: Stage) -> list[tuple[str, int]]:
    return [(letter[0], letter[1]) for letter in stage.letters()]


# -- the letter --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "allow"])
def test_a5_a_missed_run_has_one_letter(stage: Stage, overlap: str) -> None:
    """A log line is not enough: the queue has an alarm."""
    for _ in range(3):
        outcome = stage.deliver(LATE, overlap=overlap)
        assert outcome.status in ("missed", "duplicate")
    (letter,) = stage.letters()
    assert letter[:2] == ["Missed", 0]
    assert json.loads(letter[2])["message"] == (
        "it could not start within 3600 s after 2026-01-01T10:00:00Z, its due time: the event came 7200 s after it"
    )
    assert stage.run(LATE)["reported"] == stage.now
    assert stage.run(LATE)["status"] == "missed"


def test_a5_an_occurrence_that_becomes_too_late_in_the_slot_has_a_letter(stage: Stage) -> None:
    stage.delivery(occurrence(), seconds=900, overlap="buffer_one").until("Work")
    second = occurrence(NOON - 60_000)
    assert stage.deliver(second, overlap="buffer_one", start_deadline=120).status == "buffered"
    stage.now += 300_000
    assert stage.deliver(second, overlap="buffer_one", start_deadline=120).status == "missed"
    assert letters_of(stage) == [("Missed", 0)]
    assert "buffered" not in stage.lease()


def test_a5_a_missed_key_has_one_letter(stage: Stage) -> None:
    of = planned(stage)
    stage.now = DUE + 2 * HOUR
    assert [stage.deliver(of).status for _ in range(2)] == ["missed", "duplicate"]
    assert states(stage, of) == ("missed", "missed")
    assert letters_of(stage) == [("Missed", 0)]


@pytest.mark.parametrize("key", [False, True], ids=["scheduled", "key"])
@pytest.mark.parametrize("operation", ["UpdateItem", "SendMessage"])
def test_killed_before_or_after_the_letter_the_next_delivery_sends_it(stage: Stage, operation: str, key: bool) -> None:
    of = planned(stage) if key else LATE
    stage.now = of.due + 2 * HOUR
    stage.fail("TransactWriteItems" if key and operation == "UpdateItem" else operation, kill_after)
    deliver_until_killed(stage, of)
    assert stage.run(of)["status"] == "missed"
    assert stage.deliver(of)[:4:3] == ("deferred", "unreported"), "its sender may still send it"
    stage.now += LEASE
    assert stage.deliver(of).status == "duplicate"
    assert set(letters_of(stage)) == {("Missed", 0)}
    assert stage.run(of)["reported"] == stage.now


@pytest.mark.parametrize("key", [False, True], ids=["scheduled", "key"])
def test_a_lost_answer_of_the_miss_changes_nothing(stage: Stage, key: bool) -> None:
    of = planned(stage) if key else LATE
    stage.now = of.due + 2 * HOUR
    stage.fail("TransactWriteItems" if key else "UpdateItem", lost_answer)
    assert stage.deliver(of).status == "missed"
    assert letters_of(stage) == [("Missed", 0)]


# -- a redrive ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "allow"])
def test_a5_a_redrive_starts_a_missed_run(stage: Stage, overlap: str) -> None:
    """It is the first attempt, with all its retries. Redriving a copy of the letter is a duplicate."""
    stage.deliver(LATE, overlap=overlap)
    outcome = stage.deliver(by_operator(LATE.due, redrive=0), overlap=overlap)
    assert (outcome.status, outcome.attempt) == ("succeeded", 1)
    assert stage.run(LATE)["limit"] == 3
    assert not {"reported", "error", "reason", "listed"} & set(stage.run(LATE))
    assert stage.deliver(by_operator(LATE.due, redrive=0), overlap=overlap).status == "duplicate"


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_two_redrives_of_a_miss_start_it_once(stage: Stage, overlap: str) -> None:
    stage.deliver(LATE, overlap=overlap)
    first, second = (stage.delivery(by_operator(LATE.due, redrive=0), overlap=overlap) for _ in range(2))
    for _ in range(2):
        first.step()
        second.step()
    assert {first.finish().status, second.finish().status} == {"succeeded", "duplicate"}
    assert first.worked + second.worked == 1


def test_a_redriven_miss_that_fails_is_retried_and_dies_with_its_own_letter(stage: Stage) -> None:
    stage.deliver(LATE)
    assert letters_of(stage) == [("Missed", 0)]
    stage.deliver(by_operator(LATE.due, redrive=0), Failed("{}"))
    stage.deliver(stage.carrier(), Failed("{}", permanent=True))
    assert letters_of(stage) == [("Permanent", 2)]


def test_a_redriven_miss_lets_the_occurrence_in_the_slot_go_first(stage: Stage) -> None:
    """It has never started, so it must wait like a newcomer."""
    stage.deliver(LATE, overlap="buffer_one")
    holder = stage.delivery(occurrence(), seconds=900, overlap="buffer_one").until("Work")
    stage.deliver(occurrence(NOON - 60_000), overlap="buffer_one")
    holder.finish()
    outcome = stage.deliver(by_operator(LATE.due, redrive=0), overlap="buffer_one")
    assert (outcome.status, outcome.reason) == ("deferred", "slot")


def test_a5_a_redrive_starts_a_missed_key(stage: Stage) -> None:
    """The redrive starts the plan first, so that planners cannot change it."""
    of = planned(stage)
    stage.now = DUE + 2 * HOUR
    stage.deliver(of)
    again = redriven(of, stage.now, attempt=0)
    assert stage.deliver(again)[:2] == ("succeeded", 1)
    assert states(stage, of) == ("begun", "succeeded")
    assert stage.deliver(again).status == "duplicate"


def test_a_redrive_killed_after_it_has_started_the_plan_is_continued(stage: Stage) -> None:
    of = planned(stage)
    stage.now = DUE + 2 * HOUR
    stage.deliver(of)
    again = redriven(of, stage.now, attempt=0)
    killed = stage.delivery(again)
    killed.until("UpdateItem").step()  # the claim by the run's state, refused: the run was missed
    killed.until("UpdateItem").step()  # the start of the plan
    assert states(stage, of) == ("begun", "missed")
    assert stage.deliver(again)[:2] == ("succeeded", 1)


# -- another plan ------------------------------------------------------------------------------------------------------
def missed_key(stage: Stage) -> None:
    of = planned(stage)
    stage.now = DUE + 2 * HOUR
    assert stage.deliver(of).status == "missed"


@pytest.mark.parametrize("bring", [lambda of: of, carried], ids=["own event", "carrier"])
def test_a5_another_plan_of_a_missed_key_runs(stage: Stage, bring: object) -> None:
    missed_key(stage)
    later = planned(stage, revision=NOON + 9, due=OTHER)
    assert stage.deliver(bring(later)).status == "succeeded"  # type: ignore[operator]
    assert states(stage, later) == ("begun", "succeeded")
    run = stage.run(later)
    assert (run["revision"], run["due"], run["attempt"]) == (NOON + 9, OTHER, 1)


def test_the_run_of_another_plan_does_not_have_the_event_of_the_missed_one(stage: Stage) -> None:
    missed_key(stage)
    later = planned(stage, revision=NOON + 9, due=OTHER)
    stage.delivery(later).until("Work")
    assert "event" not in stage.run(later)


def test_a_key_that_is_missed_again_has_a_second_letter(stage: Stage) -> None:
    missed_key(stage)
    later = planned(stage, revision=NOON + 9, due=OTHER)
    stage.now = OTHER + 2 * HOUR
    assert stage.deliver(later).status == "missed"
    assert letters_of(stage) == [("Missed", 0), ("Missed", 0)]
    assert (stage.run(later)["revision"], stage.plan(KEY)["status"]) == (NOON + 9, "missed")


@pytest.mark.parametrize("first", ["redrive", "replace"])
def test_a_redrive_and_another_plan_start_a_missed_key_once(stage: Stage, first: str) -> None:
    """The first write to the plan decides."""
    missed_key(stage)
    again = redriven(planned(stage, status="missed"), stage.now, attempt=0)
    stage.now = OTHER
    if first == "redrive":
        redriving = stage.delivery(again).until("Work")
        with pytest.raises(AssertionError, match="begun"):
            replace(stage)
        assert redriving.finish().status == "succeeded"
    else:
        later = replace(stage)
        assert stage.deliver(again)[:4:3] == ("overtaken", "planned")
        stage.now = OTHER
        assert stage.deliver(later).status == "succeeded"


def replace(stage: Stage) -> object:
    """Replace the plan as ``once`` does: only if it was missed."""
    assert stage.plan(KEY)["status"] == "missed", stage.plan(KEY)["status"]
    return planned(stage, revision=NOON + 9, due=OTHER)


def test_after_another_plan_the_letter_of_the_miss_is_not_sent(stage: Stage) -> None:
    """The sender was killed before the letter. The key is planned again, so its occurrence has not ended."""
    of = planned(stage)
    stage.now = DUE + 2 * HOUR
    stage.fail("TransactWriteItems", kill_after)
    deliver_until_killed(stage, of)
    later = planned(stage, revision=NOON + 9, due=OTHER)
    assert stage.deliver(later).status == "succeeded"
    assert stage.deliver(of).status == "overtaken"
    assert letters_of(stage) == []


def test_a_plan_that_was_changed_between_start_and_miss_is_read_again(stage: Stage) -> None:
    """Code that may plan can write any plan at any time. The run must not be recorded as missed by another plan."""
    of = planned(stage)
    stage.now = DUE + 2 * HOUR
    late = stage.delivery(of)
    late.until("TransactWriteItems")
    planned(stage, revision=NOON + 9, due=OTHER)
    assert late.finish().status == "overtaken"
    assert stage.run(of) == {}


def test_a_forged_redrive_of_another_plan_changes_nothing(stage: Stage) -> None:
    missed_key(stage)
    of = planned(stage, status="missed", revision=NOON + 9, due=OTHER)
    forged = redriven(of._replace(due=DUE), stage.now, attempt=0)
    with pytest.raises(EventError):
        raise EventError("BadPlan", str(stage.deliver(forged)))
    assert stage.run(of)["status"] == "missed"


def test_a_letter_that_sqs_does_not_accept_is_sent_later(stage: Stage) -> None:
    stage.fail("SendMessage", *[error("ThrottlingException")] * 1000)
    outcome = stage.deliver(LATE)
    assert (outcome.status, outcome.reason) == ("deferred", "outage")
    stage.faults.clear()
    stage.now += LEASE
    assert stage.deliver(stage.carrier()).status == "duplicate"
    assert letters_of(stage) == [("Missed", 0)]
