"""Carriers that a handler creates: they fire once, on the second, delete themselves, and are refused as on AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack.guard import carrier
from tests.local.quick_cloud import Cloud, quick_cloud

ACCOUNT = "123456789012"
GROUP = "shop-carriers"
GROUP_ARN = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group"
CREATES = """
    import boto3, json

    def handler(event, context):
        if "create" in event:  # the warming event is text
            boto3.client("scheduler").create_schedule(**event["create"])
            return "created"
        return event
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as cloud:
        cloud.client("scheduler").create_schedule_group(Name=GROUP)
        yield cloud


def carriers_role(cloud: Cloud, name: str, *, group: str = GROUP, may: str = "lambda:InvokeFunction") -> str:
    """Create a role like the stack does: trusted for a group; may invoke and write dead letters."""
    source = {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"{GROUP_ARN}/{group}"}}
    allowed = {"Action": [may, "sqs:SendMessage"], "Resource": "*"}
    return cloud.role(name, "scheduler.amazonaws.com", allowed, condition=source)


def call(function: str, role: str, letters: str, name: str, due: float, **event: Any) -> Mapping[str, Any]:
    """Return the runtime's request that creates a carrier."""
    way = carrier.Way(GROUP, role, function, letters)
    return carrier.create(way, f"carrier.shop.{name}", json.dumps(event), int(due * 1000)).parameters


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def await_deletion(cloud: Cloud, name: str) -> None:
    """Wait until the schedule has deleted itself, right after its delivery."""
    for _ in range(100):
        listed = cloud.client("scheduler").list_schedules(GroupName=GROUP, NamePrefix=name)
        if not listed["Schedules"]:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} still exists")


def test_a_carrier_of_a_handler_fires_on_time_once_and_is_deleted(cloud: Cloud) -> None:
    function = cloud.function("again", CREATES)
    _, letters = cloud.queue("again-letters")
    role = carriers_role(cloud, "again-carriers")
    cloud.client("lambda").invoke(FunctionName="again", Payload=b'"warm"')
    due = int(time.time()) + 5
    request = call(function, role, letters, "again", due, carrier=1)
    cloud.client("lambda").invoke(FunctionName="again", Payload=json.dumps({"create": request}))
    listed = cloud.client("scheduler").list_schedules(GroupName=GROUP)["Schedules"]
    assert request["Name"] in {schedule["Name"] for schedule in listed}
    cloud.client("scheduler").create_schedule(**call(function, role, letters, "later", due + 1, carrier=2))
    warm, created, *carried = [json.loads(text) for text in cloud.await_end("again", 4)]
    assert (warm, created) == ("warm", "created")
    assert sorted(carried, key=str) == [{"carrier": 1}, {"carrier": 2}]
    first, later = cloud.events("fired", function="again")
    for fired, expected in ((first, due), (later, due + 1)):
        assert datetime.fromisoformat(fired["scheduled"]).timestamp() == expected
        assert datetime.fromisoformat(fired["at"]).timestamp() >= expected
    await_deletion(cloud, request["Name"])


def test_a_name_is_unique_and_a_repeated_call_with_its_token_changes_nothing(cloud: Cloud) -> None:
    function = cloud.function("taken", CREATES)
    _, letters = cloud.queue("taken-letters")
    role = carriers_role(cloud, "taken-carriers")
    scheduler = cloud.client("scheduler")
    request = call(function, role, letters, "taken", time.time() + 3600)
    first = scheduler.create_schedule(**request)
    assert scheduler.create_schedule(**request)["ScheduleArn"] == first["ScheduleArn"]
    others = (
        {"ClientToken": "another"},
        {"ScheduleExpression": "at(2199-01-01T00:00:00)"},
    )
    for other in others:
        with pytest.raises(ClientError) as refused:
            scheduler.create_schedule(**{**request, **other})
        assert code_of(refused) == ("ConflictException", 409)
    kept = scheduler.get_schedule(GroupName=GROUP, Name=request["Name"])
    assert kept["ScheduleExpression"] == request["ScheduleExpression"]
    assert kept["ActionAfterCompletion"] == "DELETE"
    response = cloud.client("lambda").invoke(
        FunctionName="taken", Payload=json.dumps({"create": {**request, "ClientToken": "b"}})
    )
    assert json.loads(response["Payload"].read())["errorType"] == "ConflictException", "in the handler"
    scheduler.update_schedule(**{**request, "ScheduleExpression": "at(2199-01-01T00:00:00)"})
    with pytest.raises(ClientError) as refused:
        scheduler.create_schedule(**request)
    assert code_of(refused) == ("ConflictException", 409)


def test_a_past_instant_fires_at_once(cloud: Cloud) -> None:
    function = cloud.function("past", CREATES)
    _, letters = cloud.queue("past-letters")
    request = call(function, carriers_role(cloud, "past-carriers"), letters, "past", time.time() - 600, carrier=7)
    cloud.client("scheduler").create_schedule(**request)
    assert [json.loads(text) for text in cloud.await_end("past", 1)] == [{"carrier": 7}]
    await_deletion(cloud, request["Name"])


def test_a_role_trusted_only_for_declared_schedules_is_refused(cloud: Cloud) -> None:
    function = cloud.function("trust", CREATES)
    _, letters = cloud.queue("trust-letters")
    for role in (carriers_role(cloud, "of-the-schedules", group="shop"), f"arn:aws:iam::{ACCOUNT}:role/missing"):
        with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume") as refused:
            cloud.client("scheduler").create_schedule(**call(function, role, letters, "trust", time.time() + 60))
        assert code_of(refused) == ("ValidationException", 400)


def test_a_carrier_whose_role_may_not_invoke_becomes_a_dead_letter_and_is_deleted(cloud: Cloud) -> None:
    function = cloud.function("denied", CREATES)
    url, letters = cloud.queue("denied-letters")
    role = carriers_role(cloud, "denied-carriers", may="lambda:GetFunction")
    request = call(function, role, letters, "denied", time.time() - 1, carrier=2, job="denied")
    cloud.client("scheduler").create_schedule(**request)
    letter = cloud.receive(url)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"
    invoke = json.loads(letter["Body"])
    assert json.loads(invoke["Payload"]) == {"carrier": 2, "job": "denied"}
    await_deletion(cloud, request["Name"])
    assert not cloud.events("started", function="denied")
