"""Observation of behaviour: ``prepare`` creates a schedule or sends an event and returns a check.

The check waits for the expected result. It returns the difference, or an empty text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from cronstack.clock import monotonic, sleep
from cronstack_infra.conformance.scenes import Stage

Check = Callable[[], str]

SOON: Final = timedelta(seconds=6)
PATIENCE: Final = 70.0
"""Seconds to wait for a firing: Scheduler guarantees the minute."""
OFF: Final = {"Mode": "OFF"}


@dataclass(frozen=True)
class Behaviour:
    name: str
    expected: str
    source: str
    prepare: Callable[[Stage], Check]
    slow: bool = False
    last: bool = False
    """Prepared after all others: on an endpoint that differs from AWS, it may change their results."""
    open: bool = False
    """AWS does not specify it: the check returns the observation, which is never wrong."""


def at(instant: datetime, zone: str = "UTC") -> str:
    return f"at({instant.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M:%S})"


def schedule(stage: Stage, expression: str, target: dict[str, Any], **more: Any) -> str:
    scheduler, name = stage.client("scheduler"), stage.name()
    target_with_role = {"RoleArn": stage.placeholders["scheduler-role"], **target}
    scheduler.create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF, Target=target_with_role, **more
    )
    stage.undo(lambda: scheduler.delete_schedule(Name=name))
    return name


def deadline(seconds: float = PATIENCE) -> float:
    """Return the time until which to wait, counted from the preparation."""
    return monotonic() + seconds


def receive(stage: Stage, url: str, end: float) -> dict[str, Any] | None:
    """Receive and delete the next message of a queue. Return None if none has arrived by ``end``."""
    sqs = stage.client("sqs")
    while True:
        wait = max(0, min(5, int(end - monotonic())))
        messages = sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=wait, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages")
        if messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
            return dict(messages[0])
        if monotonic() >= end:
            return None
        sleep(0.2)  # the server may ignore WaitTimeSeconds and respond at once


def until(condition: Callable[[], bool], seconds: float) -> bool:
    end = monotonic() + seconds
    while not condition():
        if monotonic() >= end:
            return False
        sleep(0.5)
    return True


def zulu(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
