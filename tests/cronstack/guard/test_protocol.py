"""Deliveries one after another: their outcomes, the rows that they leave, and their requests."""

from __future__ import annotations

import json

import pytest

from cronstack.errors import EventError, Unavailable
from cronstack.steps import Failed, Succeeded
from tests.cronstack.stage import NOON, Stage, by_operator, conflict, error, event_of, lost_answer, occurrence

DUE = occurrence()
BROKEN = Failed('{"type":"ValueError","message":"no"}')
MINUTE, HOUR = 60_000, 3_600_000


def test_a_clean_run_takes_two_requests(stage: Stage) -> None:
    outcome = stage.deliver(DUE, Succeeded('{"flights":842}'))
    assert (outcome.status, outcome.attempt) == ("succeeded", 1)
    assert stage.asked() == ["TransactWriteItems", "TransactWriteItems"]
    run = stage.run(DUE)
    assert run["status"] == "succeeded"
    assert run["result"] == '{"flights":842}'
    assert run["ttl"] == NOON // 1000 + 35 * 86400
    assert "expires" not in run
    assert stage.lease() == {"pk": "job#stats", "sk": "lease", "fence": NOON, "v": 1}


def test_a_finished_duplicate_takes_one_request(stage: Stage) -> None:
    stage.deliver(DUE)
    stage.asked()
    again = stage.delivery(DUE)
    outcome = again.finish()
    assert (outcome.status, outcome.reason, again.worked) == ("duplicate", "succeeded", 0)
    assert stage.asked() == ["TransactWriteItems"]


def test_the_retry_of_a_failed_attempt_takes_three(stage: Stage) -> None:
    assert stage.deliver(DUE, BROKEN).status == "retrying"
    assert stage.run(DUE)["error"] == BROKEN.error
    assert stage.run(DUE)["ttl"] == NOON // 1000 + 400 * 86400, "the ttl of an open run, in case its job is removed"
    assert json.loads(stage.run(DUE)["event"]) == event_of(DUE)
    assert stage.listed() == [("job#stats", f"run#{DUE.id}")]
    assert stage.asked() == ["TransactWriteItems", "TransactWriteItems", "CreateSchedule"]
    outcome = stage.deliver(stage.carrier())
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.asked() == ["TransactWriteItems"] * 3
    assert not {"error", "after", "event", "listed"} & set(stage.run(DUE))
    assert stage.carriers() == []


def test_the_last_failed_attempt_sends_one_dead_letter(stage: Stage) -> None:
    statuses = [stage.deliver(DUE, BROKEN).status]
    statuses += [stage.deliver(stage.carrier(), BROKEN).status for _ in range(2)]
    assert statuses == ["retrying", "retrying", "dead"]
    assert stage.asked()[-3:] == ["TransactWriteItems", "SendMessage", "UpdateItem"]
    assert stage.letters() == [["RetriesExhausted", 3, BROKEN.error]]
    run = stage.run(DUE)
    assert (run["status"], run["attempt"], run["limit"], run["reported"]) == ("dead", 3, 3, stage.now)
    assert stage.deliver(DUE).status == "duplicate"
    assert stage.letters() == []


def test_a_permanent_failure_is_dead_at_once(stage: Stage) -> None:
    stage.asked()
    outcome = stage.deliver(DUE, Failed("{}", permanent=True))
    assert (outcome.status, outcome.reason) == ("dead", "Permanent")
    assert stage.asked() == ["TransactWriteItems", "TransactWriteItems", "SendMessage", "UpdateItem"]


def test_an_overlap_is_skipped_and_recorded_with_the_running_holder_and_occurrence(stage: Stage) -> None:
    first = stage.delivery(DUE).until("Work")
    stage.asked()
    other = occurrence(NOON - MINUTE)
    outcome = stage.deliver(other)
    assert (outcome.status, outcome.reason) == ("skipped", "overlap")
    assert stage.asked() == ["TransactWriteItems", "UpdateItem"]
    assert stage.run(other)["by"] == stage.lease()["holder"]
    assert stage.run(other)["met"] == DUE.id
    assert stage.run(other)["due"] == NOON - MINUTE
    assert stage.deliver(other).status == "duplicate"
    assert stage.asked() == ["TransactWriteItems"]
    assert first.finish().status == "succeeded"


