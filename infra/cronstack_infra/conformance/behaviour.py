"""What can be seen of AWS's behaviour over an endpoint within a minute or two: prepared all at once, then awaited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from botocore.exceptions import ClientError

from cronstack.clock import now
from cronstack_infra.conformance import behaviour_functions, behaviour_open
from cronstack_infra.conformance.reading import difference
from cronstack_infra.conformance.scenes import Stage
from cronstack_infra.conformance.seeing import (
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
from cronstack_infra.conformance.values import SAME, Verdict


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
        return "" if until(lambda: not _is_there(stage, name), 30) else "it is still there"

    return check


def _is_there(stage: Stage, name: str) -> bool:
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
        return "" if _is_there(stage, name) else "it is gone"

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
    gone = str(stage.words["queue-arn"]) + "-gone"
    target = {
        "Arn": gone,
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
        given = {key: value["StringValue"] for key, value in message.get("MessageAttributes", {}).items()}
        if given.get("ERROR_CODE") != "AWS.SimpleQueueService.NonExistentQueue":
            return f"ERROR_CODE is {given.get('ERROR_CODE')}"
        if given.get("SCHEDULED_TIME") != zulu(instant):
            return f"SCHEDULED_TIME is {given.get('SCHEDULED_TIME')}"
        if given.get("TARGET_ARN") != "arn:aws:scheduler:::aws-sdk:sqs:sendMessage":
            return f"TARGET_ARN is {given.get('TARGET_ARN')}"
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
            Target={"Arn": stage.words["function-arn"], "RoleArn": stage.words["scheduler-role"]},
        )

    def check() -> str:
        first = scheduler.list_schedules(GroupName=group, MaxResults=2)
        if len(first["Schedules"]) != 2 or not first.get("NextToken"):
            return f"the first page has {len(first['Schedules'])}, NextToken {first.get('NextToken')}"
        second = scheduler.list_schedules(GroupName=group, MaxResults=2, NextToken=first["NextToken"])
        names = [one["Name"] for one in (*first["Schedules"], *second["Schedules"])]
        if sorted(names) != ["page-0", "page-1", "page-2"] or second.get("NextToken"):
            return f"the pages hold {names}"
        return ""

    return check


def _defaults(stage: Stage) -> Check:
    name = schedule(stage, "cron(0 6 * * ? 2199)", {"Arn": stage.words["function-arn"], "Input": "{}"})
    wanted = {"State": "ENABLED", "ActionAfterCompletion": "NONE", "ScheduleExpressionTimezone": "UTC"}
    retries = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}

    def check() -> str:
        found = stage.client("scheduler").get_schedule(Name=name)
        return difference(wanted, found) or difference(retries, found["Target"].get("RetryPolicy")) or ""

    return check


def _resets(stage: Stage) -> Check:
    target = {"Arn": stage.words["function-arn"], "Input": "{}"}
    name = schedule(
        stage,
        "rate(300 days)",
        target | {"DeadLetterConfig": {"Arn": stage.words["queue-arn"]}, "RetryPolicy": {"MaximumRetryAttempts": 3}},
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
        Target=target | {"RoleArn": stage.words["scheduler-role"]},
    )

    def check() -> str:
        found = scheduler.get_schedule(Name=name)
        kept = [key for key in ("Description",) if found.get(key)]
        kept += [key for key in ("DeadLetterConfig",) if found["Target"].get(key)]
        wanted = {"State": "ENABLED", "ActionAfterCompletion": "NONE", "ScheduleExpressionTimezone": "UTC"}
        kept += [f"{key} {found.get(key)}" for key, value in wanted.items() if found.get(key) != value]
        if found["Target"].get("RetryPolicy", {}).get("MaximumRetryAttempts") != 185:
            kept.append("RetryPolicy")
        return f"after the update: {', '.join(kept)}" if kept else ""

    return check


def _stops_no_other(stage: Stage) -> Check:
    _, arn = stage.queue(stage.name())
    for expression in ("some cron", "cron(71 6 * * ? 2199)", "rate(10 seconds)"):
        try:
            schedule(stage, expression, {"Arn": arn, "Input": "x"})
        except ClientError:
            continue  # as on AWS; the question is what happens where it is accepted
    return _fires(stage)


_DOC: Final = "AWS documentation, "

BEHAVIOURS: Final = (
    Behaviour("a schedule fires", "its Input arrives in its minute", _DOC + "schedule-types", _fires),
    Behaviour("context attributes", "replaced in Input", _DOC + "managing-schedule-context-attributes", _attributes),
    Behaviour("time zone", "at() is in the schedule's zone", _DOC + "schedule-types", _zone),
    Behaviour("completion DELETE", "gone after it fired", _DOC + "managing-schedule-delete", _deleted),
    Behaviour("completion NONE", "there after it fired", _DOC + "managing-schedule-delete", _stays),
    Behaviour("disabled", "does not fire", _DOC + "managing-schedule-state", _disabled),
    Behaviour("undeliverable", "to its dead-letter queue", _DOC + "configuring-schedule-dlq", _dead_letter),
    Behaviour("omitted members", "are shown with their defaults", "botocore scheduler", _defaults),
    Behaviour("update", "what it omits is reset", "botocore scheduler UpdateSchedule", _resets),
    Behaviour("list", "pages", "botocore scheduler ListSchedules", _pages),
    *behaviour_functions.BEHAVIOURS,
    *behaviour_open.BEHAVIOURS,
    Behaviour("bad expressions", "stop no other schedule", _DOC + "schedule-types", _stops_no_other, last=True),
)


def watch(stage: Stage, *, slow: bool) -> Iterator[Verdict]:
    """Prepare all behaviours, then wait for each."""
    chosen = [one for one in BEHAVIOURS if slow or not one.slow]
    for together in ([one for one in chosen if not one.last], [one for one in chosen if one.last]):
        yield from judged(stage, together)


def judged(stage: Stage, together: Iterable[Behaviour]) -> Iterator[Verdict]:
    """Prepare some behaviours, then wait for each."""
    prepared = [(one, _prepared(stage, one)) for one in together]
    for one, check in sorted(prepared, key=lambda pair: pair[0].slow):
        yield _verdict(one, check)


def _prepared(stage: Stage, one: Behaviour) -> Check:
    try:
        return one.prepare(stage)
    except Exception as fault:  # an endpoint may answer anything; the other questions are asked all the same
        text = f"it cannot be prepared: {type(fault).__name__}: {str(fault)[:80]}"
        return lambda: text


def _verdict(one: Behaviour, check: Check) -> Verdict:
    seen = ""
    try:
        wrong = check()
        if one.open:
            seen, wrong = wrong, ""
    except Exception as fault:  # as above: it is an answer, and a wrong one
        wrong = f"{type(fault).__name__}: {' '.join(str(fault).split())[:80]}"
    return Verdict(
        row=one.name,
        service="behaviour",
        asked=one.name,
        expected=one.expected,
        source=one.source,
        got=wrong or seen or one.expected,
        refusal="differs" if wrong else SAME,
        neighbour="",
    )
