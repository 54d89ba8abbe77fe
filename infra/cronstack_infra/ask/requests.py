"""Questions about the responses of EventBridge Scheduler's API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from cronstack_infra.ask.question import Observation, number
from cronstack_infra.ask.temporary_resources import TemporaryResources, at

SETTLE: Final = 90.0
LONGEST: Final = 600.0
"""Longest wait in seconds for an effect."""


def _refusal(sandbox: TemporaryResources, operation: str, **parameters: Any) -> str:
    """Return the error of a request; "" if it was accepted."""
    client = sandbox.clients("scheduler")
    try:
        getattr(client, operation)(**parameters)
    except client.exceptions.ClientError as refusal:
        return str(refusal)
    return ""


def past_at(sandbox: TemporaryResources) -> Observation:
    url, arn = sandbox.queue()
    past = at(sandbox.now() - timedelta(hours=1))
    sandbox.schedule("cron(0 6 * * ? 2199)", arn)  # succeeds only if the role is usable
    request = sandbox.parameters(past, arn)
    refusal = _refusal(sandbox, "create_schedule", **request)
    later = sandbox.parameters(at(sandbox.now() + timedelta(days=2)), arn)
    sandbox.create(**later)
    facts = {"create": refusal or "accepted"}
    disabled = later | {"ScheduleExpression": past, "State": "DISABLED"}
    facts["update"] = _refusal(sandbox, "update_schedule", **disabled) or "accepted"
    if refusal:
        return Observation("A past at() is refused.", "past-at=refused", facts)
    received = sandbox.messages(url, 1, SETTLE)
    if received:
        return Observation("A past at() is accepted, and fires at once.", "past-at=fires", facts)
    return Observation(f"A past at() is accepted, and has not fired within {SETTLE:g} s.", "past-at=ignored", facts)


def past_start(sandbox: TemporaryResources) -> Observation:
    _, arn = sandbox.queue()
    later = sandbox.parameters("cron(0 6 * * ? *)", arn)
    sandbox.create(**later, patience=120)
    past = sandbox.now() - timedelta(hours=1)
    create = _refusal(sandbox, "create_schedule", **sandbox.parameters("cron(0 6 * * ? *)", arn, StartDate=past))
    update = _refusal(sandbox, "update_schedule", **later, StartDate=past)
    facts = {"create": create or "accepted", "update": update or "accepted"}
    if create and update:
        return Observation("A past StartDate is refused by Create and by Update.", "past-start=refused", facts)
    if not create and not update:
        return Observation("A past StartDate is accepted.", "past-start=accepted", facts)
    return Observation("A past StartDate is refused by one of Create and Update only.", "past-start=refused", facts)


def past_year(sandbox: TemporaryResources) -> Observation:
    _, arn = sandbox.queue()
    sandbox.schedule("cron(0 6 * * ? 2199)", arn)
    refusal = _refusal(sandbox, "create_schedule", **sandbox.parameters("cron(0 0 1 1 ? 2020)", arn))
    return Observation(
        f"A cron() of a past year is {'refused' if refusal else 'accepted'}.", "", {"create": refusal or "accepted"}
    )


def conflict(sandbox: TemporaryResources) -> Observation:
    _, arn = sandbox.queue()
    request = sandbox.parameters("cron(0 6 * * ? 2199)", arn)
    sandbox.create(**request, patience=120)
    refusal = _refusal(sandbox, "create_schedule", **request)
    token = {"ClientToken": "the-same-token"}
    other = sandbox.parameters("cron(0 6 * * ? 2199)", arn) | token
    sandbox.create(**other)
    repeated = _refusal(sandbox, "create_schedule", **other)
    facts = {"same name": refusal or "accepted", "same name and token": repeated or "accepted"}
    return Observation(f"A name that is in use: {refusal or 'accepted'}", "", facts)


def stale_schedules(sandbox: TemporaryResources) -> Observation:
    _, arn = sandbox.queue()
    sandbox.schedule("cron(0 6 * * ? 2199)", arn)
    scheduler, seconds = sandbox.clients("scheduler"), dict[str, float]()
    request = sandbox.parameters("cron(0 6 * * ? 2199)", arn)
    names = {"Name": request["Name"], "GroupName": request["GroupName"]}
    scheduler.create_schedule(**request)
    created = sandbox.now()
    while len(seconds) < 2 and (sandbox.now() - created).total_seconds() < LONGEST:
        if "get" not in seconds and not _refusal(sandbox, "get_schedule", **names):
            seconds["get"] = (sandbox.now() - created).total_seconds()
        listed = scheduler.list_schedules(GroupName=names["GroupName"], NamePrefix=names["Name"])["Schedules"]
        if "list" not in seconds and listed:
            seconds["list"] = (sandbox.now() - created).total_seconds()
        if len(seconds) < 2:
            sandbox.sleep(1.0)
    most = max(seconds.values(), default=LONGEST)
    text = f"GetSchedule showed a new schedule after {seconds.get('get', LONGEST):.1f} s, ListSchedules after"
    setting = f"stale-schedules={number(most if most >= 1 else 0)}"
    return Observation(f"{text} {seconds.get('list', LONGEST):.1f} s.", setting, seconds)


def group_deletion(sandbox: TemporaryResources) -> Observation:
    url, arn = sandbox.queue()
    group, scheduler = sandbox.group(), sandbox.clients("scheduler")
    sandbox.schedule("rate(1 minute)", arn, group=group)
    scheduler.delete_schedule_group(Name=group)
    began = sandbox.now()
    while (sandbox.now() - began).total_seconds() < LONGEST and not _refusal(sandbox, "get_schedule_group", Name=group):
        sandbox.sleep(2.0)
    took = (sandbox.now() - began).total_seconds()
    fired = [message for message in sandbox.messages(url, 0, 0) if message.sent > began + timedelta(seconds=1)]
    text = f"A deleted group disappeared after {took:.0f} s; its schedule fired {len(fired)} times meanwhile."
    return Observation(
        text, f"group-deletion={number(took if took >= 2 else 0)}", {"seconds": took, "fired": len(fired)}
    )