def test_a_started_occurrence_is_never_skipped(stage: Stage) -> None:
    other = occurrence(NOON - MINUTE)
    stage.deliver(other, BROKEN)
    again = stage.carrier()
    first = stage.delivery(DUE).until("Work")
    deferred = stage.deliver(again)
    assert (deferred.status, deferred.reason) == ("deferred", "held")
    first.finish()
    outcome = stage.deliver(stage.carrier())
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)


def test_overlap_allow_takes_two_writes_and_no_lease(stage: Stage) -> None:
    first = stage.delivery(DUE, overlap="allow").until("Work")
    other = occurrence(NOON - MINUTE)
    stage.asked()
    assert stage.deliver(other, overlap="allow").status == "succeeded"
    assert stage.asked() == ["GetItem", "UpdateItem", "UpdateItem"]
    assert first.finish().status == "succeeded"
    assert stage.lease() == {}
    stage.asked()
    assert stage.deliver(DUE, overlap="allow").status == "duplicate"
    assert stage.asked() == ["GetItem", "UpdateItem"]


def test_overlap_allow_retries_dies_and_is_redriven(stage: Stage) -> None:
    stage.deliver(DUE, BROKEN, overlap="allow")
    for _ in range(2):
        outcome = stage.deliver(stage.carrier(), BROKEN, overlap="allow")
    assert (outcome.status, outcome.attempt) == ("dead", 3)
    redriven = stage.deliver(by_operator(redrive=3), overlap="allow")
    assert (redriven.status, redriven.attempt) == ("succeeded", 4)
    assert stage.run(DUE)["limit"] == 6
    assert "reported" not in stage.run(DUE)


def test_only_a_first_start_that_is_too_late_is_missed(stage: Stage) -> None:
    late = occurrence(NOON - 2 * HOUR)
    outcome = stage.deliver(late)
    assert (outcome.status, outcome.reason) == ("missed", "too_late")
    assert stage.asked() == ["GetItem", "UpdateItem", "SendMessage", "UpdateItem"], "the time, the miss, its letter"
    assert stage.run(late)["status"] == "missed"
    assert [letter[:2] for letter in stage.letters()] == [["Missed", 0]]

    stage.deliver(DUE, BROKEN)
    stage.now += 2 * HOUR
    assert stage.deliver(DUE).status == "succeeded", "a retry is never too late"
    assert stage.deliver(DUE).status == "duplicate"


def test_an_operators_event_has_no_start_deadline_but_the_horizon(stage: Stage) -> None:
    assert stage.deliver(by_operator(NOON - 100 * HOUR, "backfill")).status == "succeeded"
    with pytest.raises(EventError, match="older than 16 days") as refused:
        stage.deliver(by_operator(NOON - 400 * HOUR, "backfill"))
    assert refused.value.reason == "TooOld"
    old = by_operator(NOON - 400 * HOUR, "backfill", generation=2)
    assert stage.deliver(old).status == "succeeded"
    assert stage.run(old)["sk"].endswith("~2")


def test_an_open_run_is_never_too_old(stage: Stage) -> None:
    stage.deliver(DUE, BROKEN)
    stage.now += 17 * 86_400_000
    outcome = stage.deliver(stage.carrier())
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)
    assert stage.deliver(DUE).status == "duplicate", "a final run in the ledger is not too old either"


def test_a_redrive_adds_the_same_number_of_attempts(stage: Stage) -> None:
    stage.deliver(DUE, BROKEN)
    for _ in range(2):
        stage.deliver(stage.carrier(), BROKEN)
    stage.asked()
    redriven = by_operator(redrive=3)
    first = stage.delivery(redriven).until("Work")
    run = stage.run(DUE)
    assert not {"reported", "ended", "reason"} & set(run), "attributes of its death are left"
    assert {"listed", "event"} <= set(run), "operators need these if this attempt is killed, too"
    assert run["ttl"] == stage.now // 1000 + 400 * 86400
    assert first.finish(BROKEN).status == "retrying"
    assert stage.asked() == ["TransactWriteItems"] * 3 + ["CreateSchedule"]
    assert stage.run(DUE)["limit"] == 6
    assert stage.run(DUE)["after"] - stage.now <= 66_000, "its pauses do not start again at a minute"
    assert [stage.deliver(stage.carrier(), BROKEN).status for _ in range(2)] == ["retrying", "dead"]
    assert [letter[1] for letter in stage.letters()] == [3, 6]
    assert stage.deliver(redriven).status == "duplicate", "it redrives the third death, not the sixth"


