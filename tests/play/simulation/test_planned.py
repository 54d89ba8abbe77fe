"""Plans in a simulation: they run at their time, and trace, ledger and report show their keys."""

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


def test_trace_ledger_and_report_show_plans_by_their_keys(assembly: Assembly, tmp_path: Path) -> None:
    def prepare(cloud: VirtualCloud) -> None:
        planner = once(cloud)
        for number in range(3):
            planner.schedule("planned", key=f"order-{number}", after=(number + 1) * HOUR, input={"order": number})
        planner.schedule("planned", key="later", after=30 * HOUR)
        planner.cancel("planned", "order-1")

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


def test_an_event_of_a_moved_plan_has_the_outcome_overtaken(cloud: VirtualCloud) -> None:
    planner = once(cloud)
    planner.schedule("planned", key="order-1", after=HOUR, input={"order": 1})
    scheduler = cloud.client("scheduler")
    (listed,) = scheduler.list_schedules(GroupName="small-once")["Schedules"]
    old = scheduler.get_schedule(GroupName="small-once", Name=listed["Name"])
    planner.move("planned", "order-1", after=2 * HOUR)
    members = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "ActionAfterCompletion", "Target")
    scheduler.create_schedule(**{name: old[name] for name in members})  # as left by a crash
    cloud.advance(3 * HOUR)
    attempts = [event for event in cloud.events if event["event"] == "attempt" and event["job"] == "planned"]
    assert [(event["outcome"], event["key"]) for event in attempts] == [
        ("overtaken", "order-1"),
        ("succeeded", "order-1"),
        ("duplicate", "order-1"),  # by the carrier that the overtaken event has created for the plan
    ]
    assert scheduler.list_schedules(GroupName="small-once")["Schedules"] == []


def test_the_report_has_a_severity_for_every_outcome() -> None:
    assert SEVERITY.keys() == set(OUTCOMES)
