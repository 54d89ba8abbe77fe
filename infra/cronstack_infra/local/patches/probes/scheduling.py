"""Probes of EventBridge: the Scheduler, and rules with a schedule."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import time_machine

from cronstack import clock
from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import arn_of_queue, client, code_of, fails, queue, role


def _received_two_minutes_later() -> int:
    """Let two minutes pass, with a moment for any thread of moto. Return the number of messages in the queue."""
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=True):
        threading.Event().wait(0.05)
        shown = client("sqs").get_queue_attributes(QueueUrl="q", AttributeNames=["ApproximateNumberOfMessages"])
    return int(shown["Attributes"]["ApproximateNumberOfMessages"])


# -- the Scheduler -----------------------------------------------------------------------------------------------------
def _schedule(name: str = "s", **more: Any) -> dict[str, Any]:
    """Return the arguments of CreateSchedule for a schedule that sends to a queue every minute."""
    return {
        "Name": name,
        "ScheduleExpression": "rate(1 minute)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": arn_of_queue(), "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": "x"},
        **more,
    }


def _code(call: str, **arguments: Any) -> str:
    return code_of(lambda: getattr(client("scheduler"), call)(**arguments))


@probe
def a_due_schedule_sends_nothing() -> bool:
    """A schedule for each minute has sent nothing after two minutes."""
    queue()
    client("scheduler").create_schedule(**_schedule())
    return _received_two_minutes_later() == 0


@probe
def an_updated_schedule_sends_nothing() -> bool:
    """A schedule that is updated to fire each minute has sent nothing after two minutes."""
    queue()
    client("scheduler").create_schedule(**_schedule(ScheduleExpression="rate(9 days)"))
    client("scheduler").update_schedule(**_schedule())
    return _received_two_minutes_later() == 0


@probe
def an_update_keeps_what_was_omitted() -> bool:
    """An update without ActionAfterCompletion keeps the earlier value; AWS sets the default."""
    scheduler = client("scheduler")
    scheduler.create_schedule(**_schedule(ActionAfterCompletion="DELETE"))
    scheduler.update_schedule(**_schedule())
    return bool(scheduler.get_schedule(Name="s")["ActionAfterCompletion"] == "DELETE")


@probe
def an_update_ignores_the_action_after_completion() -> bool:
    """An update that states ActionAfterCompletion does not change it."""
    scheduler = client("scheduler")
    scheduler.create_schedule(**_schedule())
    scheduler.update_schedule(**_schedule(ActionAfterCompletion="DELETE"))
    return bool(scheduler.get_schedule(Name="s").get("ActionAfterCompletion") != "DELETE")


@probe
def any_expression_is_accepted() -> bool:
    """CreateSchedule accepts a word as its expression."""
    return _code("create_schedule", **_schedule(ScheduleExpression="sometimes")) == ""


@probe
def a_schedule_in_a_missing_group_is_a_server_error() -> bool:
    """CreateSchedule raises in moto when its group does not exist."""
    return fails(lambda: client("scheduler").create_schedule(**_schedule(GroupName="none")), KeyError)


@probe
def a_client_token_is_ignored() -> bool:
    """A repeated CreateSchedule with the same token fails; AWS returns the same response as before."""
    client("scheduler").create_schedule(**_schedule(ClientToken="t"))
    return _code("create_schedule", **_schedule(ClientToken="t")) != ""


def _text_of_error(call: str, name: str) -> dict[str, Any]:
    """Return the body of the error response to a GET, as sent."""
    sent: list[bytes] = []

    def keep(response_dict: Any, **_: Any) -> None:
        sent.append(response_dict["body"])

    scheduler = client("scheduler")
    scheduler.meta.events.register("before-parse.scheduler", keep, unique_id="keep")
    try:
        code_of(lambda: getattr(scheduler, call)(Name=name))
    finally:
        scheduler.meta.events.unregister("before-parse.scheduler", keep, unique_id="keep")
    body: dict[str, Any] = json.loads(sent[-1])
    return body


@probe
def an_error_of_a_schedule_lacks_the_member_message() -> bool:
    """The error about a missing schedule has no member Message, which the API's model names."""
    return "Message" not in _text_of_error("get_schedule", "none")


@probe
def an_error_of_a_group_lacks_the_member_message() -> bool:
    """The error about a missing group has no member Message, which the API's model names."""
    return "Message" not in _text_of_error("get_schedule_group", "none")


@probe
def an_invalid_page_token_gets_an_unknown_code() -> bool:
    """ListSchedules returns an error code for an invalid token that Scheduler does not have."""
    return _code("list_schedules", NextToken="nonsense") != "ValidationException"


@probe
def an_invalid_page_token_of_groups_gets_an_unknown_code() -> bool:
    """ListScheduleGroups returns an error code for an invalid token that Scheduler does not have."""
    return _code("list_schedule_groups", NextToken="nonsense") != "ValidationException"


@probe
def the_default_group_can_be_deleted() -> bool:
    """DeleteScheduleGroup of the default group is accepted."""
    return _code("delete_schedule_group", Name="default") == ""


@probe
def deleting_a_missing_group_is_a_server_error() -> bool:
    """DeleteScheduleGroup of a group that does not exist raises in moto."""
    return fails(lambda: client("scheduler").delete_schedule_group(Name="none"), KeyError)


@probe
def a_group_that_exists_is_replaced() -> bool:
    """CreateScheduleGroup of an existing group succeeds and deletes its schedules."""
    scheduler = client("scheduler")
    scheduler.create_schedule_group(Name="g")
    scheduler.create_schedule(**_schedule(GroupName="g"))
    scheduler.create_schedule_group(Name="g")
    return bool(scheduler.list_schedules(GroupName="g")["Schedules"] == [])


# -- rules -------------------------------------------------------------------------------------------------------------
def _rule(expression: str = "rate(1 minute)") -> Any:
    """Create a queue, and a rule that sends to it."""
    events = client("events")
    queue()
    events.put_rule(Name="r", ScheduleExpression=expression)
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn_of_queue()}])
    return events


@probe
def a_due_rule_sends_nothing() -> bool:
    """A rule for each minute has sent nothing after two minutes."""
    _rule()
    return _received_two_minutes_later() == 0


@probe
def an_enabled_rule_sends_nothing() -> bool:
    """A rule that was disabled and enabled again has sent nothing after two minutes."""
    events = _rule()
    events.disable_rule(Name="r")
    events.enable_rule(Name="r")
    return _received_two_minutes_later() == 0


@probe
def a_rule_accepts_any_rate() -> bool:
    """PutRule accepts "rate(1 minutes)", which EventBridge refuses."""
    return code_of(lambda: client("events").put_rule(Name="r", ScheduleExpression="rate(1 minutes)")) == ""


@probe
def a_rule_accepts_a_role_as_its_target() -> bool:
    """PutTargets accepts the ARN of a role as the target of a schedule."""
    answer = _rule().put_targets(Rule="r", Targets=[{"Id": "2", "Arn": role()}])
    return bool(answer["FailedEntryCount"] == 0)


@probe
def put_events_reaches_scheduled_rules() -> bool:
    """An event of PutEvents is sent to a rule that has a schedule and no pattern."""
    _rule("rate(9 days)").put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": "{}"}])
    return _received_two_minutes_later() == 1
