"""Questions about the responses of EventBridge Scheduler's API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from cronstack_infra.ask.question import Observation, number
from cronstack_infra.ask.temporary_resources import TemporaryResources, at

SETTLE: Final = 90.0
LONGEST: Final = 600.0
"""Longest wait in seconds for an effect."""


def _refusal(resources: TemporaryResources, operation: str, **parameters: Any) -> str:
    """Return the error of a request; "" if it was accepted."""
    client = resources.clients("scheduler")
    try:
        getattr(client, operation)(**parameters)
    except client.exceptions.ClientError as refusal:
        return str(refusal)
    return ""


def past_at(resources: TemporaryResources) -> Observation:
    url, arn = resources.queue()
    past = at(resources.now() - timedelta(hours=1))
    resources.schedule("cron(0 6 * * ? 2199)", arn)  # succeeds only if the role is usable
    request = resources.parameters(past, arn)
    refusal = _refusal(resources, "create_schedule", **request)
    later = resources.parameters(at(resources.now() + timedelta(days=2)), arn)
    resources.create(**later)
    facts = {"create": refusal or "accepted"}
    disabled = later | {"ScheduleExpression": past, "State": "DISABLED"}
    facts["update"] = _refusal(resources, "update_schedule", **disabled) or "accepted"
    if refusal:
        return Observation("A past at() is refused.", "past-at=refused", facts)
    received = resources.messages(url, 1, SETTLE)
    if received:
        return Observation("A past at() is accepted, and fires at once.", "past-at=fires", facts)
    return Observation(f"A past at() is accepted, and has not fired within {SETTLE:g} s.", "past-at=ignored", facts)


def past_start(resources: TemporaryResources) -> Observation:
    _, arn = resources.queue()
    later = resources.parameters("cron(0 6 * * ? *)", arn)
    resources.create(**later, patience=120)
    past = resources.now() - timedelta(hours=1)
    create = _refusal(resources, "create_schedule", **resources.parameters("cron(0 6 * * ? *)", arn, StartDate=past))
    update = _refusal(resources, "update_schedule", **later, StartDate=past)
    facts = {"create": create or "accepted", "update": update or "accepted"}
    if create and update:
        return Observation("A past StartDate is refused by Create and by Update.", "past-start=refused", facts)
    if not create and not update:
        return Observation("A past StartDate is accepted.", "past-start=accepted", facts)
    return Observation("A past StartDate is refused by one of Create and Update only.", "past-start=refused", facts)


def past_year(resources: TemporaryResources) -> Observation:
    _, arn = resources.queue()
    resources.schedule("cron(0 6 * * ? 2199)", arn)
    refusal = _refusal(resources, "create_schedule", **resources.parameters("cron(0 0 1 1 ? 2020)", arn))
    return Observation(
        f"A cron() of a past year is {'refused' if refusal else 'accepted'}.", "", {"create": refusal or "accepted"}
    )


def conflict(resources: TemporaryResources) -> Observation:
    _, arn = resources.queue()
    request = resources.parameters("cron(0 6 * * ? 2199)", arn)
    resources.create(**request, patience=120)
    refusal = _refusal(resources, "create_schedule", **request)
    token = {"ClientToken": "the-same-token"}
    other = resources.parameters("cron(0 6 * * ? 2199)", arn) | token
    resources.create(**other)
    repeated = _refusal(resources, "create_schedule", **other)
    facts = {"same name": refusal or "accepted", "same name and token": repeated or "accepted"}
    return Observation(f"A name that is in use: {refusal or 'accepted'}", "", facts)


def stale_schedules(resources: TemporaryResources) -> Observation:
    _, arn = resources.queue()
    resources.schedule("cron(0 6 * * ? 2199)", arn)
    scheduler, seconds = resources.clients("scheduler"), dict[str, float]()
    request = resources.parameters("cron(0 6 * * ? 2199)", arn)
    names = {"Name": request["Name"], "GroupName": request["GroupName"]}
    scheduler.create_schedule(**request)
    created = resources.now()
    while len(seconds) < 2 and (resources.now() - created).total_seconds() < LONGEST:
        if "get" not in seconds and not _refusal(resources, "get_schedule", **names):
            seconds["get"] = (resources.now() - created).total_seconds()
        listed = scheduler.list_schedules(GroupName=names["GroupName"], NamePrefix=names["Name"])["Schedules"]
        if "list" not in seconds and listed:
            seconds["list"] = (resources.now() - created).total_seconds()
        if len(seconds) < 2:
            resources.sleep(1.0)
    most = max(seconds.values(), default=LONGEST)
    text = f"GetSchedule showed a new schedule after {seconds.get('get', LONGEST):.1f} s, ListSchedules after"
    setting = f"stale-schedules={number(most if most >= 1 else 0)}"
    return Observation(f"{text} {seconds.get('list', LONGEST):.1f} s.", setting, seconds)


def group_deletion(resources: TemporaryResources) -> Observation:
    url, arn = resources.queue()
    group, scheduler = resources.group(), resources.clients("scheduler")
    resources.schedule("rate(1 minute)", arn, group=group)
    scheduler.delete_schedule_group(Name=group)
    began = resources.now()
    while (resources.now() - began).total_seconds() < LONGEST and not _refusal(
        resources, "get_schedule_group", Name=group
    ):
        resources.sleep(2.0)
    took = (resources.now() - began).total_seconds()
    fired = [message for message in resources.messages(url, 0, 0) if message.sent > began + timedelta(seconds=1)]
    text = f"A deleted group disappeared after {took:.0f} s; its schedule fired {len(fired)} times meanwhile."
    return Observation(
        text, f"group-deletion={number(took if took >= 2 else 0)}", {"seconds": took, "fired": len(fired)}
    )
