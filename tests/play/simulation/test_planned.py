"""What code has scheduled, in a simulation: run at its time, in trace, ledger and report under its key."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from cronstack.ledger.rows import OUTCOMES
from cronstack.onetime.once import Once
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.play.report.pack import SEVERITY, pack
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.simulate import simulate
from tests.play.simulation.conftest import START

HOUR = timedelta(hours=1)


def once(cloud: VirtualCloud) -> Once:
    return once_of(cloud.client, find_deployment(cloud.client("cloudformation"), "small"))


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_trace_ledger_and_report_know_them_by_their_keys(assembly: Assembly, tmp_path: Path) -> None:
    def prepare(cloud: VirtualCloud) -> None:
        code = once(cloud)
        for number in range(3):
            code.schedule("planned", key=f"order-{number}", after=(number + 1) * HOUR, input={"order": number})
        code.schedule("planned", key="later", after=30 * HOUR)
        code.cancel("planned", "order-1")

    result = simulate(assembly, START, START + 24 * HOUR, only=["planned"], out=tmp_path, prepare=prepare)
    (row,) = result.rows
    assert (row.job, row.runs, row.succeeded, result.occurrences) == ("planned", 2, 2, 2)
    trace = rows(tmp_path / "trace.jsonl")
    attempts = [event for event in trace if event["event"] == "attempt"]
    assert [(event["key"], event["due"]) for event in attempts] == [
        ("order-0", "2027-03-01T01:00:00.000Z"),
        ("order-2", "2027-03-01T03:00:00.000Z"),
    ]
    states = Counter(item["status"] for item in rows(tmp_path / "ledger.jsonl") if "status" in item)
    assert states == {"succeeded": 2, "begun": 2, "cancelled": 1, "planned": 1}, "two runs and four plans"
    packed = pack(trace)
    assert packed is not None
    assert (packed["attempts"], [job["name"] for job in packed["jobs"]]) == (2, ["planned"])


def test_an_event_that_a_move_has_overtaken_is_an_outcome_of_its_own(cloud: VirtualCloud) -> None:
    code = once(cloud)
    code.schedule("planned", key="order-1", after=HOUR, input={"order": 1})
    scheduler = cloud.client("scheduler")
    (listed,) = scheduler.list_schedules(GroupName="small-once")["Schedules"]
    old = scheduler.get_schedule(GroupName="small-once", Name=listed["Name"])
    code.move("planned", "order-1", after=2 * HOUR)
    kept = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "ActionAfterCompletion", "Target")
    scheduler.create_schedule(**{word: old[word] for word in kept})  # as one that a crash has left
    cloud.advance(3 * HOUR)
    told = [event for event in cloud.events if event["event"] == "attempt" and event["job"] == "planned"]
    assert [(event["outcome"], event["key"]) for event in told] == [
        ("overtaken", "order-1"),
        ("succeeded", "order-1"),
        ("duplicate", "order-1"),  # by the carrier that the overtaken event has made for the plan
    ]
    assert scheduler.list_schedules(GroupName="small-once")["Schedules"] == []


def test_the_report_knows_every_outcome() -> None:
    assert SEVERITY.keys() == set(OUTCOMES)
