"""Tests as users write them. They are copied into a project of ``cronstack new``, and run there by another pytest."""

from __future__ import annotations

import os
import random
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import boto3
import pytest
from moto.core.botocore_stubber import BotocoreStubber

from cronstack.errors import EventError, OperationError


def test_a_crash_costs_no_night(cloud):
    cloud.faults.crash("nightly", on_attempt=1)
    cloud.advance(days=7)
    assert [(run.status, run.attempt) for run in cloud.runs("nightly")] == [("succeeded", 2)] * 7


def test_a_paused_job_passes_nights_over_and_does_not_catch_up(cloud):
    cloud.advance(days=1)
    pause = cloud.pause("nightly", reason="wrong totals")
    assert (pause.at, pause.reason) == (cloud.now, "wrong totals")
    cloud.advance(days=3)
    over = cloud.resume("nightly")
    cloud.advance(days=1)
    assert [(run.status, run.reason) for run in cloud.runs("nightly")] == [
        ("succeeded", ""),
        *[("skipped", "paused")] * 3,
        ("succeeded", ""),
    ]
    assert (len(over.occurrences), over.unrecorded, over.keys) == (3, (), ())


def test_a_paused_retry_continues_after_the_resume(cloud):
    cloud.faults.crash("nightly", on_attempt=1)
    cloud.advance(hours=2)
    cloud.pause("nightly")
    cloud.advance(days=1)
    assert {run.status for run in cloud.runs("nightly")} <= {"running", "skipped", "succeeded"}
    cloud.resume("nightly")
    cloud.advance(hours=1)
    assert "running" not in {run.status for run in cloud.runs("nightly")}


def test_the_night_in_which_the_clocks_skip_the_time(cloud):
    cloud.at("2027-03-28T00:00", "Europe/Berlin")
    cloud.advance(hours=24)
    assert cloud.runs("nightly") == []


def test_the_night_in_which_the_clocks_repeat_the_time(cloud):
    cloud.at("2027-10-31T00:00", "Europe/Berlin")
    cloud.advance(hours=24)
    assert [f"{run.due:%H:%M}" for run in cloud.runs("nightly")] == ["00:30"]


def test_a_skipped_local_time_is_the_instant_of_the_clock_change(cloud):
    assert cloud.at("2027-03-28T02:30", "Europe/Berlin") == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert cloud.at("2027-03-28T05:30") == datetime(2027, 3, 28, 5, 30, tzinfo=UTC) == cloud.now
    assert cloud.at("2027-03-29") == datetime(2027, 3, 29, tzinfo=UTC)


def test_a_repeated_local_time_needs_its_offset(cloud):
    with pytest.raises(OperationError, match=r"comes twice in Europe/Berlin(?s:.*)\+02:00 or .*\+01:00"):
        cloud.at("2027-10-31T02:30", "Europe/Berlin")
    assert cloud.at("2027-10-31T02:30+01:00") == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)


def test_time_advances_to_an_instant_of_a_zone_at_its_clock_changes(cloud):
    berlin = ZoneInfo("Europe/Berlin")
    cloud.at("2027-03-28T00:00")
    cloud.advance(until=datetime(2027, 3, 28, 2, 30, tzinfo=berlin))
    assert cloud.now == datetime(2027, 3, 28, 1, tzinfo=UTC)
    cloud.at("2027-10-31T00:00")
    cloud.advance(until=datetime(2027, 10, 31, 2, tzinfo=berlin, fold=1))
    assert cloud.now == datetime(2027, 10, 31, 1, tzinfo=UTC)
    assert len(cloud.runs("nightly")) == 1
    with pytest.raises(OperationError, match="has no time zone"):
        cloud.advance(until=datetime(2027, 11, 1))


@pytest.mark.parametrize("again", range(4))
def test_each_test_has_its_own_state(cloud, again):
    assert cloud.runs("nightly") == []
    assert cloud.events == []
    row = cloud.fire("nightly", input={"again": again})
    assert (row.status, row.attempt, row.due) == ("succeeded", 1, datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC))
    cloud.client("s3").create_bucket(Bucket=f"left-by-{again}")
    assert [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"] if "left" in bucket["Name"]] == [
        f"left-by-{again}"
    ]
    cloud.faults.raises("nightly", on_attempt=1)


