"""Switches that change answers of AWS's APIs: the same in the local cloud, over HTTP, and in the virtual cloud."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.switches.conftest import Place, bodies, new_name, new_queue, new_role, schedule

PAST = "at(2020-01-01T00:00:00)"


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Return the code and text of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def test_past_at_is_refused_on_create_and_update_or_accepted(place: Place) -> None:
    scheduler, (_, queue) = place.client("scheduler"), new_queue(place)
    request = schedule(new_role(place), queue, "at(2199-01-01T00:00:00)")
    with place.switched("past-at=refused"):
        code, text = refusal(scheduler.create_schedule, **request | {"ScheduleExpression": PAST})
        assert (code, text) == ("ValidationException", f"The schedule expression {PAST} is in the past.")
        scheduler.create_schedule(**request)
        assert refusal(scheduler.update_schedule, **request | {"ScheduleExpression": PAST})[0] == "ValidationException"
        disabled = request | {"ScheduleExpression": PAST, "State": "DISABLED"}
        assert refusal(scheduler.update_schedule, **disabled)[0] == "ValidationException"
    with place.switched("past-at=ignored"):
        scheduler.update_schedule(**request | {"ScheduleExpression": PAST})


def test_past_start_is_refused_on_create_and_update_or_accepted(place: Place) -> None:
    scheduler, (_, queue) = place.client("scheduler"), new_queue(place)
    request = schedule(new_role(place), queue, "cron(0 6 * * ? *)", StartDate=datetime(2020, 1, 1, tzinfo=UTC))
    text = "The StartDate you specify cannot be earlier than 5 minutes ago."
    assert refusal(scheduler.create_schedule, **request) == ("ValidationException", text)
    with place.switched("past-start=accepted"):
        scheduler.create_schedule(**request)
        shown = scheduler.get_schedule(Name=request["Name"])
        assert shown["StartDate"] == request["StartDate"]
    assert refusal(scheduler.update_schedule, **request) == ("ValidationException", text)


@pytest.mark.parametrize(
    ("switch", "code"), [("create-throttled", "ThrottlingException"), ("create-conflicts", "ConflictException")]
)
def test_a_create_that_fails_by_chance_creates_nothing(place: Place, switch: str, code: str) -> None:
    scheduler, (_, queue) = place.client("scheduler"), new_queue(place)
    request = schedule(new_role(place), queue)
    with place.switched(f"{switch}=1"):
        assert refusal(scheduler.create_schedule, **request)[0] == code
    assert refusal(scheduler.get_schedule, Name=request["Name"])[0] == "ResourceNotFoundException"
    scheduler.create_schedule(**request)


def test_a_share_of_creates_is_throttled_by_the_seed(place: Place) -> None:
    scheduler, role, (_, queue) = place.client("scheduler"), new_role(place), new_queue(place)

    def accepted() -> bool:
        try:
            scheduler.create_schedule(**schedule(role, queue))
        except ClientError:
            return False
        return True

    with place.switched("create-throttled=0.5", seed=3):
        assert {accepted() for _ in range(20)} == {True, False}


def test_a_new_schedule_is_not_shown_while_reads_are_stale(place: Place) -> None:
    scheduler, (_, queue) = place.client("scheduler"), new_queue(place)
    group = new_name("group")
    scheduler.create_schedule_group(Name=group)
    request = schedule(new_role(place), queue, GroupName=group)
    requested = {"Name": request["Name"], "GroupName": group}
    with place.switched("stale-schedules=3600"):
        scheduler.create_schedule(**request)
        assert refusal(scheduler.get_schedule, **requested)[0] == "ResourceNotFoundException"
        assert scheduler.list_schedules(GroupName=group)["Schedules"] == []
        assert refusal(scheduler.create_schedule, **request)[0] == "ConflictException", (
            "the schedule should exist, though it is not shown"
        )
    assert scheduler.get_schedule(**requested)["Name"] == request["Name"]
    assert len(scheduler.list_schedules(GroupName=group)["Schedules"]) == 1


def test_a_new_role_cannot_be_assumed(place: Place) -> None:
    scheduler, (_, queue) = place.client("scheduler"), new_queue(place)
    request = schedule(new_role(place), queue)
    with place.switched("role-delay=60"):
        code, text = refusal(scheduler.create_schedule, **request)
    message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    assert (code, text) == ("ValidationException", message)
    scheduler.create_schedule(**request)


def test_a_deleted_group_keeps_its_schedules_for_a_while(place: Place) -> None:
    scheduler, role, (_, queue) = place.client("scheduler"), new_role(place), new_queue(place)
    group, other = new_name("group"), new_name("group")
    for name in (group, other):
        scheduler.create_schedule_group(Name=name)
    request = schedule(role, queue, GroupName=group)
    scheduler.create_schedule(**request)
    with place.switched("group-deletion=3600"):
        scheduler.delete_schedule_group(Name=group)
        assert scheduler.get_schedule_group(Name=group)["State"] == "DELETING"
        assert scheduler.get_schedule(Name=request["Name"], GroupName=group)["State"] == "ENABLED"
        refused = refusal(scheduler.create_schedule, **schedule(role, queue, GroupName=group))
        assert refused == ("ConflictException", f"Schedule group {group} is being deleted.")
        assert refusal(scheduler.create_schedule_group, Name=group)[0] == "ConflictException"
    scheduler.delete_schedule_group(Name=other)
    assert refusal(scheduler.get_schedule_group, Name=other)[0] == "ResourceNotFoundException"


def test_a_short_poll_may_miss_a_message_and_a_long_poll_does_not(place: Place) -> None:
    url, _ = new_queue(place)
    sqs = place.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    with place.switched("empty-polls=1"):
        assert bodies(place, url) == []
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, VisibilityTimeout=0)
        assert [message["Body"] for message in answer["Messages"]] == ["hello"]
    assert bodies(place, url) == ["hello"]


def test_an_at_of_the_current_second_is_past_when_the_request_arrives(place: Place) -> None:
    """The switch affects a planner that uses the current second for its at(), but not one that adds a lead."""
    scheduler, role, (_, queue) = place.client("scheduler"), new_role(place), new_queue(place)
    shown = scheduler.get_schedule_group(Name=_group(scheduler))["CreationDate"]
    with place.switched("past-at=refused"):
        now = f"at({shown.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"
        later = f"at({shown.astimezone(UTC) + timedelta(seconds=60):%Y-%m-%dT%H:%M:%S})"
        assert refusal(scheduler.create_schedule, **schedule(role, queue, now))[0] == "ValidationException"
        scheduler.create_schedule(**schedule(role, queue, later))


def _group(scheduler: Any) -> str:
    name = new_name("group")
    scheduler.create_schedule_group(Name=name)
    return name
