"""Wrong clocks: no live lease is taken over, and no lease is stored too short."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack.defaults import Overlap
from cronstack.errors import LeaseLost
from cronstack.runtime import Invocation
from cronstack.steps import Call, Failed
from tests.cronstack.stage import NOON, Context, Stage, error, job, occurrence, scheduled_event
from tests.cronstack.test_runtime import invoke

DUE, OTHER = occurrence(), occurrence(NOON - 60_000)
GRACE, MARGIN = 5_000, 2_000
ERRORS = (-600_000, -240_000, -60_000, 60_000, 240_000, 600_000)


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "allow"])
@pytest.mark.parametrize("wall_error", ERRORS)
def test_a7_a_live_lease_is_not_taken_over(stage: Stage, overlap: str, wall_error: int) -> None:
    """By a clock that is ahead every lease seems to have ended."""
    holder = stage.delivery(DUE, seconds=300, overlap=overlap).until("Work")
    stage.wall_error = wall_error
    for of in (DUE, OTHER) if overlap != "allow" else (DUE,):
        other = stage.delivery(of, overlap=overlap)
        assert other.finish().status in ("deferred", "skipped", "buffered")
        assert other.worked == 0
    stage.wall_error = 0
    assert holder.finish().status == "succeeded"


@pytest.mark.parametrize("by_wall_clock", [True, False], ids=["as Lambda computes it", "right"])
@pytest.mark.parametrize("overlap", ["skip", "allow"])
@pytest.mark.parametrize("wall_error", ERRORS)
def test_a7_a_lease_lasts_until_the_attempt_is_killed(
    stage: Stage, overlap: Overlap, wall_error: int, by_wall_clock: bool
) -> None:
    """Stored by a clock that is behind, it would end too early. So it is extended before the handler starts.

    The event comes late, so no answer has shown the time before the claim.
    """
    stage.wall_error = wall_error

    delayed = occurrence(NOON - 1_200_000)

    def look(run: object) -> None:
        row = stage.run(delayed)
        kill = NOON + 300_000
        assert row["expires"] + MARGIN >= kill
        assert row["expires"] <= kill + GRACE + 600_000 + 4_000
        if overlap == "skip":
            assert stage.lease()["expires"] == row["expires"]

    of, context = job(look, timeout=300, overlap=overlap), Context(stage, 300, by_wall_clock=by_wall_clock)
    assert Invocation(of, scheduled_event(delayed.due), context, stage.shell()).work()["cronstack"] == "succeeded"


@pytest.mark.parametrize("wall_error", [-600_000, 0])
def test_a7_a_right_clock_and_one_that_is_ahead_cost_no_further_request(stage: Stage, wall_error: int) -> None:
    """Two requests for a clean run."""
    stage.wall_error = wall_error
    invoke(stage, job(lambda run: None, timeout=300), seconds=300)
    assert stage.asked() == ["TransactWriteItems"] * 2


@pytest.mark.parametrize("wall_error", ERRORS)
def test_a7_a_dead_holder_is_taken_over_whatever_the_clock(stage: Stage, wall_error: int) -> None:
    """A sandbox with a wrong clock must not block the job for ever: AWS's answers show that the lease has ended."""
    stage.delivery(DUE).until("Work")
    stage.now += 60_000 + GRACE + MARGIN + 1_000
    stage.wall_error = wall_error
    outcome = stage.deliver(DUE)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)


def test_a7_without_dates_in_answers_nothing_is_taken_over(stage: Stage) -> None:
    """Then the time is unknown."""
    stage.delivery(DUE).until("Work")
    stage.now += 60_000 + GRACE + MARGIN + 1_000
    stage.dates = False
    assert stage.deliver(DUE)[:4:3] == ("deferred", "running")
    assert stage.deliver(occurrence(NOON - 120_000), overlap="allow").status == "succeeded", "a free run is claimed"


def test_a7_after_a_takeover_before_the_lease_is_extended_no_handler_runs(stage: Stage) -> None:
    """The clock was so far behind that the lease had ended when it was stored."""
    stage.wall_error = 600_000
    delayed = occurrence(NOON - 1_200_000)
    slow = stage.delivery(delayed)
    slow.step()  # claimed; the next request extends the lease
    stage.wall_error = 0
    assert stage.deliver(delayed).status == "succeeded"
    with pytest.raises(LeaseLost):
        slow.finish()
    assert slow.worked == 0


@pytest.mark.parametrize("code", ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"])
def test_a7_a_refused_signature_does_not_fail_the_delivery(stage: Stage, code: str) -> None:
    """The request is sent again with a new signature, by the date of the answer."""
    stage.fail("TransactWriteItems", error(code), error(code))
    assert stage.deliver(DUE).status == "succeeded"


def test_the_log_line_has_the_error_of_the_clock(stage: Stage) -> None:
    stage.wall_error = 240_000
    invoke(stage, job(lambda run: None), scheduled_event())
    assert stage.lines[-1]["clock_behind_ms"] == 240_000
    stage.wall_error = 0
    invoke(stage, job(lambda run: None), scheduled_event(NOON - 60_000))
    assert "clock_behind_ms" not in stage.lines[-1]


def test_a_context_that_returns_0_is_ignored(stage: Stage) -> None:
    """Lambda's context computes it by the wall clock, which is ahead by more than the timeout."""
    stage.wall_error = -600_000
    assert Context(stage, 60).get_remaining_time_in_millis() == 0
    assert invoke(stage, job(lambda run: None), seconds=60)["cronstack"] == "succeeded"


def test_a7_a_clock_that_is_set_between_two_sends_of_a_claim_shortens_no_lease(stage: Stage) -> None:
    """The claim was built while the clock was behind, and is sent again, byte for byte, when it is right."""

    def throttled(call: Call, carry_out: object) -> dict[str, Any]:
        stage.wall_error = 0
        return {"Error": {"Code": "ThrottlingException", "Message": "injected"}}

    stage.wall_error = 600_000
    stage.fail("TransactWriteItems", throttled)
    delayed = occurrence(NOON - 1_200_000)
    first = stage.delivery(delayed, seconds=600).until("Work")
    assert stage.run(delayed)["expires"] >= NOON + 600_000
    stage.now += 320_000
    assert stage.deliver(delayed, seconds=5).status == "deferred"
    assert first.finish().status == "succeeded"


@pytest.mark.parametrize("overlap", ["skip", "buffer_one"])
@pytest.mark.parametrize("early", [5_000, 240_000])
def test_a4_a_clock_that_is_ahead_skips_and_buffers_no_early_occurrence(stage: Stage, overlap: str, early: int) -> None:
    """At its due time the other occurrence may have ended."""
    first = stage.delivery(OTHER, seconds=900, overlap=overlap).until("Work")
    due = occurrence(NOON + early)
    stage.wall_error = -600_000
    outcome = stage.deliver(due, seconds=300, overlap=overlap)
    if early > 10_000:
        assert (outcome.status, outcome.reason) == ("deferred", "early")
        assert stage.run(due) == {}
        stage.wall_error = 0
        first.finish()
        assert stage.deliver(stage.carrier(), overlap=overlap).status == "succeeded"
    else:
        assert stage.now >= due.due - 2_000, "the delivery has not waited"
        assert outcome.status in ("skipped", "buffered")


def test_without_dates_a_retry_without_a_lease_starts(stage: Stage) -> None:
    stage.dates = False
    stage.deliver(DUE, Failed("{}"), overlap="allow")
    assert stage.deliver(stage.carrier(), overlap="allow")[:2] == ("succeeded", 2)
