"""Switches in the local cloud: hanging connections, CloudFormation, and how a process or a request sets them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from cronstack.errors import DeclarationError
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import client_arguments
from cronstack_infra.local.executor.values import access_key_of
from cronstack_infra.local.http.faults import faults
from cronstack_infra.local.http.switching import PATH, switches
from tests.local.stacks import Stack, Template, queue
from tests.switches.conftest import Place, new_name, new_queue, new_role, of_local


@pytest.fixture
def place(local_cloud: LocalCloud) -> Place:
    return of_local(local_cloud)


def handlers_sqs(cloud: LocalCloud) -> Any:
    """Return an SQS client like a function's own, with a short timeout."""
    make: Any = boto3.client
    config: Any = Config(read_timeout=0.3, retries={"total_max_attempts": 1})
    arguments = client_arguments(cloud.endpoint, "us-east-1") | {"aws_access_key_id": access_key_of("f")}
    return make("sqs", config=config, **arguments)


def messages(place: Place, url: str) -> int:
    attributes = place.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def test_a_hanging_request_of_a_handler_is_carried_out_or_not(local_cloud: LocalCloud, place: Place) -> None:
    url, _ = new_queue(place)
    sqs = handlers_sqs(local_cloud)
    with switches(local_cloud.endpoint, "hanging=1", seed=1):
        for _ in range(6):
            with pytest.raises(ReadTimeoutError):
                sqs.send_message(QueueUrl=url, MessageBody="x")
        place.client("sqs").send_message(QueueUrl=url, MessageBody="not a handler's")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert 2 < messages(place, url) < 8, "some of the six requests should be carried out, but not all"


@pytest.mark.parametrize(("answer", "carried_out"), [("hangs", 0), ("hangs after", 1)])
def test_a_fault_lets_a_request_hang(local_cloud: LocalCloud, place: Place, answer: str, carried_out: int) -> None:
    url, _ = new_queue(place)
    fault = {"service": "sqs", "operations": ["SendMessage"], "caller": "f", "answer": answer}
    with faults(local_cloud.endpoint, fault), pytest.raises(ReadTimeoutError):
        handlers_sqs(local_cloud).send_message(QueueUrl=url, MessageBody="x")
    assert messages(place, url) == carried_out


def schedule_resource(role: str, target: str, **more: Any) -> Template:
    """Return a schedule of a template. ``more``: further properties, such as StartDate."""
    destination = {"Arn": target, "RoleArn": role, "Input": "{}"}
    members = {"ScheduleExpression": "cron(0 6 * * ? *)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": destination}
    return {"Type": "AWS::Scheduler::Schedule", "Properties": {**members, **more}}


def test_a2_a_past_start_date_refuses_an_update_and_the_rollback_of_one(local_cloud: LocalCloud, place: Place) -> None:
    """AWS refuses a StartDate of more than five minutes ago also in the UpdateSchedule of a rollback."""
    (_, target), role, stack = new_queue(place), new_role(place), Stack.new(local_cloud)
    old = {"StartDate": "2020-01-01T00:00:00.000Z"}
    with switches(local_cloud.endpoint, "past-start=accepted"):  # it was not past when it was created
        assert stack.deploy({"S": schedule_resource(role, target, **old)}) == "CREATE_COMPLETE"
    changed = schedule_resource(role, target, Description="changed")
    bad = {**queue(QueueName="not a name"), "DependsOn": ["S"]}
    assert stack.deploy({"S": changed, "Bad": bad}) == "UPDATE_ROLLBACK_FAILED"
    events = stack.cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "UPDATE_ROLLBACK_FAILED"]
    assert "cannot be earlier than 5 minutes ago" in failed["ResourceStatusReason"], events


def test_a3_a_past_at_refuses_the_update_of_a_stack(local_cloud: LocalCloud, place: Place) -> None:
    (_, target), role, stack = new_queue(place), new_role(place), Stack.new(local_cloud)
    past = {"ScheduleExpression": "at(2020-01-01T00:00:00)"}
    with switches(local_cloud.endpoint, "past-at=ignored"):
        assert stack.deploy({"S": schedule_resource(role, target, **past)}) == "CREATE_COMPLETE"
    with switches(local_cloud.endpoint, "past-at=refused"):
        update = {"S": schedule_resource(role, target, **past, Description="changed")}
        assert stack.deploy(update).startswith("UPDATE_ROLLBACK")
        assert Stack.new(local_cloud).deploy({"S": schedule_resource(role, target, **past)}) == "ROLLBACK_COMPLETE"


def test_cloudformation_waits_for_roles_and_groups(local_cloud: LocalCloud, place: Place) -> None:
    (_, target), stack, group = new_queue(place), Stack.new(local_cloud), new_name("group")
    resources = {
        "G": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": group}},
        "S": {**schedule_resource(new_role(place), target, GroupName=group), "DependsOn": ["G"]},
    }
    harsh = ("role-delay=3600", "group-deletion=3600", "create-throttled=1", "stale-schedules=3600")
    with switches(local_cloud.endpoint, *harsh):
        for _ in range(2):
            assert stack.deploy(resources) == "CREATE_COMPLETE"
            stack.cloudformation.delete_stack(StackName=stack.name)


def test_a_running_cloud_shows_its_switches_and_refuses_others(local_cloud: LocalCloud) -> None:
    with switches(local_cloud.endpoint, "early=30", "past-at=refused", seed=7):
        assert ask(local_cloud, "GET") == (200, {"switches": ["early=30", "past-at=refused"], "seed": 7})
        status, answer = ask(local_cloud, "PUT", {"switches": ["erly=1"]})
        assert (status, "Did you mean early?" in answer["message"]) == (400, True)
        assert ask(local_cloud, "PUT", {})[0] == 400
        assert ask(local_cloud, "DELETE")[0] == 405
        with (
            pytest.raises(DeclarationError, match="there is no switch 'x'"),
            switches(local_cloud.endpoint, "x=1"),
        ):
            pass
    assert ask(local_cloud, "GET")[1] == {"switches": [], "seed": 0}


def ask(cloud: LocalCloud, method: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection(str(urlsplit(cloud.endpoint).netloc), timeout=30)
    connection.request(method, PATH, body=json.dumps(body))
    response = connection.getresponse()
    answer = json.load(response)
    connection.close()
    return response.status, answer


def test_the_process_accepts_switches_and_a_seed() -> None:
    with LocalCloud.start(switches=["past-at=refused", "spread=1"], seed=5) as cloud:
        assert ask(cloud, "GET")[1] == {"switches": ["spread=1", "past-at=refused"], "seed": 5}
        place = of_local(cloud)
        _, target = new_queue(place)
        request = schedule_resource(new_role(place), target)["Properties"]
        late = {"Name": "late", "ScheduleExpression": f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})"}
        with pytest.raises(Exception, match="is in the past"):
            place.client("scheduler").create_schedule(**request | late)


def test_the_process_refuses_a_wrong_switch_with_exit_code_2() -> None:
    command = [sys.executable, "-m", "cronstack_infra.local", "--port", "0", "--switch", "past-at=no"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert ended.returncode == 2
    assert "not one of fires, refused, ignored" in ended.stderr
