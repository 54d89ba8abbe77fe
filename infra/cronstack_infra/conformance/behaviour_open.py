"""Behaviour that AWS does not specify, and documented behaviour of dead letters, roles and groups.

An open question has no wrong answer: its verdict is the observation (see ``switches``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from cronstack.clock import monotonic, now, sleep
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
)
from cronstack_infra.conformance.scenes import Stage

POLLS: Final = 20
"""Number of short polls for one message."""
ASSUMED: Final = 90.0
"""Seconds after which Scheduler must be able to assume a new role."""
_DONE: Final = {"ActionAfterCompletion": "DELETE"}


def _past_at(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    try:
        schedule(stage, at(now() - timedelta(hours=1)), {"Arn": arn, "Input": "x"})
    except ClientError as refused:
        text = _error_text(refused)
        return lambda: f"refused: {text}"
    end = deadline()
    return lambda: "accepted, fires at once" if receive(stage, url, end) else "accepted, never fires"


def _instant(stage: Stage) -> Check:
    url, arn = stage.queue(stage.name())
    due = (now() + SOON).replace(microsecond=0)
    end = deadline()
    schedule(stage, at(due), {"Arn": arn, "Input": "x"})

    def check() -> str:
        message = receive(stage, url, end)
        if message is None:
            return f"did not fire within {PATIENCE:g} s"
        delay = int(message["Attributes"]["SentTimestamp"]) / 1000 - due.timestamp()
        return f"fires {abs(delay):.1f} s {'before' if delay < 0 else 'after'} its time"

    return check


def _short_polls(stage: Stage) -> Check:
    url, _ = stage.queue(stage.name())
    sqs = stage.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")

    def check() -> str:
        request: dict[str, Any] = {"QueueUrl": url, "VisibilityTimeout": 0}
        if not sqs.receive_message(**request, WaitTimeSeconds=5).get("Messages"):
            return "a long poll found nothing"
        received = sum(bool(sqs.receive_message(**request, WaitTimeSeconds=0).get("Messages")) for _ in range(POLLS))
        return f"{received} of {POLLS} short polls found the message"

    return check


def _new_role(stage: Stage) -> Check:
    start = monotonic()
    role = stage.role(stage.name(), "scheduler.amazonaws.com", ["sqs:SendMessage"])
    first = _refusal(stage, role)

    def check() -> str:
        if not first:
            return "assumed at once"
        while _refusal(stage, role):
            if monotonic() - start > ASSUMED:
                return f"not assumed within {ASSUMED:g} s: {first}"
            sleep(1)
        return f"assumed {monotonic() - start:.0f} s after its creation; before: {first}"

    return check


def _no_letter(stage: Stage, role: str, *, deleted: bool) -> Check:
    """Fire a schedule whose target is missing and whose role cannot send the dead letter."""
    url, letters = stage.queue(stage.name())
    target = {
        "Arn": str(stage.placeholders["queue-arn"]) + "-gone",
        "RoleArn": role,
        "Input": "x",
        "DeadLetterConfig": {"Arn": letters},
        "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
    }
    name = schedule(stage, at(now() + SOON), target, **_DONE)
    if deleted:
        stage.delete_role(role)

    def check() -> str:
        if not until(lambda: not _exists(stage, name), PATIENCE + 60):
            return "the schedule still exists"
        return "a letter came" if receive(stage, url, deadline(3)) else ""

    return check


def _role_without_rights(stage: Stage) -> Check:
    role = stage.role(stage.name(), "scheduler.amazonaws.com", ["lambda:InvokeFunction"])
    until(lambda: not _refusal(stage, role), ASSUMED)
    return _no_letter(stage, role, deleted=False)


def _role_deleted(stage: Stage) -> Check:
    role = stage.role(stage.name(), "scheduler.amazonaws.com", ["sqs:SendMessage"])
    until(lambda: not _refusal(stage, role), ASSUMED)
    return _no_letter(stage, role, deleted=True)


def _group_deleted(stage: Stage) -> Check:
    scheduler, group, name = stage.client("scheduler"), stage.name(), stage.name()
    scheduler.create_schedule_group(Name=group)
    target = {"Arn": stage.placeholders["queue-arn"], "RoleArn": stage.placeholders["scheduler-role"], "Input": "x"}
    request = {"Name": name, "GroupName": group, "FlexibleTimeWindow": OFF, "Target": target}
    scheduler.create_schedule(**request, ScheduleExpression="cron(0 6 * * ? 2199)")
    scheduler.delete_schedule_group(Name=group)

    def is_deleted() -> bool:
        return not _exists(stage, name, GroupName=group)

    return lambda: "" if until(is_deleted, 120) else "its schedule still exists"


def _exists(stage: Stage, name: str, **where: str) -> bool:
    try:
        stage.client("scheduler").get_schedule(Name=name, **where)
    except ClientError:
        return False
    return True


def _refusal(stage: Stage, role: str) -> str:
    """Return the error of creating a schedule with a role; empty without one."""
    try:
        schedule(stage, "cron(0 6 * * ? 2199)", {"Arn": stage.placeholders["queue-arn"], "RoleArn": role, "Input": "x"})
    except ClientError as refused:
        return _error_text(refused)
    return ""


def _error_text(refused: ClientError) -> str:
    error = refused.response["Error"]
    return f"{error.get('Code')}: {error.get('Message')}"


_DOC: Final = "AWS documentation, "

BEHAVIOURS: Final = (
    Behaviour("past at()", "refused, fires at once, or never fires", "reports contradict", _past_at, open=True),
    Behaviour("instant", "within a minute", _DOC + "schedule-types", _instant, open=True),
    Behaviour("short polls", "may be empty", _DOC + "sqs-short-and-long-polling", _short_polls, open=True),
    Behaviour("new role", "assumed after a while", "reports differ", _new_role, open=True),
    Behaviour("role without rights", "no letter", _DOC + "configuring-schedule-dlq", _role_without_rights),
    Behaviour("role gone", "no letter", _DOC + "configuring-schedule-dlq", _role_deleted),
    Behaviour("group deleted", "its schedules, too", "botocore scheduler DeleteScheduleGroup", _group_deleted),
)
