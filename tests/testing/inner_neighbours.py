"""Tests as users write them in a project with busy jobs. They are copied there, and run by another pytest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronstack.errors import OperationError

ONLY_NIGHTLY = pytest.mark.cronstack(only=["nightly"])


def jobs_that_ran(cloud):
    return {event["job"] for event in cloud.events if event["event"] == "attempt"}


# which schedules fire


@ONLY_NIGHTLY
@pytest.mark.parametrize("again", range(2))
def test_only_the_chosen_schedules_fire(cloud, again):
    cloud.advance(days=2)
    assert jobs_that_ran(cloud) == {"nightly"}
    assert [run.status for run in cloud.runs("nightly")] == ["succeeded"] * 2


def test_without_only_all_schedules_fire(cloud):
    cloud.advance(minutes=12)
    assert jobs_that_ran(cloud) == {"digest", "flaky"}


@ONLY_NIGHTLY
def test_a_job_outside_only_is_deployed_and_can_be_fired(cloud):
    assert cloud.fire("flaky", input={"well": True}).status == "succeeded"
    assert jobs_that_ran(cloud) == {"flaky"}
    assert "digest" in cloud.jobs


@ONLY_NIGHTLY
def test_a_jump_does_not_enable_the_other_schedules(cloud):
    cloud.at("2027-03-01T00:00")
    cloud.advance(hours=3)
    assert jobs_that_ran(cloud) == {"nightly"}


@pytest.mark.cronstack(only=["nightly"])
class TestNearest:
    @pytest.mark.cronstack(only=["flaky"])
    def test_the_nearest_marker_takes_precedence(self, cloud):
        cloud.advance(hours=2)
        assert jobs_that_ran(cloud) == {"flaky"}


@pytest.mark.cronstack(only=[])
def test_no_schedule_fires_with_an_empty_only(cloud):
    cloud.advance(days=2)
    assert jobs_that_ran(cloud) == set()


# the timeline


@ONLY_NIGHTLY
def test_the_timeline_has_the_jobs_of_only_and_of_calls(cloud):
    cloud.client("lambda").invoke(FunctionName="office-digest", Payload=b"{}")
    cloud.advance(days=1)
    cloud.fire("flaky")
    timeline, _, jobs = cloud.timeline().partition("\n\n")
    assert [line.split()[2] for line in timeline.splitlines()[1:]] == ["nightly", "flaky"]
    assert [line.split(": ")[1] for line in jobs.splitlines()[:2]] == ["flaky", "nightly"]
    assert "importing: did not run" in jobs


@pytest.mark.cronstack(start="2026-01-01T01:10:30")
def test_jobs_that_the_test_does_not_use_have_one_line_each(cloud):
    cloud.advance(minutes=25)
    assert cloud.runs("nightly")
    timeline, _, jobs = cloud.timeline().partition("\n\n")
    assert "nightly" in timeline
    assert "digest" not in timeline
    first, *others = jobs.splitlines()
    assert first.endswith("nightly: 1 succeeded")
    (flaky,) = [line for line in others if ": flaky:" in line]
    assert flaky.endswith("KeyError: 'rate'")
    (digest,) = [line for line in others if ": digest:" in line]
    assert "succeeded" in digest
    assert '@pytest.mark.cronstack(only=["nightly"])' in jobs


# what holds the clock


def test_a_jump_reports_waiting_carriers(cloud):
    cloud.advance(minutes=5)
    with pytest.raises(
        OperationError, match=r"digest: t-2026-01-01T00:0\d:00Z waits for its carrier, due 2026-01-01"
    ) as held:
        cloud.at("2026-02-01")
    assert "nightly" not in held.value.args[0]
    assert "only=[" in held.value.remedy


@pytest.mark.cronstack(only=["digest"])
def test_a_jump_reports_an_active_run(cloud):
    cloud.advance(minutes=1)
    with pytest.raises(OperationError, match="digest: t-2026-01-01T00:01:00Z has run since 2026-01-01 00:01:00"):
        cloud.at("2026-02-01")


@ONLY_NIGHTLY
def test_a_jump_reports_an_event_that_lambda_retries(cloud):
    cloud.faults.crash("nightly", on_attempt=1)
    cloud.advance(until=datetime(2026, 1, 1, 1, 30, 5, tzinfo=UTC))
    with pytest.raises(
        OperationError, match="nightly: t-2026-01-01T01:30:00Z waits for Lambda's next attempt, due 2026-01-01 01:31"
    ):
        cloud.at("2026-02-01")


@ONLY_NIGHTLY
def test_a_jump_reports_only_plans_before_its_end(cloud):
    cloud.once.schedule("reminding", key="order-1", after=timedelta(days=3))
    cloud.once.schedule("reminding", key="order-2", after=timedelta(days=9))
    with pytest.raises(OperationError, match="reminding: 'order-1' is planned, due 2026-01-04 00:00:30") as held:
        cloud.at("2026-01-05")
    assert "order-2" not in str(held.value)
    cloud.at("2026-01-03")


@ONLY_NIGHTLY
def test_the_error_names_the_call_that_moved_the_clock(cloud):
    cloud.faults.crash("nightly", on_attempt=1)
    cloud.fire("nightly")
    with pytest.raises(OperationError, match=r"fire\('nightly'\) let time pass from 2026-01-01 00:00:30 to"):
        cloud.advance(until=datetime(2026, 1, 1, 0, 1, tzinfo=UTC))


# operating


@ONLY_NIGHTLY
def test_a_dead_letter_is_redriven_once_its_cause_is_fixed(cloud):
    assert cloud.fire("importing", input={"bucket": "reports"}).status == "dead"
    (letter,) = cloud.dead_letters("importing")
    assert "NoSuchBucket" in letter.error
    cloud.client("s3").create_bucket(Bucket="reports")
    (redriven,) = cloud.redrive("importing")
    assert (redriven.accepted, redriven.status, redriven.letter.occurrence) == (True, "succeeded", letter.occurrence)
    assert cloud.dead_letters() == []
    (run,) = cloud.runs("importing")
    assert (run.occurrence, run.status) == (letter.occurrence, "succeeded")


@ONLY_NIGHTLY
def test_a_run_that_dies_again_leaves_a_new_letter(cloud):
    for bucket in ("sales", "costs"):
        cloud.fire("importing", input={"bucket": bucket})
    first, second = cloud.dead_letters()
    cloud.client("s3").create_bucket(Bucket="costs")
    assert [result.status for result in cloud.redrive(ids=[first.id])] == ["dead"]
    assert {letter.occurrence for letter in cloud.dead_letters()} == {first.occurrence, second.occurrence}
    assert {result.letter.occurrence: result.status for result in cloud.redrive()} == {
        first.occurrence: "dead",
        second.occurrence: "succeeded",
    }
    with pytest.raises(OperationError, match="no dead letter gone"):
        cloud.redrive(ids=["gone"])


@ONLY_NIGHTLY
def test_a_letter_of_a_run_that_is_killed_each_time_is_redriven(cloud):
    for attempt in (1, 2, 3):
        cloud.faults.crash("nightly", on_attempt=attempt)
    cloud.fire("nightly")
    cloud.advance(minutes=5)
    assert {letter.reason for letter in cloud.dead_letters("nightly")} == {"RetriesExhausted"}
    redriven = cloud.redrive("nightly")
    assert {(result.accepted, result.status) for result in redriven} == {(True, "succeeded")}
    for letter in cloud.redrive():  # the dead letter of the run that the first redrive repeated
        assert letter.detail == "nothing to do: it has succeeded already"
    assert cloud.dead_letters() == []
    assert [run.status for run in cloud.runs("nightly")] == ["succeeded"]


@pytest.mark.cronstack(only=["nightly"], start="2026-03-10")
def test_missed_nights_are_backfilled(cloud):
    filled = cloud.backfill("nightly", since="2026-03-05", until=datetime(2026, 3, 8, tzinfo=UTC))
    assert [(f"{run.due:%d %H:%M}", run.status) for run in filled] == [
        ("05 01:30", "succeeded"),
        ("06 01:30", "succeeded"),
        ("07 01:30", "succeeded"),
    ]
    assert cloud.backfill("nightly", since="2026-03-05", until="2026-03-08") == []
    again = cloud.backfill("nightly", since="2026-03-07", until="2026-03-08", kind="all")
    assert [run.status for run in again] == ["succeeded"]
    assert len(cloud.runs("nightly")) == 4


@pytest.mark.cronstack(only=["flaky"], start="2026-03-10")
def test_a_job_outside_only_can_be_backfilled(cloud):
    assert len(cloud.backfill("nightly", since="2026-03-05", until="2026-03-08")) == 3


@pytest.mark.cronstack(only=[], start="2026-03-10T12:00")
def test_the_occurrence_of_a_past_time_is_triggered(cloud):
    run = cloud.trigger("nightly", at="2026-03-10T01:30")
    assert (run.occurrence, run.status) == ("t-2026-03-10T01:30:00Z", "succeeded")
    with pytest.raises(OperationError, match="t-2026-03-10T01:30:00Z of nightly has succeeded already") as refused:
        cloud.trigger("nightly", at=datetime(2026, 3, 10, 1, 30, tzinfo=UTC))
    assert "cloud.backfill" in refused.value.remedy
    with pytest.raises(OperationError, match="is in the future"):
        cloud.trigger("nightly", at="2026-03-11T01:30")
    assert cloud.trigger("reminding", input={"order": 7}).result == {"order": 7}
