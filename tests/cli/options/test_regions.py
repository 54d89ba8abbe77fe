"""All clients of a local cloud use the user's region, and only a local cloud receives the local access key."""

from __future__ import annotations

import os

import pytest

from cronstack_infra.cli.commands.cdk.command import environment
from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.cli.options.local_address import local_address
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import ACCESS_KEY, ACCOUNT, is_local, pointed_at
from cronstack_infra.toolchain.cdk import bootstrap_args
from tests.local.stacks import Stack, get, queue, schedule, scheduler_role

HERE = "http://127.0.0.1:4570"
MINE = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "mine", "AWS_SESSION_TOKEN": "mine", "AWS_PROFILE": "me"}


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_REGION": "eu-central-1"}, "eu-central-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-central-1"),
    ],
)
def test_one_region(given: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    deployed = pointed_at(HERE, os.environ)
    assert deployed["AWS_REGION"] == deployed["AWS_DEFAULT_REGION"] == region
    assert bootstrap_args(ACCOUNT, deployed)[1].endswith(f"/{region}")
    assert environment(os.environ, HERE)["AWS_REGION"] == region
    assert SelectedCloud(HERE, "shop")("scheduler").meta.region_name == region


def test_on_aws_the_region_is_read_as_by_the_aws_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert SelectedCloud(None, "shop")("scheduler").meta.region_name == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert SelectedCloud(None, "shop")("scheduler").meta.region_name == "eu-central-1"
    monkeypatch.setenv("AWS_REGION", "")
    assert SelectedCloud(None, "shop")("scheduler").meta.region_name == "eu-west-2"


def test_a_schedule_in_another_region_fires_there(
    monkeypatch: pytest.MonkeyPatch, local_cloud_of_this_file: LocalCloud
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    stack = Stack.new(local_cloud_of_this_file)
    resources = {
        "SchedulerRole": scheduler_role(),
        "Queue": queue(),
        "Schedule": schedule(get("Queue", "Arn"), ScheduleExpression="rate(1 minute)"),
    }
    assert stack.deploy(resources) == "CREATE_COMPLETE"
    assert stack.describe()["StackId"].split(":")[3] == "eu-central-1"
    operators = SelectedCloud(local_cloud_of_this_file.endpoint, stack.name)
    assert len(operators("scheduler").list_schedules()["Schedules"]) == 1
    url = stack.physical("Queue")
    assert operators("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]["Body"] == "{}"
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert local_cloud_of_this_file.client("scheduler").list_schedules()["Schedules"] == []


@pytest.fixture(scope="module")
def local_cloud_of_this_file():
    with LocalCloud.start() as cloud:
        yield cloud


def test_addresses_on_this_machine() -> None:
    here = ["http://127.0.0.1:4570", "http://localhost:1", "http://[::1]:4570", "http://s3.localhost:4566"]
    assert [address for address in here if not is_local(address)] == []
    elsewhere = ["", "http://10.0.0.1", "https://sqs.eu-central-1.amazonaws.com", "http://localhost.evil.example", "x"]
    elsewhere += ["http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example/", "http://["]
    assert [address for address in elsewhere if is_local(address)] == []


def test_an_endpoint_on_another_machine_gets_no_local_key() -> None:
    given = MINE | {"AWS_ENDPOINT_URL": "https://aws.example"}
    assert local_address(given, local=False, port=None) is None
    assert environment(given, None) == given
    ours = environment(MINE | {"AWS_ENDPOINT_URL": HERE}, HERE)
    assert ours["AWS_ACCESS_KEY_ID"] == ACCESS_KEY
    assert not {"AWS_SESSION_TOKEN", "AWS_PROFILE"} & set(ours)
