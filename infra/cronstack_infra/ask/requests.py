"""Questions about what EventBridge Scheduler's API answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from cronstack_infra.ask.question import Answer, number
from cronstack_infra.ask.sandbox import Sandbox, at

SETTLE: Final = 90.0
LONGEST: Final = 600.0
"""Seconds after which something that has not happened is given up."""


def _refusal(sandbox: Sandbox, operation: str, **parameters: Any) -> str:
    """Return the error of a request; "" if it was accepted."""
    client = sandbox.clients("scheduler")
    try:
        getattr(client, operation)(**parameters)
    except client.exceptions.ClientError as refusal:
        return str(refusal)
    return ""


def past_at(sandbox: Sandbox) -> Answer:
    url, arn = sandbox.queue()
    past = at(sandbox.now() - timedelta(hours=1))
    sandbox.schedule("cron(0 6 * * ? 2199)", arn)  # so that the role is known to be usable
    given = sandbox.parameters(past, arn)
    refusal = _refusal(sandbox, "create_schedule", **given)
    later = sandbox.parameters(at(sandbox.now() + timedelta(days=2)), arn)
    sandbox.create(**later)
    facts = {"create": refusal or "accepted"}
    disabled = later | {"ScheduleExpression": past, "State": "DISABLED"}
    facts["update"] = _refusal(sandbox, "update_schedule", **disabled) or "accepted"
    if refusal:
        return Answer("A past at() is refused.", "past-at=refused", facts)
    came = sandbox.messages(url, 1, SETTLE)
    if came:
        return Answer("A past at() is accepted, and fires at once.", "past-at=fires", facts)
    return Answer(f"A past at() is accepted, and has not fired within {SETTLE:g} s.", "past-at=ignored", facts)


def past_start(sandbox: Sandbox) -> Answer:
    _, arn = sandbox.queue()
    later = sandbox.parameters("cron(0 6 * * ? *)", arn)
    sandbox.create(**later, patience=120)
    past = sandbox.now() - timedelta(hours=1)
    create = _refusal(sandbox, "create_schedule", **sandbox.parameters("cron(0 6 * * ? *)", arn, StartDate=past))
    update = _refusal(sandbox, "update_schedule", **later, StartDate=past)
    facts = {"create": create or "accepted", "update": update or "accepted"}
    if create and update:
        return Answer("A past StartDate is refused by Create and by Update.", "past-start=refused", facts)
    if not create and not update:
        return Answer("A past StartDate is accepted.", "past-start=accepted", facts)
    return Answer("A past StartDate is refused by one of Create and Update only.", "past-start=refused", facts)


def past_year(sandbox: Sandbox) -> Answer:
    _, arn = sandbox.queue()
    sandbox.schedule("cron(0 6 * * ? 2199)", arn)
    refusal = _refusal(sandbox, "create_schedule", **sandbox.parameters("cron(0 0 1 1 ? 2020)", arn))
    return Answer(
        f"A cron() of a past year is {'refused' if refusal else 'accepted'}.", "", {"create": refusal or "accepted"}
    )


def conflict(sandbox: Sandbox) -> Answer:
    _, arn = sandbox.queue()
    given = sandbox.parameters("cron(0 6 * * ? 2199)", arn)
    sandbox.create(**given, patience=120)
    refusal = _refusal(sandbox, "create_schedule", **given)
    token = {"ClientToken": "the-same-token"}
    other = sandbox.parameters("cron(0 6 * * ? 2199)", arn) | token
    sandbox.create(**other)
    repeated = _refusal(sandbox, "create_schedule", **other)
    facts = {"same name": refusal or "accepted", "same name and token": repeated or "accepted"}
    return Answer(f"A name that is taken: {refusal or 'accepted'}", "", facts)


def stale_schedules(sandbox: Sandbox) -> Answer:
    _, arn = sandbox.queue()
    sandbox.schedule("cron(0 6 * * ? 2199)", arn)
    scheduler, seconds = sandbox.clients("scheduler"), dict[str, float]()
    given = sandbox.parameters("cron(0 6 * * ? 2199)", arn)
    of = {"Name": given["Name"], "GroupName": given["GroupName"]}
    scheduler.create_schedule(**given)
    made = sandbox.now()
    while len(seconds) < 2 and (sandbox.now() - made).total_seconds() < LONGEST:
        if "get" not in seconds and not _refusal(sandbox, "get_schedule", **of):
            seconds["get"] = (sandbox.now() - made).total_seconds()
        listed = scheduler.list_schedules(GroupName=of["GroupName"], NamePrefix=of["Name"])["Schedules"]
        if "list" not in seconds and listed:
            seconds["list"] = (sandbox.now() - made).total_seconds()
        if len(seconds) < 2:
            sandbox.sleep(1.0)
    most = max(seconds.values(), default=LONGEST)
    said = f"GetSchedule showed a new schedule after {seconds.get('get', LONGEST):.1f} s, ListSchedules after"
    setting = f"stale-schedules={number(most if most >= 1 else 0)}"
    return Answer(f"{said} {seconds.get('list', LONGEST):.1f} s.", setting, seconds)


def group_deletion(sandbox: Sandbox) -> Answer:
    url, arn = sandbox.queue()
    group, scheduler = sandbox.group(), sandbox.clients("scheduler")
    sandbox.schedule("rate(1 minute)", arn, group=group)
    scheduler.delete_schedule_group(Name=group)
    began = sandbox.now()
    while (sandbox.now() - began).total_seconds() < LONGEST and not _refusal(sandbox, "get_schedule_group", Name=group):
        sandbox.sleep(2.0)
    took = (sandbox.now() - began).total_seconds()
    fired = [one for one in sandbox.messages(url, 0, 0) if one.sent > began + timedelta(seconds=1)]
    said = f"A deleted group was gone after {took:.0f} s; its schedule fired {len(fired)} times meanwhile."
    return Answer(said, f"group-deletion={number(took if took >= 2 else 0)}", {"seconds": took, "fired": len(fired)})
