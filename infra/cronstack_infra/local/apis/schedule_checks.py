"""What CreateSchedule and UpdateSchedule refuse, as a table: rule after rule, AWS's error for each.

moto accepts any expression, name, zone and target. Sources: botocore's model for patterns and bounds, recorded
answers of AWS for the texts.
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
from cronstack_infra.local.lookups import permissions, universal
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
class Asked:
    """A Create or an Update: its members as sent, and what the rules need to know besides."""

    fields: Mapping[str, Any]
    group_arn: str
    account: str
    now: datetime
    switches: Switches = field(default_factory=Switches)
    requested: bool = False
    """By a request to the API, not by CloudFormation, which waits for a role that it has made."""

    @property
    def target(self) -> Mapping[str, Any]:
        return self.fields.get("Target") or {}


def check(asked: Asked) -> None:
    """Raise the first refusal."""
    for rule in RULES:
        rule(asked)


def check_name(name: str | None, member: str) -> None:
    """Of a schedule or a group."""
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


def _required(asked: Asked) -> None:
    for member in ("ScheduleExpression", "FlexibleTimeWindow", "Target"):
        if not asked.fields.get(member):
            raise invalid(f"1 validation error detected: Value null at '{member}': Member must not be null")


def _texts(asked: Asked) -> None:
    _length(asked.fields["ScheduleExpression"], "scheduleExpression", 1, 256)
    _length(asked.fields.get("ScheduleExpressionTimezone"), "scheduleExpressionTimezone", 1, 50)
    _length(asked.fields.get("Description"), "description", 0, 512)
    _length(asked.fields.get("ClientToken"), "clientToken", 1, 64)
    if (key := asked.fields.get("KmsKeyArn")) is not None:
        _matches(key, "kmsKeyArn", _KEY)


def _choices(asked: Asked) -> None:
    _one_of(asked.fields.get("State"), "state", ("ENABLED", "DISABLED"))
    _one_of(asked.fields.get("ActionAfterCompletion"), "actionAfterCompletion", ("NONE", "DELETE"))


def _expression(asked: Asked) -> None:
    expression = asked.fields["ScheduleExpression"]
    try:
        parse(expression)
    except ScheduleError:
        raise invalid(f"Invalid Schedule Expression {expression}.") from None


def _zone(asked: Asked) -> None:
    zone = asked.fields.get("ScheduleExpressionTimezone")
    if zone is None:
        return
    try:
        parse("rate(1 minute)", timezone=zone)
    except ScheduleError:
        raise invalid(f"Invalid Schedule Expression Timezone {zone}.") from None


def _past(asked: Asked) -> None:
    """Refuse an at() that is past, if that is how AWS is played: of Create and Update, whatever the State."""
    expression = asked.fields["ScheduleExpression"]
    if asked.switches.past_at != "refused" or not expression.startswith("at("):
        return
    zone = asked.fields.get("ScheduleExpressionTimezone") or "UTC"
    if next(parse(expression, timezone=zone).after(asked.now), None) is None:
        raise invalid(f"The schedule expression {expression} is in the past.")


def _window(asked: Asked) -> None:
    window = asked.fields["FlexibleTimeWindow"]
    mode, minutes = window.get("Mode"), window.get("MaximumWindowInMinutes")
    if mode is None:
        raise invalid("1 validation error detected: Value null at 'flexibleTimeWindow.mode': Member must not be null")
    _one_of(mode, "flexibleTimeWindow.mode", ("OFF", "FLEXIBLE"))
    _within(minutes, "flexibleTimeWindow.maximumWindowInMinutes", 1, 1440)
    if mode == "FLEXIBLE" and minutes is None:
        raise invalid("MaximumWindowInMinutes is required when FlexibleTimeWindow mode is FLEXIBLE.")
    if mode == "OFF" and minutes is not None:
        raise invalid("MaximumWindowInMinutes must not be given when FlexibleTimeWindow mode is OFF.")


def _span(asked: Asked) -> None:
    start, end = instant(asked.fields.get("StartDate")), instant(asked.fields.get("EndDate"))
    if asked.fields["ScheduleExpression"].startswith("at("):
        return
    refused = asked.switches.past_start == "refused"
    if refused and start is not None and start < asked.now - _OLDEST_START:
        raise invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end is not None and end <= (start or asked.now):
        raise invalid("The EndDate you specify must be later than the StartDate, and in the future.")


def _target(asked: Asked) -> None:
    arn = asked.target.get("Arn")
    _length(arn, "target.arn", 1, 1600)
    _matches(arn, "target.arn", _ARN)
    service = str(arn).split(":")[2]
    if universal.is_universal(str(arn)):
        try:
            universal.call_of(str(arn))
        except universal.NotATarget as why:
            raise invalid(f"Provided Arn is not a target: {why}") from None
        return
    if service not in _TEMPLATED:
        raise invalid(f"Provided Arn is not in correct format, or its target is not carried out locally: {arn}")
    if not _TEMPLATED[service].fullmatch(str(arn)):
        raise invalid(f"Provided Arn is not in correct format: {arn}")
    if str(arn).endswith(".fifo") and service == "sqs":
        group = (asked.target.get("SqsParameters") or {}).get("MessageGroupId")
        if not group:
            raise invalid("MessageGroupId is required for a FIFO queue.")


def _input(asked: Asked) -> None:
    text = asked.target.get("Input")
    if text is None:
        return
    if not isinstance(text, str) or not text:
        raise invalid("1 validation error detected: Value at 'target.input': Member must have length at least 1")
    if len(text.encode()) > _LARGEST_INPUT:
        raise invalid(f"Input must not be larger than {_LARGEST_INPUT} bytes.")
    service = asked.target["Arn"].split(":")[2]
    if service in ("lambda", "scheduler"):
        try:
            json.loads(_without_attributes(text))
        except ValueError:
            raise invalid("Invalid Input: it must be well-formed JSON for this target.") from None


def _without_attributes(text: str) -> str:
    """attempt-number may stand outside of a string."""
    return re.sub(r"<aws\.scheduler\.attempt-number>", "1", text)


def _retries(asked: Asked) -> None:
    policy = asked.target.get("RetryPolicy") or {}
    _within(policy.get("MaximumEventAgeInSeconds"), "target.retryPolicy.maximumEventAgeInSeconds", 60, 86400)
    _within(policy.get("MaximumRetryAttempts"), "target.retryPolicy.maximumRetryAttempts", 0, 185)


def _dead_letters(asked: Asked) -> None:
    arn = (asked.target.get("DeadLetterConfig") or {}).get("Arn")
    if arn is not None and not _QUEUE.fullmatch(str(arn)):
        raise invalid(f"The dead-letter queue must be a standard SQS queue: {arn}")


def _role(asked: Asked) -> None:
    arn = asked.target.get("RoleArn")
    _matches(arn, "target.roleArn", _ROLE)
    role = permissions.find_role(str(arn))
    context = {"aws:SourceAccount": asked.account, "aws:SourceArn": asked.group_arn}
    delay = timedelta(seconds=asked.switches.role_delay)
    if (
        role is None
        or (delay and asked.requested and permissions.is_new(role, asked.now - delay))
        or not permissions.may_be_assumed(role, "scheduler.amazonaws.com", context).allowed
    ):
        raise invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")


RULES: Final[tuple[Callable[[Asked], None], ...]] = (
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
"""In this order; the first that refuses is the answer."""


def instant(given: Any) -> datetime | None:
    """A timestamp as the API or a template sends it: epoch seconds, or ISO text."""
    if given is None or given == "":
        return None
    if isinstance(given, str) and not re.fullmatch(r"[\d.]+", given):
        found = datetime.fromisoformat(given.replace("Z", "+00:00"))
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(given), UTC)
