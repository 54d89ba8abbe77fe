"""Checks of CreateSchedule and UpdateSchedule, as a table, with AWS's error for each.

moto accepts any expression, name, zone and target. Sources: botocore's model for patterns and bounds, recorded
responses of AWS for the texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.core.exceptions import JsonRESTError

from cronstack.errors import ScheduleError
from cronstack.timetable.instants import parse
from cronstack_infra.local.extras import universal_targets
from cronstack_infra.local.lookups import permissions
from cronstack_infra.switches.settings import Switches

_NAME: Final = re.compile(r"[0-9a-zA-Z-_.]{1,64}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:.+")
_QUEUE: Final = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+")
_KEY: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[0-9a-zA-Z-_]*")
_TEMPLATED: Final = {
    "lambda": re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9-_]+(:[a-zA-Z0-9-_$]+)?"),
    "sqs": re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+(\.fifo)?"),
    "sns": re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+(\.fifo)?"),
}
_OLDEST_START: Final = timedelta(minutes=5)
_LARGEST_INPUT: Final = 256 * 1024


class SchedulerError(JsonRESTError):
    """An error of Scheduler's API; its member is ``Message``, with a capital."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(code, message)
        self.code = status
        self.description = json.dumps({"Message": message})


def invalid(message: str) -> SchedulerError:
    return SchedulerError("ValidationException", message, 400)


def not_found(what: str, name: str) -> SchedulerError:
    return SchedulerError("ResourceNotFoundException", f"{what} {name} does not exist.", 404)


def conflict(what: str, name: str) -> SchedulerError:
    return SchedulerError("ConflictException", f"{what} {name} already exists.", 409)


@dataclass(frozen=True)
class ScheduleRequest:
    """A Create or Update request: its members as sent, and further inputs of the rules."""

    fields: Mapping[str, Any]
    group_arn: str
    account: str
    now: datetime
    switches: Switches = field(default_factory=Switches)
    requested: bool = False
    """Whether the request came from the API. CloudFormation waits for a new role, so the role is not refused there."""

    @property
    def target(self) -> Mapping[str, Any]:
        return self.fields.get("Target") or {}


def check(request: ScheduleRequest) -> None:
    """Raise the first error."""
    for rule in RULES:
        rule(request)


def check_name(name: str | None, member: str) -> None:
    """Raise AWS's error for an invalid name of a schedule or a group."""
    if name is None or not _NAME.fullmatch(name):
        raise invalid(
            f"1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$ and length 1 to 64"
        )


def _one_of(value: Any, member: str, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        )


def _within(value: Any, member: str, least: int, most: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must have value between {least} and {most}"
        )


def _length(value: Any, member: str, least: int, most: int) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise invalid(
            f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
            f"Member must have length between {least} and {most}"
        )


def _matches(value: Any, member: str, pattern: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern.pattern}"
        )


def _required(request: ScheduleRequest) -> None:
    for member in ("ScheduleExpression", "FlexibleTimeWindow", "Target"):
        if not request.fields.get(member):
            raise invalid(f"1 validation error detected: Value null at '{member}': Member must not be null")


def _texts(request: ScheduleRequest) -> None:
    _length(request.fields["ScheduleExpression"], "scheduleExpression", 1, 256)
    _length(request.fields.get("ScheduleExpressionTimezone"), "scheduleExpressionTimezone", 1, 50)
    _length(request.fields.get("Description"), "description", 0, 512)
    _length(request.fields.get("ClientToken"), "clientToken", 1, 64)
    if (key := request.fields.get("KmsKeyArn")) is not None:
        _matches(key, "kmsKeyArn", _KEY)


def _choices(request: ScheduleRequest) -> None:
    _one_of(request.fields.get("State"), "state", ("ENABLED", "DISABLED"))
    _one_of(request.fields.get("ActionAfterCompletion"), "actionAfterCompletion", ("NONE", "DELETE"))


def _expression(request: ScheduleRequest) -> None:
    expression = request.fields["ScheduleExpression"]
    try:
        parse(expression)
    except ScheduleError:
        raise invalid(f"Invalid Schedule Expression {expression}.") from None


def _zone(request: ScheduleRequest) -> None:
    zone = request.fields.get("ScheduleExpressionTimezone")
    if zone is None:
        return
    try:
        parse("rate(1 minute)", timezone=zone)
    except ScheduleError:
        raise invalid(f"Invalid Schedule Expression Timezone {zone}.") from None


def _past(request: ScheduleRequest) -> None:
    """Refuse an at() in the past if the switch ``past_at`` is "refused": for Create and Update, and for any State."""
    expression = request.fields["ScheduleExpression"]
    if request.switches.past_at != "refused" or not expression.startswith("at("):
        return
    zone = request.fields.get("ScheduleExpressionTimezone") or "UTC"
    if next(parse(expression, timezone=zone).after(request.now), None) is None:
        raise invalid(f"The schedule expression {expression} is in the past.")


