"""How behaviour is seen: a behaviour is prepared (a schedule is made, an event is sent) and answers with its check.

The check waits for what must come and returns what differs, or an empty text.
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
"""Seconds in which a firing must come: Scheduler promises the minute."""
OFF: Final = {"Mode": "OFF"}


@dataclass(frozen=True)
class Behaviour:
    name: str
    expected: str
    source: str
    prepare: Callable[[Stage], Check]
    slow: bool = False
    last: bool = False
    """Prepared only when all others are done: it may spoil them where it is not as on AWS."""
    open: bool = False
    """AWS leaves it open: the check returns what was seen, and nothing is wrong."""


def at(instant: datetime, zone: str = "UTC") -> str:
    return f"at({instant.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M:%S})"


def schedule(stage: Stage, expression: str, target: dict[str, Any], **more: Any) -> str:
    scheduler, name = stage.client("scheduler"), stage.name()
    whole = {"RoleArn": stage.words["scheduler-role"], **target}
    scheduler.create_schedule(Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF, Target=whole, **more)
    stage.undo(lambda: scheduler.delete_schedule(Name=name))
    return name


def deadline(seconds: float = PATIENCE) -> float:
    """Until when to wait for what is being prepared: it comes while other things are waited for."""
    return monotonic() + seconds


def receive(stage: Stage, url: str, end: float) -> dict[str, Any] | None:
    """The next message of a queue, deleted; None when none has come by ``end``."""
    sqs = stage.client("sqs")
    while True:
        wait = max(0, min(5, int(end - monotonic())))
        found = sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=wait, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages")
        if found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
            return dict(found[0])
        if monotonic() >= end:
            return None
        sleep(0.2)  # a server that answers at once must not be flooded


def until(right: Callable[[], bool], seconds: float) -> bool:
    end = monotonic() + seconds
    while not right():
        if monotonic() >= end:
            return False
        sleep(0.5)
    return True


def zulu(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
