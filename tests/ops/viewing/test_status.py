"""``status``: what it finds in a stack to which a history was planted, and how many requests it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.ledger.items import encode
from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.viewing.status import status
from tests.ops.explaining import of_open_runs, of_plans, of_runs, of_times
from tests.ops.explaining.world import World, occurrence
from tests.ops.shop import STACK
from tests.ops.viewing.requests import counted_requests

SERVICES = ("cloudformation", "dynamodb", "sqs", "scheduler", "sns")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield World(5)


def _clients(world: World) -> Any:
    made = {service: world.clients(service) for service in SERVICES}
    return lambda service: made.get(service) or world.clients(service)


def _what(world: World) -> list[str]:
    return [what for what, _ in status(_clients(world), STACK, now=world.now).problems(world.now)]


def test_a_job_that_runs_well(world: World) -> None:
    of_runs.ran(world)
    found = status(_clients(world), STACK, now=world.now)
    (job,) = found.jobs
    assert found.problems(world.now) == []
    assert (job.state, job.running, job.waiting, job.dead, job.lost) == ("enabled", "", 0, 0, 0)
    assert job.last is not None
    assert job.last.occurrence == occurrence(world.due(1))
    assert job.next == world.due(2)
    assert found.as_json(world.now)["jobs"][0]["last"]["status"] == "succeeded"


def test_what_runs_and_waits_now(world: World) -> None:
    of_open_runs.waits_in_the_slot(world)
    (job,) = status(_clients(world), STACK, now=world.now).jobs
    assert job.running == occurrence(world.due() - timedelta(minutes=5))
    assert (job.waiting, job.dead) == (1, 0)


def test_dead_runs_and_letters_need_attention(world: World) -> None:
    of_open_runs.dead(world)
    assert _what(world) == ["about 1 dead letter"]
    assert status(_clients(world), STACK, now=world.now).jobs[0].dead == 1


def test_a_run_that_lost_its_carrier_needs_attention(world: World) -> None:
    of_open_runs.lost_its_carrier(world)
    assert _what(world) == ["1 run that perhaps nothing brings back"]


def test_an_overdue_plan_needs_attention(world: World) -> None:
    of_plans.overdue(world)
    assert _what(world) == ["1 plan past the time"]
    (job,) = status(_clients(world), STACK, now=world.now).jobs
    assert (job.state, job.overdue, job.next) == ("by code", 1, None)


def test_the_next_plan_is_the_next_time(world: World) -> None:
    of_plans.planned(world)
    (job,) = status(_clients(world), STACK, now=world.now).jobs
    assert job.next == world.now + timedelta(hours=3)


def test_paused_and_disabled_jobs(world: World) -> None:
    of_times.ahead_but_paused(world)
    found = status(_clients(world), STACK, now=world.now)
    (job,) = found.jobs
    assert (job.state, job.next) == ("paused", None)
    assert job.pause is not None
    assert job.pause.reason == "the supplier was down"
    assert found.problems(world.now) == [("1 job is paused: stats", "cronstack resume stats")]
    several = replace(found, jobs=tuple(replace(job, job=f"job{number}") for number in range(12)))
    names = ", ".join(f"job{number}" for number in range(10))
    assert several.problems(world.now) == [(f"12 jobs are paused: {names} and 2 more", "cronstack resume JOB")]


def test_incidents_the_watchdog_and_the_topic(world: World) -> None:
    topic = boto3.client("sns").create_topic(Name="alarms")["TopicArn"]
    world.shop.outputs["AlarmTopic"] = topic
    of_runs.ran(world)
    _deploy_again(world, 1, watchdog=True)
    for cause, state in (("late", "open"), ("missed", "cleared")):
        item = {"pk": "watch", "sk": f"incident#stats#{cause}", "status": state, "v": 1}
        _put(world, item)
    assert _what(world) == [
        "1 open incident",
        "the watchdog has finished no pass for 15 minutes",
        "no subscription gets the alarms",
    ]
    _put(world, {"pk": "watch", "sk": "snapshot", "at": to_milliseconds(world.now), "v": 1})
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
    assert status(_clients(world), STACK, now=world.now).problems(world.now) == [
        ("1 open incident", "cronstack incidents list")
    ]
    _put(world, {"pk": "watch", "sk": "incident#stats#late", "status": "open", "acked": 1_796_015_405_000, "v": 1})
    assert _what(world) == []


@pytest.mark.parametrize("jobs", [1, 10, 73])
def test_the_number_of_requests(world: World, jobs: int) -> None:
    of_runs.ran(world)
    _deploy_again(world, jobs)
    clients = _clients(world)
    with counted_requests(clients, *SERVICES) as requests:
        found = status(clients, STACK, now=world.now)
    assert len(found.jobs) == jobs
    assert requests == {
        "DescribeStacks": 2,
        "GetTemplate": 1,
        "ListSchedules": 1,
        "BatchGetItem": 1,
        "Query": 3 * jobs + 1,
        "GetQueueAttributes": 2,
    }


def test_a_stack_without_metadata(world: World) -> None:
    """A version that wrote no metadata into the template has deployed it."""
    of_runs.ran(world)
    boto3.client("cloudformation").delete_stack(StackName=STACK)
    world.deploy_stack([], deployed=False)
    assert [job.job for job in status(_clients(world), STACK, now=world.now).jobs] == ["stats"]


def _deploy_again(world: World, jobs: int, *, watchdog: bool = False) -> None:
    """Deploy a template with more jobs."""
    client = boto3.client("cloudformation")
    template = client.get_template(StackName=STACK)["TemplateBody"]
    template["Outputs"] |= {name: {"Value": value} for name, value in world.shop.outputs.items()}
    daily = (ScheduleMetadata("cron(0 6 * * ? *)"),)
    more = [f"job{number}" for number in range(jobs - 1)] + (["watchdog"] if watchdog else [])
    for name in more:
        of_job = JobMetadata(name, daily).to_json()
        function = {"Type": "AWS::Lambda::Function", "Condition": "Never", "Metadata": {"Cronstack": of_job}}
        template["Resources"][f"F{name}"] = function
    client.update_stack(StackName=STACK, TemplateBody=json.dumps(template))


def _put(world: World, item: dict[str, str | int]) -> None:
    plain = {name: encode(value) for name, value in item.items()}
    world.stage.dynamodb.put_item(TableName=world.shop.deployment.ledger, Item=plain)
