"""The start of a key after crashes, lost answers and late requests: it starts once, and always ends."""

from __future__ import annotations

import pytest

from cronstack.errors import EventError, Unavailable
from cronstack.occurrence import planned_id
from tests.cronstack.guard.plans.keys import (
    BROKEN,
    DAY,
    DUE,
    KEY,
    OTHER,
    Bring,
    carried,
    carry_out_only,
    deliver_until_killed,
    kill_after,
    own,
    planned,
    redriven,
    states,
)
from tests.cronstack.stage import NOON, Stage, error, lost_answer


# -- crashes and lost answers ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("late", [0, 3_601_000, 17 * DAY], ids=["in time", "too late", "older than the horizon"])
@pytest.mark.parametrize("again", [own, carried, redriven], ids=["own event", "carrier", "operator"])
def test_killed_between_the_two_writes_the_next_delivery_continues(stage: Stage, late: int, again: Bring) -> None:
    of = planned(stage)
    stage.now = DUE + late
    stage.fail("UpdateItem", kill_after)
    deliver_until_killed(stage, of)
    assert states(stage, of) == ("begun", None)
    stage.now += 60_000
    outcome = stage.deliver(again(of))
    assert outcome.status == ("missed" if late and again is not redriven else "succeeded")
    assert stage.deliver(of).status == "duplicate"


def test_a_plan_started_in_time_whose_run_is_too_late_is_missed(stage: Stage) -> None:
    of = planned(stage)
    stage.fail("UpdateItem", kill_after)
    deliver_until_killed(stage, of)
    stage.now = DUE + 3_601_000
    assert stage.deliver(of).status == "missed"
    assert states(stage, of) == ("missed", "missed")


def test_killed_between_the_two_writes_another_revision_is_overtaken(stage: Stage) -> None:
    of = planned(stage)
    stage.fail("UpdateItem", kill_after)
    deliver_until_killed(stage, of)
    assert stage.deliver(of._replace(revision=NOON - 1))[:4:3] == ("overtaken", "begun")
    assert stage.deliver(of).status == "succeeded"


def test_killed_between_the_two_writes_two_deliveries_run_it_once(stage: Stage) -> None:
    of = planned(stage)
    stage.fail("UpdateItem", kill_after)
    deliver_until_killed(stage, of)
    first, second = stage.delivery(of), stage.delivery(of)
    for _ in range(2):
        first.step()
        second.step()
    assert [first.finish().status, second.finish().status].count("succeeded") == 1
    assert first.worked + second.worked == 1


@pytest.mark.parametrize("number", [0, 1, 2], ids=["begin", "claim", "settle"])
@pytest.mark.parametrize("bring", [own, carried], ids=["own event", "carrier"])
def test_a_lost_answer_changes_nothing(stage: Stage, number: int, bring: Bring) -> None:
    of = planned(stage)
    first = [] if bring is not carried else [carry_out_only]  # a carrier's first claim is refused
    stage.fail("UpdateItem", *first, *[carry_out_only] * number, lost_answer)
    working = stage.delivery(bring(of))
    assert working.finish().status == "succeeded"
    assert working.worked == 1
    assert states(stage, of) == ("begun", "succeeded")
    assert stage.run(of)["attempt"] == 1


def test_a_lost_answer_of_a_late_start_changes_nothing(stage: Stage) -> None:
    of = planned(stage)
    stage.now = DUE + 17 * DAY
    stage.fail("UpdateItem", lost_answer)
    assert stage.deliver(of).status == "missed"
    assert states(stage, of) == ("missed", "missed")


def test_a_start_that_does_not_fit_the_row_does_not_stop_an_existing_run(stage: Stage) -> None:
    """A planner can fill the row up to DynamoDB's limit, so that no further attribute fits."""
    of = planned(stage)
    stage.deliver(of, BROKEN)
    (carrier,) = stage.carriers()
    stage.now += carrier.after
    stage.fail("UpdateItem", error("ValidationException"))
    assert stage.deliver(of).attempt == 2
    assert states(stage, of) == ("begun", "succeeded")


def test_a_start_that_does_not_fit_the_row_is_delivered_again(stage: Stage) -> None:
    of = planned(stage)
    stage.fail("UpdateItem", error("ValidationException"))
    with pytest.raises(Unavailable, match="ValidationException"):
        stage.deliver(of)
    assert states(stage, of) == ("planned", None)


# -- late requests -----------------------------------------------------------------------------------------------------
def test_a_start_that_arrives_after_a_move_is_refused(stage: Stage) -> None:
    of = planned(stage)
    late = stage.delivery(of)
    planned(stage, revision=NOON + 9, due=OTHER)
    stage.now = DUE
    assert late.finish().status == "overtaken"
    assert states(stage, of) == ("planned", None)
    assert len(stage.carriers()) == 1


def test_a_claim_that_arrives_after_another_attempt_does_not_start(stage: Stage) -> None:
    """A delivery is frozen between start and claim, until another delivery has run the key."""
    of = planned(stage)
    frozen = stage.delivery(of, seconds=3_000)
    frozen.step()
    assert stage.deliver(of).status == "succeeded"
    assert frozen.finish().status == "duplicate"
    assert frozen.worked == 0


def test_a_plan_written_between_start_and_claim_does_not_run(stage: Stage) -> None:
    of = planned(stage)
    working = stage.delivery(of)
    working.step()  # the read of the pause
    working.step()
    second = planned(stage, revision=NOON + 9, due=OTHER)
    stage.now = DUE
    assert working.finish().status == "succeeded"
    stage.now = OTHER
    with pytest.raises(EventError) as refused:
        stage.deliver(second)
    assert refused.value.reason == "WorkedBefore"
    assert states(stage, of) == ("begun", "succeeded")
    assert stage.run(of)["revision"] == NOON


def test_a_plan_written_after_the_run_does_not_run(stage: Stage) -> None:
    of = planned(stage)
    stage.deliver(of)
    before = stage.run(of)
    again = planned(stage, revision=NOON + 9, due=OTHER)
    with pytest.raises(EventError) as refused:
        stage.deliver(again)
    assert refused.value.reason == "WorkedBefore"
    assert stage.run(of) == before


def test_a_key_identifies_its_run(stage: Stage) -> None:
    of = planned(stage)
    assert of.id == planned_id(KEY)
    assert stage.deliver(of).status == "succeeded"
    stage.delete(f"plan#{KEY}")
    with_another_time = planned(stage, revision=NOON + 1, due=OTHER)
    with pytest.raises(EventError, match="by another plan"):
        stage.deliver(with_another_time)