def _window(request: ScheduleRequest) -> None:
    window = request.fields["FlexibleTimeWindow"]
    mode, minutes = window.get("Mode"), window.get("MaximumWindowInMinutes")
    if mode is None:
        raise invalid("1 validation error detected: Value null at 'flexibleTimeWindow.mode': Member must not be null")
    _one_of(mode, "flexibleTimeWindow.mode", ("OFF", "FLEXIBLE"))
    _within(minutes, "flexibleTimeWindow.maximumWindowInMinutes", 1, 1440)
    if mode == "FLEXIBLE" and minutes is None:
        raise invalid("MaximumWindowInMinutes is required when FlexibleTimeWindow mode is FLEXIBLE.")
    if mode == "OFF" and minutes is not None:
        raise invalid("MaximumWindowInMinutes must not be given when FlexibleTimeWindow mode is OFF.")


def _span(request: ScheduleRequest) -> None:
    start, end = instant(request.fields.get("StartDate")), instant(request.fields.get("EndDate"))
    if request.fields["ScheduleExpression"].startswith("at("):
        return
    refused = request.switches.past_start == "refused"
    if refused and start is not None and start < request.now - _OLDEST_START:
        raise invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end is not None and end <= (start or request.now):
        raise invalid("The EndDate you specify must be later than the StartDate, and in the future.")


def _target(request: ScheduleRequest) -> None:
    arn = request.target.get("Arn")
    _length(arn, "target.arn", 1, 1600)
    _matches(arn, "target.arn", _ARN)
    service = str(arn).split(":")[2]
    if universal_targets.is_universal(str(arn)):
        try:
            universal_targets.call_of(str(arn))
        except universal_targets.InvalidTarget as error:
            raise invalid(f"Provided Arn is not a target: {error}") from None
        return
    if service not in _TEMPLATED:
        raise invalid(f"Provided Arn is not in correct format, or the local cloud does not support its target: {arn}")
    if not _TEMPLATED[service].fullmatch(str(arn)):
        raise invalid(f"Provided Arn is not in correct format: {arn}")
    if str(arn).endswith(".fifo") and service == "sqs":
        group = (request.target.get("SqsParameters") or {}).get("MessageGroupId")
        if not group:
            raise invalid("MessageGroupId is required for a FIFO queue.")


def _input(request: ScheduleRequest) -> None:
    text = request.target.get("Input")
    if text is None:
        return
    if not isinstance(text, str) or not text:
        raise invalid("1 validation error detected: Value at 'target.input': Member must have length at least 1")
    if len(text.encode()) > _LARGEST_INPUT:
        raise invalid(f"Input must not be larger than {_LARGEST_INPUT} bytes.")
    service = request.target["Arn"].split(":")[2]
    if service in ("lambda", "scheduler"):
        try:
            json.loads(_without_attributes(text))
        except ValueError:
            raise invalid("Invalid Input: it must be well-formed JSON for this target.") from None


def _without_attributes(text: str) -> str:
    """Replace attempt-number by a number, because it may be used outside of a JSON string."""
    return re.sub(r"<aws\.scheduler\.attempt-number>", "1", text)


def _retries(request: ScheduleRequest) -> None:
    policy = request.target.get("RetryPolicy") or {}
    _within(policy.get("MaximumEventAgeInSeconds"), "target.retryPolicy.maximumEventAgeInSeconds", 60, 86400)
    _within(policy.get("MaximumRetryAttempts"), "target.retryPolicy.maximumRetryAttempts", 0, 185)


def _dead_letters(request: ScheduleRequest) -> None:
    arn = (request.target.get("DeadLetterConfig") or {}).get("Arn")
    if arn is not None and not _QUEUE.fullmatch(str(arn)):
        raise invalid(f"The dead-letter queue must be a standard SQS queue: {arn}")


def _role(request: ScheduleRequest) -> None:
    arn = request.target.get("RoleArn")
    _matches(arn, "target.roleArn", _ROLE)
    role = permissions.find_role(str(arn))
    context = {"aws:SourceAccount": request.account, "aws:SourceArn": request.group_arn}
    delay = timedelta(seconds=request.switches.role_delay)
    if (
        role is None
        or (delay and request.requested and permissions.is_new(role, request.now - delay))
        or not permissions.may_be_assumed(role, "scheduler.amazonaws.com", context).allowed
    ):
        raise invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")


RULES: Final[tuple[Callable[[ScheduleRequest], None], ...]] = (
    _required,
    _texts,
    _choices,
    _expression,
    _zone,
    _past,
    _window,
    _span,
    _target,
    _input,
    _retries,
    _dead_letters,
    _role,
)
"""The checks in order. The first error is the response."""


def instant(given: Any) -> datetime | None:
    """Parse a timestamp of the API or of a template: epoch seconds, or ISO text."""
    if given is None or given == "":
        return None
    if isinstance(given, str) and not re.fullmatch(r"[\d.]+", given):
        parsed = datetime.fromisoformat(given.replace("Z", "+00:00"))
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(given), UTC)
