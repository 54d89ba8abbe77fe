"""Behaviour of AWS that an endpoint shows within a minute or two. All is prepared first, then awaited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from botocore.exceptions import ClientError

from cronstack.clock import now
from cronstack_infra.conformance import behaviour_functions, behaviour_open
from cronstack_infra.conformance.observation import (
    OFF,
    PATIENCE,
    SOON,
    Behaviour,
    Check,
    at,
    deadline,
    receive,
    schedule,
    until,
    zulu,
)
from cronstack_infra.conformance.reading import difference
from cronstack_infra.conformance.scenes import Stage
from cronstack_infra.conformance.values import SAME, RowResult


def _fires(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    end = deadline()
    schedule(stage, at(now() + SOON), {"Arn": arn, "Input": "hello"})

    def check() -> str:
        message = receive(stage, url, end)
        if message is None:
            return "nothing came"
        return "" if message["Body"] == "hello" else f"the body is {message['Body'][:60]!r}"

    return check


def _attributes(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    end = deadline()
    instant = now() + SOON
    names = ("scheduled-time", "schedule-arn", "execution-id", "attempt-number")
    text = json.dumps({name: f"<aws.scheduler.{name}>" for name in names})
    name = schedule(stage, at(instant), {"Arn": arn, "Input": text})

    def check() -> str:
        message = receive(stage, url, end)
        if message is None:
            return "nothing came"
        body = json.loads(message["Body"])
        if body["scheduled-time"] != zulu(instant):
            return f"scheduled-time is {body['scheduled-time']}, not {zulu(instant)}"
        if not body["schedule-arn"].endswith(f":schedule/default/{name}"):
            return f"schedule-arn is {body['schedule-arn']}"
        if "<" in body["execution-id"] or body["attempt-number"] != "1":
            return f"execution-id is {body['execution-id']}, attempt-number {body['attempt-number']}"
        return ""

    return check


def _zone(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    end = deadline()
    instant = now() + SOON
    target = {"Arn": arn, "Input": "<aws.scheduler.scheduled-time>"}
    schedule(stage, at(instant, "Asia/Tokyo"), target, ScheduleExpressionTimezone="Asia/Tokyo")

    def check() -> str:
        message = receive(stage, url, end)
        if message is None:
            return "nothing came"
        return "" if message["Body"] == zulu(instant) else f"scheduled-time is {message['Body'][:60]}"

    return check


def _deleted(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    end = deadline()
    name = schedule(stage, at(now() + SOON), {"Arn": arn, "Input": "x"}, ActionAfterCompletion="DELETE")

    def check() -> str:
        if receive(stage, url, end) is None:
            return "nothing came"
        return "" if until(lambda: not _exists(stage, name), 30) else "it still exists"

    return check


def _exists(stage: Stage, name: str) -> bool:
    try:
        stage.client("scheduler").get_schedule(Name=name)
    except ClientError:
        return False
    return True


def _stays(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    end = deadline()
    name = schedule(stage, at(now() + SOON), {"Arn": arn, "Input": "x"})

    def check() -> str:
        if receive(stage, url, end) is None:
            return "nothing came"
        return "" if _exists(stage, name) else "it no longer exists"

    return check


def _disabled(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    end = deadline(SOON.total_seconds() + 5)
    instant = now() + SOON
    schedule(stage, at(instant), {"Arn": arn, "Input": "x"}, State="DISABLED")

    def check() -> str:
        return "" if receive(stage, url, end) is None else "it fired"

    return check


def _dead_letter(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    end = deadline(PATIENCE + 20)
    missing = str(stage.placeholders["queue-arn"]) + "-gone"
    target = {
        "Arn": missing,
        "Input": "lost",
        "DeadLetterConfig": {"Arn": arn},
        "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
    }
    instant = now() + SOON
    schedule(stage, at(instant), target)

    def check() -> str:
        message = receive(stage, url, end)
        if message is None:
            return "nothing came to the dead-letter queue"
        attributes = {key: value["StringValue"] for key, value in message.get("MessageAttributes", {}).items()}
        if attributes.get("ERROR_CODE") != "AWS.SimpleQueueService.NonExistentQueue":
            return f"ERROR_CODE is {attributes.get('ERROR_CODE')}"
        if attributes.get("SCHEDULED_TIME") != zulu(instant):
            return f"SCHEDULED_TIME is {attributes.get('SCHEDULED_TIME')}"
        if attributes.get("TARGET_ARN") != "arn:aws:scheduler:::aws-sdk:sqs:sendMessage":
            return f"TARGET_ARN is {attributes.get('TARGET_ARN')}"
        try:
            body = json.loads(message["Body"]).get("MessageBody")
        except (ValueError, AttributeError):
            body = None
        return "" if body == "lost" else f"the body is {message['Body'][:60]}"

    return check


def _pages(stage: Stage) -> Check:
    scheduler, group = stage.client("scheduler"), stage.name()
    scheduler.create_schedule_group(Name=group)
    stage.undo(lambda: scheduler.delete_schedule_group(Name=group))
    for number in range(3):
        scheduler.create_schedule(
            Name=f"page-{number}",
            GroupName=group,
            ScheduleExpression="cron(0 6 * * ? 2199)",
            FlexibleTimeWindow=OFF,
            Target={"Arn": stage.placeholders["function-arn"], "RoleArn": stage.placeholders["scheduler-role"]},
        )

    def check() -> str:
        first = scheduler.list_schedules(GroupName=group, MaxResults=2)
        if len(first["Schedules"]) != 2 or not first.get("NextToken"):
            return f"the first page has {len(first['Schedules'])}, NextToken {first.get('NextToken')}"
        second = scheduler.list_schedules(GroupName=group, MaxResults=2, NextToken=first["NextToken"])
        names = [entry["Name"] for entry in (*first["Schedules"], *second["Schedules"])]
        if sorted(names) != ["page-0", "page-1", "page-2"] or second.get("NextToken"):
            return f"the pages contain {names}"
        return ""

    return check


def _defaults(stage: Stage) -> Check:
    name = schedule(stage, "cron(0 6 * * ? 2199)", {"Arn": stage.placeholders["function-arn"], "Input": "{}"})
    defaults = {"State": "ENABLED", "ActionAfterCompletion": "NONE", "ScheduleExpressionTimezone": "UTC"}
    retries = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}

    def check() -> str:
        actual = stage.client("scheduler").get_schedule(Name=name)
        return difference(defaults, actual) or difference(retries, actual["Target"].get("RetryPolicy")) or ""

    return check


def _resets(stage: Stage) -> Check:
    target = {"Arn": stage.placeholders["function-arn"], "Input": "{}"}
    name = schedule(
        stage,
        "rate(300 days)",
        target
        | {"DeadLetterConfig": {"Arn": stage.placeholders["queue-arn"]}, "RetryPolicy": {"MaximumRetryAttempts": 3}},
        State="DISABLED",
        Description="all of it",
        ActionAfterCompletion="DELETE",
        ScheduleExpressionTimezone="Europe/Berlin",
    )
    scheduler = stage.client("scheduler")
    scheduler.update_schedule(
        Name=name,
        ScheduleExpression="cron(0 6 * * ? 2199)",
        FlexibleTimeWindow=OFF,
        Target=target | {"RoleArn": stage.placeholders["scheduler-role"]},
    )

    def check() -> str:
        actual = scheduler.get_schedule(Name=name)
        kept = [key for key in ("Description",) if actual.get(key)]
        kept += [key for key in ("DeadLetterConfig",) if actual["Target"].get(key)]
        defaults = {"State": "ENABLED", "ActionAfterCompletion": "NONE", "ScheduleExpressionTimezone": "UTC"}
        kept += [f"{key} {actual.get(key)}" for key, value in defaults.items() if actual.get(key) != value]
        if actual["Target"].get("RetryPolicy", {}).get("MaximumRetryAttempts") != 185:
            kept.append("RetryPolicy")
        return f"after the update: {', '.join(kept)}" if kept else ""

    return check


def _stops_no_other(stage: Stage) -> Check:
    _, arn = stage.queue(stage.name())
    for expression in ("some cron", "cron(71 6 * * ? 2199)", "rate(10 seconds)"):
        try:
            schedule(stage, expression, {"Arn": arn, "Input": "x"})
        except ClientError:
            continue  # as on AWS; this row checks endpoints that accept the expression
    return _fires(stage)


_DOC: Final = "AWS documentation, "

BEHAVIOURS: Final = (
    Behaviour("a schedule fires", "its Input arrives in its minute", _DOC + "schedule-types", _fires),
    Behaviour("context attributes", "replaced in Input", _DOC + "managing-schedule-context-attributes", _attributes),
    Behaviour("time zone", "at() is in the schedule's zone", _DOC + "schedule-types", _zone),
    Behaviour("completion DELETE", "deleted after it fired", _DOC + "managing-schedule-delete", _deleted),
    Behaviour("completion NONE", "exists after it fired", _DOC + "managing-schedule-delete", _stays),
    Behaviour("disabled", "does not fire", _DOC + "managing-schedule-state", _disabled),
    Behaviour("undeliverable", "to its dead-letter queue", _DOC + "configuring-schedule-dlq", _dead_letter),
    Behaviour("omitted members", "are shown with their defaults", "botocore scheduler", _defaults),
    Behaviour("update", "omitted members are reset", "botocore scheduler UpdateSchedule", _resets),
    Behaviour("list", "pages", "botocore scheduler ListSchedules", _pages),
    *behaviour_functions.BEHAVIOURS,
    *behaviour_open.BEHAVIOURS,
    Behaviour("bad expressions", "stop no other schedule", _DOC + "schedule-types", _stops_no_other, last=True),
)


def run_behaviours(stage: Stage, *, slow: bool) -> Iterator[RowResult]:
    """Prepare all behaviours, then wait for each. Yield their verdicts."""
    chosen = [behaviour for behaviour in BEHAVIOURS if slow or not behaviour.slow]
    yield from judged(stage, [behaviour for behaviour in chosen if not behaviour.last])
    yield from judged(stage, [behaviour for behaviour in chosen if behaviour.last])


def judged(stage: Stage, behaviours: Iterable[Behaviour]) -> Iterator[RowResult]:
    """Prepare some behaviours, then wait for each. Yield their verdicts."""
    prepared = [(behaviour, _prepared(stage, behaviour)) for behaviour in behaviours]
    for behaviour, check in sorted(prepared, key=lambda pair: pair[0].slow):
        yield _verdict(behaviour, check)


def _prepared(stage: Stage, behaviour: Behaviour) -> Check:
    try:
        return behaviour.prepare(stage)
    except Exception as fault:  # of any type: an endpoint may return anything, and the other rows must still run
        text = f"it cannot be prepared: {type(fault).__name__}: {str(fault)[:80]}"
        return lambda: text


def _verdict(behaviour: Behaviour, check: Check) -> RowResult:
    seen = ""
    try:
        wrong = check()
        if behaviour.open:
            seen, wrong = wrong, ""
    except Exception as fault:  # of any type, as above: it counts as a wrong response
        wrong = f"{type(fault).__name__}: {' '.join(str(fault).split())[:80]}"
    return RowResult(
        row=behaviour.name,
        service="behaviour",
        asked=behaviour.name,
        expected=behaviour.expected,
        source=behaviour.source,
        got=wrong or seen or behaviour.expected,
        refusal="differs" if wrong else SAME,
        neighbour="",
    )
