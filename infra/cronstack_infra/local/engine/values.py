"""What goes into the engine and what comes out of it: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Target:
    """Where a schedule or a rule delivers, with which role, and how often it tries."""

    arn: str
    role_arn: str
    """Empty for a target of a rule that relies on the target's own policy."""
    input: str | None = None
    dead_letters: str | None = None
    """ARN of Scheduler's dead-letter queue."""
    max_age: int = 86400
    max_retries: int = 185
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Other members of the target, such as SqsParameters, or InputPath of a rule's target."""


@dataclass(frozen=True)
class ScheduleConfig:
    """A schedule of EventBridge Scheduler, or a scheduled rule of EventBridge, as its last change left it."""

    arn: str
    expression: str
    targets: tuple[Target, ...]
    """One of a schedule, up to five of a rule."""
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    enabled: bool = True
    window: int = 0
    """Minutes of its flexible window; 0 is OFF."""
    delete_when_done: bool = False

    @property
    def is_rule(self) -> bool:
        return is_rule(self.arn)


def is_rule(arn: str) -> bool:
    """Whether an ARN names a rule of EventBridge."""
    return arn.split(":")[2] == "events"


@dataclass(frozen=True)
class FunctionRules:
    """Lambda's rules for an asynchronous event, as they are when they are asked."""

    max_retries: int = 2
    max_age: int = 21600
    on_failure: str | None = None
    """ARN of the on-failure destination."""
    on_success: str | None = None
    dead_letters: str | None = None
    """ARN of the function's own dead-letter queue (DeadLetterConfig)."""


@dataclass(frozen=True)
class Refusal:
    """The target's API said no: its error code, its message and its HTTP status."""

    code: str
    message: str
    status: int


# outcomes of RunFunction


@dataclass(frozen=True)
class Succeeded:
    payload: str = field(repr=False)
    version: str = "$LATEST"


@dataclass(frozen=True)
class Failed:
    """The function ran and failed: raised, timed out, crashed."""

    payload: str = field(repr=False)
    version: str = "$LATEST"


@dataclass(frozen=True)
class Throttled:
    """It could not run now: no concurrency left, or a fault of Lambda's own (status 5xx)."""

    status: int = 429
    reserved_zero: bool = False
    """Reserved concurrency is 0: it shall not run at all."""
    shared: bool = False
    """All sandboxes of the account that functions without reserved concurrency share are in use."""


@dataclass(frozen=True)
class Looped:
    """It has run too often because of one event: it shall not run again."""


@dataclass(frozen=True)
class Expired:
    """It has waited longer than an event may: it shall not run."""


FunctionOutcome = Succeeded | Failed | Throttled | Looped | Expired

# effects


@dataclass(frozen=True)
class Deliver:
    """Call the target once. Answer with ``Engine.delivered`` or ``Engine.refused``."""

    delivery: int
    schedule_arn: str
    target: Target
    scheduled: datetime
    attempt: int
    execution_id: str
    payload: str = field(repr=False)


@dataclass(frozen=True)
class RunFunction:
    """Invoke a function once, for an asynchronous event. Answer with ``Engine.finished``."""

    request_id: str
    function_arn: str
    payload: str = field(repr=False)
    attempt: int
    counts: Mapping[str, int] = field(default_factory=dict)
    """How often functions have run because of the event that led to this one."""
    accepted: datetime | None = None
    """When Lambda took the event, if it has waited since without having been tried."""


@dataclass(frozen=True)
class SendRecord:
    """Write a record of an end to where it was asked for.

    ``origin``: "delivery" (dead-letter queue of a schedule's or rule's target), "handler" (on-failure destination or
    function's dead-letter queue) or "success" (on-success destination). ``attributes``: name → (SQS data type, value).
    ``role_arn``: the role that writes. None: the role of ``function_arn``, or EventBridge itself for a rule.
    """

    origin: str
    destination: str
    body: str = field(repr=False)
    reason: str
    attributes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    role_arn: str | None = None
    schedule_arn: str | None = None
    function_arn: str | None = None


@dataclass(frozen=True)
class DeleteSchedule:
    """ActionAfterCompletion: the schedule is complete."""

    arn: str


@dataclass(frozen=True)
class DeleteGroup:
    """The deletion of a schedule group has come to its schedules."""

    arn: str


@dataclass(frozen=True)
class Report:
    """Something an onlooker wants to know; nothing is to be done."""

    event: str
    fields: Mapping[str, Any]


Effect = Deliver | RunFunction | SendRecord | DeleteSchedule | DeleteGroup | Report