def test_the_same_occurrence_with_another_input_is_refused(stage: Stage) -> None:
    stage.deliver(DUE)
    other = occurrence(input={"day": "other"})
    for overlap in ("skip", "allow"):
        with pytest.raises(EventError) as refused:
            stage.deliver(other, overlap=overlap)
        assert refused.value.reason == "PayloadMismatch"
    failed = occurrence(NOON - MINUTE)
    stage.deliver(failed, BROKEN, overlap="allow")
    stage.now += 1_000  # otherwise the fence alone would refuse it
    with pytest.raises(EventError):
        stage.deliver(occurrence(NOON - MINUTE, input={"day": "other"}), overlap="allow")
    assert stage.run(failed)["attempt"] == 1


def test_a_clock_years_ahead_costs_one_request(stage: Stage) -> None:
    stage.change("lease", fence=NOON * 2, v=1)
    stage.asked()
    assert stage.deliver(DUE).fence == NOON * 2 + 1
    assert stage.asked() == ["TransactWriteItems"] * 3


@pytest.mark.parametrize("overlap", ["skip", "allow"])
@pytest.mark.parametrize(
    "fault",
    [lost_answer, error("ThrottlingException"), error("InternalServerError", 500), error("Odd", 503), conflict],
    ids=["lost", "throttled", "broken", "unavailable", "conflict"],
)
def test_each_request_is_repeated_after_a_passing_fault(stage: Stage, overlap: str, fault: object) -> None:
    for number in range(4):
        of = occurrence(NOON - number * 1000)
        delivery = stage.delivery(of, overlap=overlap, limit=1)
        for _ in range(number):  # reach the request that gets the fault: claim, settle, letter, "reported"
            delivery.step(BROKEN)
            while delivery.turn is not None and delivery.turn.name in ("Sleep", "Work"):
                delivery.step(BROKEN)
        assert delivery.turn is not None
        stage.fail(delivery.turn.name, fault)  # type: ignore[arg-type]
        outcome = delivery.finish(BROKEN)
        assert (outcome.status, outcome.attempt, delivery.worked) == ("dead", 1, 1)
        assert stage.run(of)["attempt"] == 1
        assert not stage.faults
    ids = [letter[:2] for letter in stage.letters()]
    copies = 5 if fault is lost_answer else 4  # after a lost answer the letter is sent again
    assert ids == [["RetriesExhausted", 1]] * copies


def test_an_own_skip_whose_answer_was_lost_is_recognised(stage: Stage) -> None:
    stage.delivery(DUE).until("Work")
    stage.fail("UpdateItem", lost_answer)
    assert stage.deliver(occurrence(NOON - MINUTE)).status == "skipped"


def test_while_the_ledger_is_down_no_handler_runs(stage: Stage) -> None:
    stage.fail("TransactWriteItems", *[error("InternalServerError", 500)] * 1000)
    delivery = stage.delivery(DUE)
    outcome = delivery.finish()
    assert (outcome.status, outcome.reason) == ("deferred", "outage")
    assert outcome.note.startswith("TransactWriteItems on the table ledger failed: InternalServerError")
    assert delivery.worked == 0
    assert stage.now < delivery.ends
    stage.faults.clear()
    again = stage.carrier()
    assert stage.now - NOON >= 60_000
    assert stage.deliver(again).status == "succeeded"


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_fault_that_is_not_temporary_is_raised_at_once(stage: Stage, code: str) -> None:
    stage.fail("TransactWriteItems", error(code))
    stage.asked()
    with pytest.raises(Unavailable, match=r"(?s)table ledger.*(role must allow TransactWriteItems|Deploy the stack)"):
        stage.deliver(DUE)
    assert stage.asked() == ["TransactWriteItems"]


def test_items_of_a_newer_version_are_not_changed(stage: Stage) -> None:
    stage.change("lease", fence=1, v=2)
    with pytest.raises(Unavailable, match="written by version 2"):
        stage.deliver(DUE)
    stage.change("lease", fence=1, v=1)
    stage.change(f"run#{DUE.id}", status="unknown", v=2)
    for overlap in ("skip", "allow"):
        with pytest.raises(Unavailable, match="written by version 2"):
            stage.deliver(DUE, overlap=overlap)
    assert stage.lease()["fence"] == 1


def test_a_short_job_has_time_to_run_and_no_time_to_wait(stage: Stage) -> None:
    assert stage.deliver(DUE, seconds=1).status == "succeeded"
    stage.delivery(occurrence(NOON - MINUTE), seconds=3).until("Work")
    assert stage.deliver(occurrence(NOON - MINUTE), seconds=3).status == "deferred"
