"""Early events, outages of the ledger, handlers that are killed each time: nothing is lost, nothing starts early."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest

from cronstack.defaults import DEFAULTS
from cronstack.occurrence import print_time, to_milliseconds
from cronstack_infra.play.simulation import looking
from cronstack_infra.play.simulation.cloud.outage import outage_of
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.switches.parsing import read
from tests.play.simulation.conftest import START
from tests.play.simulation.test_cloud import attempts, runs
from tests.play.simulation.test_planned import once

MARGIN = timedelta(seconds=DEFAULTS.skew_margin)
HOUR = timedelta(hours=1)
DUE = START + 3 * HOUR
RETRIES = 3
"""Retries of the job ``flaky``."""
SKEWED_SEEDS = (3, 5, 16, 21)
"""Seeds with two sandboxes whose clocks differ so much that one sees the other's lease as expired."""


def deliveries(cloud: VirtualCloud, job: str) -> list[tuple[str, str]]:
    """Return outcome and reason of each delivery."""
    return [(row["outcome"], row["reason"]) for row in attempts(cloud, job)]


def letters(cloud: VirtualCloud, job: str) -> Counter[str]:
    """Return the number of a job's dead letters, by condition."""
    contents = [letter["letter"] for letter in looking.letters(cloud)]
    return Counter(each["requestContext"]["condition"] for each in contents if each["requestPayload"]["job"] == job)


def fire_earlier(cloud: VirtualCloud, by: timedelta) -> None:
    """Edit the schedule of the only plan by hand, as in the console."""
    scheduler = cloud.client("scheduler")
    (listed,) = scheduler.list_schedules(GroupName="small-once")["Schedules"]
    schedule = scheduler.get_schedule(Name=listed["Name"], GroupName="small-once")
    members = (
        "Name",
        "GroupName",
        "FlexibleTimeWindow",
        "Target",
        "ActionAfterCompletion",
        "ScheduleExpressionTimezone",
    )
    expression = f"at({DUE - by:%Y-%m-%dT%H:%M:%S})"
    scheduler.update_schedule(**{name: schedule[name] for name in members}, ScheduleExpression=expression)


@pytest.mark.parametrize(
    ("early", "first"),
    [
        (timedelta(seconds=2), []),
        (timedelta(seconds=5), []),
        (timedelta(seconds=30), [("deferred", "early")]),
        (HOUR, [("deferred", "early")]),
    ],
    ids=str,
)
def test_a4_an_event_that_comes_early_runs_at_its_time_once(
    cloud: VirtualCloud, early: timedelta, first: list[tuple[str, str]]
) -> None:
    """The guard waits a few seconds. An earlier event is brought back by a carrier."""
    once(cloud).schedule("planned", key="order-1", at=DUE, input={"order": 1})
    fire_earlier(cloud, early)
    cloud.advance(6 * HOUR)
    assert deliveries(cloud, "planned") == [*first, ("succeeded", "")]
    (run,) = runs(cloud, "planned")
    assert run.started is not None
    assert -MARGIN <= run.started - DUE < timedelta(minutes=1)
    assert attempts(cloud, "planned")[0]["began"].startswith(f"{DUE - early:%Y-%m-%dT%H:%M:%S}")


def test_a4_an_early_event_of_a_schedule_runs_at_its_time_once(cloud: VirtualCloud) -> None:
    """The schedule's own firing comes at the same time and finds the run under way."""
    event = {"cronstack": 1, "job": "flaky", "scheduled": print_time(to_milliseconds(START + 6 * HOUR)), "input": {}}
    cloud.client("lambda").invoke(
        FunctionName="small-flaky", InvocationType="Event", Payload=json.dumps(event).encode()
    )
    cloud.advance(5 * HOUR)
    assert deliveries(cloud, "flaky") == [("deferred", "early")]
    cloud.advance(2 * HOUR)
    ran = [row for row in attempts(cloud, "flaky") if row["attempt"]]
    assert [row["attempt"] for row in ran] == [1, 2, 3], "it fails twice, and is not run a second time"
    assert datetime.fromisoformat(ran[0]["began"]) >= START + 6 * HOUR


def test_a11_2_occurrences_due_while_dynamodb_is_down_run_afterwards_or_have_a_letter(cloud: VirtualCloud) -> None:
    """DynamoDB is down for two hours. ``planned`` may start a day late, ``slow`` an hour."""
    switches = read(["dynamodb-down=7200"], seed=5)
    begin, end = outage_of(switches, START)
    planner = once(cloud)
    dues = [begin + timedelta(minutes=minute, seconds=30) for minute in range(0, 120, 5)]
    for number, due in enumerate(dues):
        planner.schedule("planned", key=f"order-{number}", at=due, input={"order": number})
        planner.schedule("slow", key=f"order-{number}", at=due, input={"seconds": 1})
    cloud.play(switches)
    cloud.advance(end + 2 * HOUR)
    assert Counter(run.status for run in runs(cloud, "planned")) == {"succeeded": len(dues)}
    ended = Counter(run.status for run in runs(cloud, "slow"))
    assert ended == {"succeeded": ended["succeeded"], "missed": ended["missed"]}
    assert ended.total() == len(dues)
    assert min(ended.values()) > 5
    assert (letters(cloud, "planned"), letters(cloud, "slow")) == ({}, {"Missed": ended["missed"]})
    assert all(run.started is None or run.started - run.due <= HOUR for run in runs(cloud, "slow"))
    assert {(row["outcome"], row["reason"]) for row in attempts(cloud, "planned")} == {
        ("deferred", "outage"),
        ("succeeded", ""),
    }


def test_a11_1_a_handler_that_is_killed_each_time_has_all_its_retries_and_then_one_letter(cloud: VirtualCloud) -> None:
    """Lambda delivers an event three times. The fourth attempt comes by a carrier."""
    for attempt in range(1, RETRIES + 4):
        cloud.faults.crash("flaky", on_attempt=attempt, when="before work")
    cloud.advance(START + 12 * HOUR)
    worked = [row for row in attempts(cloud, "flaky") if row["attempt"]]
    assert [(row["attempt"], row["outcome"]) for row in worked] == [(n, "crashed") for n in range(1, RETRIES + 2)]
    (run,) = runs(cloud, "flaky")
    assert (run.status, run.limit) == ("dead", RETRIES + 1)
    assert letters(cloud, "flaky") == {"RetriesExhausted": 1}


@pytest.mark.parametrize("seed", SKEWED_SEEDS)
def test_a7_a_sandbox_whose_clock_is_ahead_does_not_take_a_valid_lease(cloud: VirtualCloud, seed: int) -> None:
    """Each event comes twice. The clock of the second sandbox may be nine minutes ahead of the first one's."""
    once(cloud).schedule("slow", key="order-1", at=START + timedelta(minutes=2), input={"seconds": 800})
    cloud.play(read(["clock-skew=290", "duplicates=1"], seed=seed))
    cloud.advance(HOUR)
    rows = attempts(cloud, "slow")
    assert [row["attempt"] for row in rows if row["attempt"]] == [1]
