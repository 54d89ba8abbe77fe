"""A template synthesized today deploys at any time, and its bounds hold: created, updated and rolled back a year later.

AWS is as strict as possible: CreateSchedule and UpdateSchedule refuse a StartDate and an at() in the past.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.schedules import instants, schedules_of
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.looking import ledger_rows
from cronstack_infra.switches.settings import Switches
from tests.play.simulation.conftest import assembled, small_project

START = datetime(2027, 3, 1, 0, 0, 30, tzinfo=UTC)
STRICTEST = Switches(past_start="refused", past_at="refused")
JOBS = Path(__file__).parent / "bounded_jobs"
BOUNDED = ("beating", "ending", "launch", "starting")

Template = dict[str, Any]


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return assembled(small_project(tmp_path_factory.mktemp("bounded") / "small", JOBS))


@pytest.fixture(scope="module")
def played(bounded: Assembly) -> Iterator[tuple[VirtualCloud, list[dict[str, Any]]]]:
    """Play five days from 1 March 2027. Events of a flexible window contain the actual time."""
    events: list[dict[str, Any]] = []
    switches = replace(STRICTEST, scheduled_time="actual")
    with VirtualCloud(START, seed=3, emit=events.append, switches=switches) as cloud:
        cloud.deploy(bounded)
        cloud.advance(timedelta(days=5))
        yield cloud, events


@pytest.fixture
def next_year() -> Iterator[VirtualCloud]:
    with VirtualCloud(START + timedelta(days=370), switches=STRICTEST) as cloud:
        yield cloud


def schedules_in(template: Template) -> dict[str, Template]:
    return {
        key: each["Properties"]
        for key, each in template["Resources"].items()
        if each["Type"] == "AWS::Scheduler::Schedule"
    }


def changed(assembly: Assembly, change: Callable[[Template], None]) -> Assembly:
    template = json.loads(assembly.template)
    change(template)
    return replace(assembly, template=json.dumps(template))


def with_longer_ages(template: Template) -> None:
    for schedule in schedules_in(template).values():
        schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] += 600


def with_failing_resource(template: Template) -> None:
    """Change every schedule, then add a resource that fails, so that CloudFormation rolls all of them back."""
    with_longer_ages(template)
    bad = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "not a name"}}
    template["Resources"]["Bad"] = bad | {"DependsOn": sorted(schedules_in(template))}


def ages(cloud: VirtualCloud, stack: str) -> set[int]:
    scheduler = cloud.client("scheduler")
    listed = scheduler.list_schedules(GroupName=stack)["Schedules"]
    schedules = (scheduler.get_schedule(GroupName=stack, Name=each["Name"]) for each in listed)
    return {each["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] for each in schedules}


def runs_of(cloud: VirtualCloud) -> Counter[str]:
    """Return the number of runs in the ledger, by job."""
    return Counter(row["pk"].split("#")[1] for row in ledger_rows(cloud) if row["sk"].startswith("run#"))


def check_stack_operations(cloud: VirtualCloud, assembly: Assembly) -> None:
    """Create the stack under another name, update it, and let an update fail and roll back."""
    second = replace(assembly, stack="second", template=assembly.template.replace("small", "second"))
    cloud.deploy(second)
    before = ages(cloud, "second")
    cloud.deploy(changed(second, with_longer_ages))
    updated = ages(cloud, "second")
    assert updated == {age + 600 for age in before}
    cloudformation = cloud.client("cloudformation")
    body = changed(changed(second, with_longer_ages), with_failing_resource).template
    cloudformation.update_stack(
        StackName="second", TemplateBody=body, Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    )
    (described,) = cloudformation.describe_stacks(StackName="second")["Stacks"]
    assert described["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert ages(cloud, "second") == updated


def test_a2_a_past_start_does_not_stop_create_update_or_rollback(bounded: Assembly, next_year: VirtualCloud) -> None:
    """A template has no StartDate and no EndDate: AWS refuses past ones, also in the rollback of an update."""
    for schedule in schedules_in(json.loads(bounded.template)).values():
        assert not {"StartDate", "EndDate"} & set(schedule)
    check_stack_operations(next_year, bounded)


def test_a3_a_past_at_does_not_stop_create_update_or_rollback(bounded: Assembly, next_year: VirtualCloud) -> None:
    """A template has no at(): whether AWS accepts a past one is undocumented. It is deployed as a yearly cron."""
    expressions = [each["ScheduleExpression"] for each in schedules_in(json.loads(bounded.template)).values()]
    assert not [expression for expression in expressions if expression.startswith("at(")]
    assert "cron(30 11 2 3 ? *)" in expressions
    check_stack_operations(next_year, bounded)


@pytest.mark.parametrize(
    "dated", [{"StartDate": "2027-03-01T00:00:00.000Z"}, {"ScheduleExpression": "at(2027-03-02T11:30:00)"}]
)
def test_this_cloud_refuses_a_template_with_past_dates(
    bounded: Assembly, next_year: VirtualCloud, dated: dict[str, str]
) -> None:
    """Otherwise the two tests above would prove nothing."""

    def with_dates(template: Template) -> None:
        for schedule in schedules_in(template).values():
            schedule.update(dated)

    with pytest.raises(Exception, match=r"earlier than 5 minutes ago|in the past"):
        next_year.deploy(changed(bounded, with_dates))


def test_a_year_later_ended_schedules_run_nothing_and_store_no_row(bounded: Assembly) -> None:
    """The at() of 2 March 2027 fires once on 2 March 2028 and is skipped, like occurrences past their end."""
    events: list[dict[str, Any]] = []
    with VirtualCloud(datetime(2028, 3, 1, tzinfo=UTC), emit=events.append, switches=STRICTEST) as cloud:
        cloud.deploy(bounded)
        cloud.advance(timedelta(days=2))
        skipped = Counter(event["job"] for event in events if event["event"] == "outside")
        assert skipped["launch"] == 1
        assert skipped["ending"] == 2
        assert {event["job"] for event in events if event["event"] == "attempt"} == {"starting", "spread"}
        assert set(runs_of(cloud)) == {"starting", "spread"}


def test_the_bounds_hold_in_the_guard_without_a_row(
    played: tuple[VirtualCloud, list[dict[str, Any]]],
) -> None:
    cloud, events = played
    ran = [event for event in events if event["event"] == "attempt"]
    assert {event["outcome"] for event in ran} == {"succeeded"}, "nothing is missed, or skipped by overlap"
    due = {job: [event["due"][8:16] for event in ran if event["job"] == job] for job in BOUNDED}
    assert due["starting"] == ["03T06:00", "04T06:00", "05T06:00"]
    assert due["ending"] == ["01T06:00", "02T06:00"], "the end is exclusive"
    assert due["launch"] == ["02T11:30"]
    assert len(due["beating"]) == 4
    outside = [event for event in events if event["event"] == "outside"]
    assert {event["reason"] for event in outside} == {"outside start/end"}
    assert Counter(event["job"] for event in outside)["starting"] == 2
    assert runs_of(cloud) == Counter(event["job"] for event in ran)


def test_an_occurrence_with_a_window_has_its_instants_name_and_a_deadline_from_the_windows_end(
    played: tuple[VirtualCloud, list[dict[str, Any]]],
) -> None:
    _, events = played
    ran = [event for event in events if event["event"] == "attempt" and event["job"] == "spread"]
    assert [event["occurrence"] for event in ran] == [f"t-2027-03-0{day}T09:00:00Z" for day in range(1, 6)]
    late = [datetime.fromisoformat(event["began"]) - datetime.fromisoformat(event["due"]) for event in ran]
    assert max(late) <= timedelta(minutes=31)
    assert sum(delay > timedelta(minutes=1) for delay in late) >= 3, "past the start deadline, within the window"


def test_operators_see_the_declared_schedules_again(played: tuple[VirtualCloud, list[dict[str, Any]]]) -> None:
    """A backfill finds no instant outside start and end, and exactly one of an at()."""
    cloud, _ = played
    deployment = find_deployment(cloud.client("cloudformation"), "small")
    seen = {
        job: [
            f"{instant:%d %H:%M}"
            for instant in instants(
                schedules_of(cloud.client("scheduler"), deployment, job), START, START + timedelta(days=400)
            )
        ]
        for job in ("starting", "ending", "launch")
    }
    assert seen["ending"] == ["01 06:00", "02 06:00"]
    assert seen["launch"] == ["02 11:30"]
    assert seen["starting"][:2] == ["03 06:00", "04 06:00"]
    (spread,) = schedules_of(cloud.client("scheduler"), deployment, "spread")
    assert spread.schedule.window == 30