@pytest.mark.parametrize("again", range(2))
@pytest.mark.parametrize("by", ["ada", "bob"])
def test_each_test_commits_to_its_own_tables(cloud, by, again):
    """The tests use the same seed and so the same request tokens. Their transactions must not count as repetitions."""
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="bookings",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    run = cloud.fire("booking", input={"table": "bookings", "by": by})
    assert (run.status, run.attempt) == ("succeeded", 1)
    assert [item["by"]["S"] for item in dynamodb.scan(TableName="bookings")["Items"]] == [by]


def test_the_end_of_a_span_is_exclusive(cloud):
    cloud.at("2026-05-01T00:30", "UTC")
    assert cloud.runs("nightly") == []
    cloud.advance(days=1)
    assert len(cloud.runs("nightly")) == 1
    assert cloud.now == datetime(2026, 5, 2, 0, 30, tzinfo=UTC)
    cloud.advance(until=datetime(2026, 5, 2, 0, 31, tzinfo=UTC))
    assert len(cloud.runs("nightly")) == 2


@pytest.fixture
def bookings(cloud):
    cloud.client("dynamodb").create_table(
        TableName="bookings",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return lambda: len(cloud.client("dynamodb").scan(TableName="bookings")["Items"])


@pytest.mark.parametrize(
    ("when", "attempt"), [("before work", 2), ("before commit", 2), ("after commit", 1), ("after work", 1)]
)
@pytest.mark.parametrize("kind", ["crash", "raises"])
def test_a_fault_occurs_where_it_is_planned(cloud, bookings, kind, when, attempt):
    getattr(cloud.faults, kind)("booking", on_attempt=1, when=when)
    run = cloud.fire("booking", input={"table": "bookings", "by": "ada"})
    cloud.advance(hours=1)
    assert (run.status, run.attempt, bookings()) == ("succeeded", attempt, 1)
    if kind == "crash":
        assert re.search(rf"attempt 1  crashed after 0\.\d+ s: killed {when}", cloud.timeline())
    elif attempt == 2:
        assert f"RuntimeError: planned for attempt 1 of booking, {when}" in cloud.timeline()


def test_a_fault_at_a_missing_commit_fails_the_test(cloud):
    cloud.faults.crash("fragile", when="before commit")
    with pytest.raises(OperationError, match=r"'before commit' cannot occur: attempt 1 of fragile made no run\.commit"):
        cloud.fire("fragile")
    with pytest.raises(OperationError, match="when='later' is not a place of a fault"):
        cloud.faults.crash("fragile", when="later")


def test_the_first_run_does_not_overlap_a_rate(cloud):
    assert cloud.fire("daily").status == "succeeded"


@pytest.mark.cronstack(start="2026-01-01")
def test_a_daily_rate_fires_seven_times_in_seven_days(cloud):
    cloud.advance(days=7)
    assert [f"{run.due:%d %H:%M:%S}" for run in cloud.runs("daily")][::6] == ["01 23:59:30", "07 23:59:30"]
    cloud.at("2026-02-01")
    assert cloud.fire("daily").status == "succeeded"


@pytest.mark.cronstack(clock_reads=1000)
def test_an_endless_loop_fails_the_test(cloud):
    with pytest.raises(
        OperationError, match=r"functions/jobs/three\.py:\d+: this loop reads the clock and never waits"
    ):
        cloud.fire("polling")


def test_a_run_without_attempts_left_is_a_dead_letter(cloud):
    cloud.faults.raises("fragile", on_attempt=1)
    assert cloud.fire("fragile").status == "dead"
    (letter,) = cloud.dead_letters()
    assert (letter.job, letter.error) == ("fragile", "RuntimeError: planned for attempt 1 of fragile")
    assert cloud.dead_letters("nightly") == []
    assert len(cloud.dead_letters("fragile")) == 1


def test_a_dead_run_has_its_letter_at_once(cloud):
    assert cloud.fire("hopeless").status == "dead"
    assert [(letter.job, letter.reason) for letter in cloud.dead_letters()] == [("hopeless", "Permanent")]
    assert "hopeless" in cloud.timeline().partition("attempt 1  dead")[0]


def test_fire_waits_for_the_letter_of_a_run_that_is_killed_each_time(cloud):
    run = cloud.fire("endless")
    assert (run.status, run.limit) == ("dead", 3)
    assert [row["attempt"] for row in cloud.events if row["event"] == "attempt"] == [1, 2, 3, 0]
    assert [letter.contents.reason for letter in cloud.dead_letters("endless")] == ["RetriesExhausted"]
    assert cloud.now < datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def test_an_old_letter_can_be_read_repeatedly(cloud):
    cloud.faults.raises("fragile", on_attempt=1)
    cloud.fire("fragile")
    cloud.advance(days=2)
    assert (len(cloud.dead_letters("nightly")), len(cloud.dead_letters("fragile"))) == (0, 1)


def test_all_clocks_show_the_time_of_the_cloud(cloud):
    started = time.monotonic()
    time.sleep(3600)
    assert time.monotonic() - started == 3600
    assert datetime.now(UTC) == cloud.now == datetime(2026, 1, 1, 1, 0, 30, tzinfo=UTC)
    (ran,) = [cloud.fire("clocked")]
    assert datetime.fromisoformat(ran.result["now"]) - ran.due < timedelta(seconds=1)
    assert ran.took == pytest.approx(90, abs=0.2)


def test_boto3_uses_the_cloud(cloud):
    assert boto3.client("cloudformation", "us-east-1").describe_stacks()["Stacks"][0]["StackName"] == "shop"
    assert cloud.outputs["Ledger"] in boto3.client("dynamodb", "us-east-1").list_tables()["TableNames"]
    names = ["booking", "clocked", "daily", "endless", "fragile", "hopeless", "nightly", "polling", "reminding"]
    assert cloud.jobs == names


@pytest.mark.cronstack(start="2013-01-01")
class TestMarked:
    def test_the_marker_sets_the_start_of_the_clock(self, cloud):
        assert cloud.now == datetime(2013, 1, 1, tzinfo=UTC)

    @pytest.mark.cronstack(start="2014-01-01T12:00+02:00")
    def test_the_nearest_marker_takes_precedence(self, cloud):
        assert cloud.now == datetime(2014, 1, 1, 10, tzinfo=UTC)


def test_code_schedules_it_once(cloud):
    plan = cloud.once.schedule("reminding", key="order-1", after=timedelta(days=3), input={"order": 1})
    assert cloud.at("2026-01-04T00:00:30") == plan.at
    assert [run.status for run in cloud.runs("reminding")] == ["planned"]
    cloud.advance(minutes=2)
    (run,) = cloud.runs("reminding")
    assert (run.status, run.key, run.result) == ("succeeded", "order-1", {"order": 1})
    assert cloud.once.cancel("reminding", "order-1").outcome == "too late"
    assert "reminding  order-1  attempt 1  succeeded" in cloud.timeline()


def test_a_jump_does_not_skip_a_plan(cloud):
    for key in ("order-2", "order-1"):
        cloud.once.schedule("reminding", key=key, after=timedelta(days=3))
    cloud.once.move("reminding", "order-1", after=timedelta(days=2))
    with pytest.raises(OperationError, match=r"reminding: 'order-1' is planned, due 2026-01-03(?s:.*)'order-2'"):
        cloud.at("2026-01-04T00:01")
    cloud.advance(days=2, minutes=2)
    cloud.once.cancel("reminding", "order-2")
    cloud.at("2027-01-01")
    assert {run.key: run.status for run in cloud.runs("reminding")} == {"order-1": "succeeded", "order-2": "cancelled"}


def test_invalid_arguments_are_reported(cloud):
    with pytest.raises(OperationError, match=r"no job 'nigthly'(?s:.*)Did you mean nightly"):
        cloud.runs("nigthly")
    with pytest.raises(OperationError, match="is in the past"):
        cloud.at("2020-01-01T00:00")
    with pytest.raises(OperationError, match="time cannot go back"):
        cloud.advance(hours=-1)
    for plan in (cloud.faults.crash, cloud.faults.raises):
        with pytest.raises(OperationError, match=r"no job 'nigthly'"):
            plan("nigthly", on_attempt=1)
        with pytest.raises(OperationError, match="no attempt 0"):
            plan("nightly", on_attempt=0)
    with pytest.raises(EventError, match="the input is an int, not a JSON object"):
        cloud.fire("nightly", input=5)
    with pytest.raises(OperationError, match="advance"):
        cloud.advance()


def test_the_process_is_unchanged_without_the_cloud():
    """This test may run at any position among the others."""
    assert abs(time.time() - os.stat("/proc/self").st_ctime) < 3600
    assert time.sleep.__module__ == "time"
    assert uuid.uuid4() != uuid.uuid4()
    assert random.random() != random.random()
    assert "CRONSTACK_LEDGER" not in os.environ
    assert vars(BotocoreStubber)["__call__"].__module__ == "moto.core.botocore_stubber"
