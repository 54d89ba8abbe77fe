"""Events that are too early or too late, by clocks that may be wrong."""

from __future__ import annotations

import pytest

from cronstack.errors import EventError
from cronstack.event import parse_event
from tests.cronstack.guard.plans.keys import DUE as KEY_DUE
from tests.cronstack.guard.plans.keys import OTHER, planned, states
from tests.cronstack.stage import NOON, Stage, by_operator, occurrence

MINUTE, HOUR = 60_000, 3_600_000
DUE = occurrence(NOON + HOUR)


def arrive(stage: Stage, early: int) -> None:
    """Set the clock to ``early`` milliseconds before the due time."""
    stage.now = DUE.due - early


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "allow"])
@pytest.mark.parametrize("early", [2_001, 3_000, 6_000])
def test_a4_an_event_that_comes_early_by_seconds_waits(stage: Stage, overlap: str, early: int) -> None:
    """No handler starts more than the margin before its due time."""
    arrive(stage, early)
    delivery = stage.delivery(DUE, overlap=overlap).until("Work")
    assert DUE.due - 2_000 <= stage.now <= DUE.due + 1_000
    assert delivery.finish().status == "succeeded"


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "allow"])
@pytest.mark.parametrize("early", [30_000, 60_000, HOUR])
def test_a4_an_event_that_comes_early_by_more_is_deferred_to_its_due_time(
    stage: Stage, overlap: str, early: int
) -> None:
    """A carrier brings it back: nothing runs before, and it runs once."""
    arrive(stage, early)
    first, again = stage.delivery(DUE, overlap=overlap), stage.delivery(DUE, overlap=overlap)
    for delivery in (first, again):
        assert delivery.finish()[:4:3] == ("deferred", "early")
        assert delivery.worked == 0
    assert stage.run(DUE) == {}
    (carrier,) = stage.carriers()
    assert stage.now + carrier.after == DUE.due
    stage.now = DUE.due
    assert stage.deliver(parse_event(carrier.event, "stats"), overlap=overlap).status == "succeeded"
    assert stage.deliver(DUE, overlap=overlap).status == "duplicate"


def test_a4_an_operators_event_does_not_wait(stage: Stage) -> None:
    """The operator requests the run now."""
    assert stage.deliver(by_operator(NOON + HOUR, "backfill")).status == "succeeded"


def test_a4_the_event_of_a_plan_waits_too_and_a_move_overtakes_it(stage: Stage) -> None:
    """The carrier of an early event belongs to its plan, so it does not replace that of a later plan."""
    of = planned(stage)
    stage.now = KEY_DUE - HOUR
    assert stage.deliver(of).reason == "early"
    later = planned(stage, revision=NOON + 9, due=OTHER)
    stage.now = KEY_DUE - HOUR
    assert stage.deliver(later).reason == "early"
    first, second = stage.carriers()
    stage.now = KEY_DUE
    assert stage.deliver(parse_event(first.event, "stats")).status == "overtaken"
    stage.now = OTHER
    assert stage.deliver(parse_event(second.event, "stats")).status == "succeeded"
    assert states(stage, of) == ("begun", "succeeded")


@pytest.mark.parametrize("ahead", [3_000, 240_000, 600_000])
def test_a4_a_clock_that_is_ahead_starts_nothing_early(stage: Stage, ahead: int) -> None:
    """It claims, and the answer shows that the clock is ahead. Then it sleeps, or gives the attempt back."""
    arrive(stage, 20_000)
    stage.wall_error = -ahead
    delivery = stage.delivery(DUE, seconds=300)
    outcome = delivery.finish()
    if outcome.status == "deferred":
        assert (outcome.reason, delivery.worked) == ("early", 0)
        stage.wall_error = 0
        outcome = stage.deliver(stage.carrier(), limit=1)
    assert stage.now >= DUE.due - 2_000
    assert outcome.status == "succeeded"


def test_a4_an_attempt_that_was_given_back_costs_no_retry(stage: Stage) -> None:
    """With a limit of one attempt, the carrier still starts it."""
    arrive(stage, 60_000)
    stage.wall_error = -600_000
    assert stage.deliver(DUE, limit=1).reason == "early"
    assert (stage.run(DUE)["status"], stage.run(DUE)["limit"]) == ("retrying", 2)
    stage.wall_error = 0
    assert stage.deliver(stage.carrier(), limit=1).status == "succeeded"


def test_a4_a_clock_that_is_behind_waits_no_longer_than_needed(stage: Stage) -> None:
    """An event that seems early is checked by an answer of AWS first."""
    stage.now, stage.wall_error = DUE.due, 600_000
    assert stage.deliver(DUE).status == "succeeded"
    assert stage.now < DUE.due + 1_000


@pytest.mark.parametrize("wall_error", [-600_000, 600_000])
def test_a7_with_a_wrong_clock_an_event_in_time_is_not_missed(stage: Stage, wall_error: int) -> None:
    """An event that seems too late is checked by an answer of AWS. A late event is missed with a slow clock, too."""
    stage.wall_error = wall_error
    stage.now = DUE.due + 590_000
    assert stage.deliver(DUE, start_deadline=600).status == "succeeded"
    late = occurrence(NOON)
    assert stage.deliver(late, start_deadline=600).status == "missed"


def test_with_a_stopped_monotonic_clock_a_delivery_does_not_sleep_for_ever(stage: Stage) -> None:
    """The lower bound of the time does not grow then, so the delivery reads the run again."""
    arrive(stage, 5_000)
    stage.monotonic_stopped = True
    assert stage.deliver(DUE).status == "succeeded", "an answer after the sleep shows that it is due"
    assert stage.now < DUE.due + 1_000


@pytest.mark.parametrize("plan", [False, True], ids=["no plan", "of another time"])
def test_an_early_event_that_does_not_match_its_plan_has_no_carrier(stage: Stage, plan: bool) -> None:
    """Code that may plan can send an event with any due time, and a carrier would exist until then."""
    of = planned(stage)
    forged = of._replace(due=NOON + 1_000 * 365 * 24 * HOUR)
    stage.now = NOON
    if not plan:
        stage.delete(f"plan#{of.key}")
    with pytest.raises(EventError) as refused:
        stage.deliver(forged)
    assert refused.value.reason == ("BadPlan" if plan else "Forgotten")
    assert stage.carriers() == []
