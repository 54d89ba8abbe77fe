"""Early events, outages of the ledger and handlers that are killed each time: nothing is lost, nothing early."""

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
from cronstack_infra.switches.reading import read
from tests.play.simulation.conftest import START
from tests.play.simulation.test_cloud import attempts, runs
from tests.play.simulation.test_planned import once

MARGIN = timedelta(seconds=DEFAULTS.skew_margin)
HOUR = timedelta(hours=1)
DUE = START + 3 * HOUR
RETRIES = 3
"""Of the job ``flaky``."""
APART = (3, 5, 16, 21)
"""Seeds by which the clocks of two sandboxes are so far apart that the one takes the lease of the other for past."""


def told(cloud: VirtualCloud, job: str) -> list[tuple[str, str]]:
    """Outcome and reason of each delivery."""
    return [(row["outcome"], row["reason"]) for row in attempts(cloud, job)]


def letters(cloud: VirtualCloud, job: str) -> Counter[str]:
    """Conditions of a job's dead letters."""
    found = [one["letter"] for one in looking.letters(cloud)]
    return Counter(one["requestContext"]["condition"] for one in found if one["requestPayload"]["job"] == job)


def fire_earlier(cloud: VirtualCloud, by: timedelta) -> None:
    """Edit the schedule of the only plan by hand, as the console lets one."""
    scheduler = cloud.client("scheduler")
    (listed,) = scheduler.list_schedules(GroupName="small-once")["Schedules"]
    got = scheduler.get_schedule(Name=listed["Name"], GroupName="small-once")
    kept = ("Name", "GroupName", "FlexibleTimeWindow", "Target", "ActionAfterCompletion", "ScheduleExpressionTimezone")
    expression = f"at({DUE - by:%Y-%m-%dT%H:%M:%S})"
    scheduler.update_schedule(**{name: got[name] for name in kept}, ScheduleExpression=expression)


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
    """Seconds are waited for. An event that comes earlier comes back by a carrier."""
    once(cloud).schedule("planned", key="order-1", at=DUE, input={"order": 1})
    fire_earlier(cloud, early)
    cloud.advance(6 * HOUR)
    assert told(cloud, "planned") == [*first, ("succeeded", "")]
    (run,) = runs(cloud, "planned")
    assert run.started is not None
    assert -MARGIN <= run.started - DUE < timedelta(minutes=1)
    assert attempts(cloud, "planned")[0]["began"].startswith(f"{DUE - early:%Y-%m-%dT%H:%M:%S}")


def test_a4_an_early_event_of_a_schedule_runs_at_its_time_once(cloud: VirtualCloud) -> None:
    """Its own firing comes at the same time, and finds that it runs."""
    event = {"cronstack": 1, "job": "flaky", "scheduled": print_time(to_milliseconds(START + 6 * HOUR)), "input": {}}
    cloud.client("lambda").invoke(
        FunctionName="small-flaky", InvocationType="Event", Payload=json.dumps(event).encode()
    )
    cloud.advance(5 * HOUR)
    assert told(cloud, "flaky") == [("deferred", "early")]
    cloud.advance(2 * HOUR)
    ran = [row for row in attempts(cloud, "flaky") if row["attempt"]]
    assert [row["attempt"] for row in ran] == [1, 2, 3], "it fails twice, and is not run again"
    assert datetime.fromisoformat(ran[0]["began"]) >= START + 6 * HOUR


def test_a11_2_what_is_due_while_dynamodb_is_down_runs_afterwards_or_has_a_letter(cloud: VirtualCloud) -> None:
    """Down for two hours: ``planned`` may start a day late, ``slow`` an hour."""
    switches = read(["dynamodb-down=7200"], seed=5)
    begin, end = outage_of(switches, START)
    code = once(cloud)
    dues = [begin + timedelta(minutes=minute, seconds=30) for minute in range(0, 120, 5)]
    for number, due in enumerate(dues):
        code.schedule("planned", key=f"order-{number}", at=due, input={"order": number})
        code.schedule("slow", key=f"order-{number}", at=due, input={"seconds": 1})
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


@pytest.mark.parametrize("seed", APART)
def test_a7_a_sandbox_whose_clock_is_ahead_takes_no_live_lease_over(cloud: VirtualCloud, seed: int) -> None:
    """Each event comes twice. The clock of the second sandbox may be nine minutes ahead of the first one's."""
    once(cloud).schedule("slow", key="order-1", at=START + timedelta(minutes=2), input={"seconds": 800})
    cloud.play(read(["clock-skew=290", "duplicates=1"], seed=seed))
    cloud.advance(HOUR)
    rows = attempts(cloud, "slow")
    assert [row["attempt"] for row in rows if row["attempt"]] == [1]
