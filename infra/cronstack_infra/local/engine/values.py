"""The engine's inputs and effects: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Target:
    """A target of a schedule or a rule, with its role and retry policy."""

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
    """A schedule of EventBridge Scheduler, or a scheduled rule of EventBridge, after its last change."""

    arn: str
    expression: str
    targets: tuple[Target, ...]
    """A schedule has one target, a rule up to five."""
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    enabled: bool = True
    window: int = 0
    """Flexible time window in minutes; 0 is OFF."""
    delete_when_done: bool = False

    @property
    def is_rule(self) -> bool:
        return is_rule(self.arn)


def is_rule(arn: str) -> bool:
    """Return whether an ARN is that of an EventBridge rule."""
    return arn.split(":")[2] == "events"


@dataclass(frozen=True)
class FunctionRules:
    """Lambda's current rules for a function's asynchronous events."""

    max_retries: int = 2
    max_age: int = 21600
    on_failure: str | None = None
    """ARN of the on-failure destination."""
    on_success: str | None = None
    dead_letters: str | None = None
    """ARN of the function's own dead-letter queue (DeadLetterConfig)."""


@dataclass(frozen=True)
class TargetError:
    """An error response of the target's API: error code, message and HTTP status."""

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
    """The function could not run now: no concurrency left, or a fault of Lambda (status 5xx)."""

    status: int = 429
    reserved_zero: bool = False
    """Whether reserved concurrency is 0, so that the function may never run."""
    shared: bool = False
    """Whether all sandboxes are in use that functions without reserved concurrency share."""


@dataclass(frozen=True)
class Looped:
    """The function has run too often because of one event, and must not run again."""


@dataclass(frozen=True)
class Expired:
    """The event has waited longer than its maximum age, and must not run."""


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
    """Runs of each function that the original event has caused so far."""
    accepted: datetime | None = None
    """When Lambda accepted the event; None after its first attempt, or without a delay before it."""


@dataclass(frozen=True)
class SendRecord:
    """Send the record of a failed delivery or an ended event to its destination.

    ``origin``: "delivery" (dead-letter queue of a schedule's or rule's target), "handler" (on-failure destination or
    function's dead-letter queue) or "success" (on-success destination). ``attributes``: name → (SQS data type, value).
    ``role_arn``: the role that sends. None: the role of ``function_arn``, or EventBridge itself for a rule.
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
    """The deletion of a schedule group has reached its schedules."""

    arn: str


@dataclass(frozen=True)
class Report:
    """An event for the log; it needs no action."""

    event: str
    fields: Mapping[str, Any]


Effect = Deliver | RunFunction | SendRecord | DeleteSchedule | DeleteGroup | Report
