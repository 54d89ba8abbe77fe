"""One-time schedules that a handler makes for itself: on the second, once, gone afterwards, and refused as on AWS."""

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
MAKES = """
    import boto3, json

    def handler(event, context):
        if "make" in event:  # the warming event is text
            boto3.client("scheduler").create_schedule(**event["make"])
            return "made"
        return event
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as found:
        found.client("scheduler").create_schedule_group(Name=GROUP)
        yield found


def carriers_role(cloud: Cloud, name: str, *, group: str = GROUP, may: str = "lambda:InvokeFunction") -> str:
    """As the stack makes them: trusted for a group, may invoke and write dead letters."""
    source = {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"{GROUP_ARN}/{group}"}}
    allowed = {"Action": [may, "sqs:SendMessage"], "Resource": "*"}
    return cloud.role(name, "scheduler.amazonaws.com", allowed, condition=source)


def call(function: str, role: str, letters: str, name: str, due: float, **event: Any) -> Mapping[str, Any]:
    """What the runtime sends to make a carrier."""
    way = carrier.Way(GROUP, role, function, letters)
    return carrier.create(way, f"carrier.shop.{name}", json.dumps(event), int(due * 1000)).parameters


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def await_gone(cloud: Cloud, name: str) -> None:
    """Until the schedule has deleted itself, which it does right after it was delivered."""
    for _ in range(100):
        listed = cloud.client("scheduler").list_schedules(GroupName=GROUP, NamePrefix=name)
        if not listed["Schedules"]:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} is still there")


def test_a_handlers_carrier_fires_on_its_second_once_and_is_gone(cloud: Cloud) -> None:
    function = cloud.function("again", MAKES)
    _, letters = cloud.queue("again-letters")
    role = carriers_role(cloud, "again-carriers")
    cloud.client("lambda").invoke(FunctionName="again", Payload=b'"warm"')
    due = int(time.time()) + 5
    made = call(function, role, letters, "again", due, carrier=1)
    cloud.client("lambda").invoke(FunctionName="again", Payload=json.dumps({"make": made}))
    listed = cloud.client("scheduler").list_schedules(GroupName=GROUP)["Schedules"]
    assert made["Name"] in {one["Name"] for one in listed}
    cloud.client("scheduler").create_schedule(**call(function, role, letters, "later", due + 1, carrier=2))
    warm, created, *carried = [json.loads(text) for text in cloud.await_end("again", 4)]
    assert (warm, created) == ("warm", "made")
    assert sorted(carried, key=str) == [{"carrier": 1}, {"carrier": 2}]
    first, later = cloud.events("fired", function="again")
    for fired, expected in ((first, due), (later, due + 1)):
        assert datetime.fromisoformat(fired["scheduled"]).timestamp() == expected
        assert datetime.fromisoformat(fired["at"]).timestamp() >= expected
    await_gone(cloud, made["Name"])


def test_a_name_is_taken_once_and_a_call_repeated_by_its_token_changes_nothing(cloud: Cloud) -> None:
    function = cloud.function("taken", MAKES)
    _, letters = cloud.queue("taken-letters")
    role = carriers_role(cloud, "taken-carriers")
    scheduler = cloud.client("scheduler")
    made = call(function, role, letters, "taken", time.time() + 3600)
    first = scheduler.create_schedule(**made)
    assert scheduler.create_schedule(**made)["ScheduleArn"] == first["ScheduleArn"]
    others = (
        {"ClientToken": "another"},
        {"ScheduleExpression": "at(2199-01-01T00:00:00)"},
    )
    for other in others:
        with pytest.raises(ClientError) as refused:
            scheduler.create_schedule(**{**made, **other})
        assert code_of(refused) == ("ConflictException", 409)
    kept = scheduler.get_schedule(GroupName=GROUP, Name=made["Name"])
    assert kept["ScheduleExpression"] == made["ScheduleExpression"]
    assert kept["ActionAfterCompletion"] == "DELETE"
    answer = cloud.client("lambda").invoke(
        FunctionName="taken", Payload=json.dumps({"make": {**made, "ClientToken": "b"}})
    )
    assert json.loads(answer["Payload"].read())["errorType"] == "ConflictException", "as its handler sees it"
    scheduler.update_schedule(**{**made, "ScheduleExpression": "at(2199-01-01T00:00:00)"})
    with pytest.raises(ClientError) as refused:
        scheduler.create_schedule(**made)
    assert code_of(refused) == ("ConflictException", 409)


def test_an_instant_that_has_passed_fires_at_once(cloud: Cloud) -> None:
    function = cloud.function("past", MAKES)
    _, letters = cloud.queue("past-letters")
    made = call(function, carriers_role(cloud, "past-carriers"), letters, "past", time.time() - 600, carrier=7)
    cloud.client("scheduler").create_schedule(**made)
    assert [json.loads(text) for text in cloud.await_end("past", 1)] == [{"carrier": 7}]
    await_gone(cloud, made["Name"])


def test_a_role_that_is_trusted_for_the_declared_schedules_only_is_refused(cloud: Cloud) -> None:
    function = cloud.function("trust", MAKES)
    _, letters = cloud.queue("trust-letters")
    for role in (carriers_role(cloud, "of-the-schedules", group="shop"), f"arn:aws:iam::{ACCOUNT}:role/nobody"):
        with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume") as refused:
            cloud.client("scheduler").create_schedule(**call(function, role, letters, "trust", time.time() + 60))
        assert code_of(refused) == ("ValidationException", 400)


def test_a_carrier_whose_role_may_not_invoke_is_a_dead_letter_and_gone(cloud: Cloud) -> None:
    function = cloud.function("denied", MAKES)
    url, letters = cloud.queue("denied-letters")
    role = carriers_role(cloud, "denied-carriers", may="lambda:GetFunction")
    made = call(function, role, letters, "denied", time.time() - 1, carrier=2, job="denied")
    cloud.client("scheduler").create_schedule(**made)
    letter = cloud.receive(url)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"
    request = json.loads(letter["Body"])
    assert json.loads(request["Payload"]) == {"carrier": 2, "job": "denied"}
    await_gone(cloud, made["Name"])
    assert not cloud.events("started", function="denied")
