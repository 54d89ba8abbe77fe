"""The event of a scheduled rule of EventBridge, and the dead letter of an undeliverable event. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cronstack_infra.local.engine.chance import letters
from cronstack_infra.local.engine.records import HEX, utc
from cronstack_infra.local.engine.transforming import compact, text_for
from cronstack_infra.local.engine.values import Target, TargetError


def event(rule_arn: str, scheduled: datetime, seed: int) -> dict[str, Any]:
    """Return the "Scheduled Event". All targets of one firing get the same id."""
    _, _, _, region, account, _ = rule_arn.split(":", 5)
    digits = letters(32, seed, rule_arn, scheduled).translate(HEX)
    return {
        "version": "0",
        "id": "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": utc(scheduled),
        "region": region,
        "resources": [rule_arn],
        "detail": {},
    }


def text(target: Target, rule_arn: str, scheduled: datetime, seed: int) -> str:
    """Return what the target receives. Raises CannotTransform."""
    members = target.parameters if target.input is None else {"Input": target.input}
    return text_for(members, event(rule_arn, scheduled, seed), rule_arn)


def dead_letter(
    target: Target,
    *,
    rule_arn: str,
    scheduled: datetime,
    attempt: int,
    refusal: TargetError,
    exhausted: str | None,
    seed: int,
) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return body (the event) and attributes of EventBridge's message to the target's dead-letter queue."""
    attributes = {
        "ERROR_CODE": refusal.code,
        "ERROR_MESSAGE": refusal.message,
        "EXHAUSTED_RETRY_CONDITION": exhausted,
        "RETRY_ATTEMPTS": str(attempt - 1),
        "RULE_ARN": rule_arn,
        "TARGET_ARN": target.arn,
    }
    body = compact(event(rule_arn, scheduled, seed))
    return body, {name: ("String", value) for name, value in attributes.items() if value is not None}
