"""Texts that AWS writes: a target's payload, Scheduler's dead letter, Lambda's record of an asynchronous event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cronstack_infra.local.engine.chance import letters
from cronstack_infra.local.engine.values import Target, TargetError

LARGEST_SQS_BODY: Final = 1024 * 1024
LARGEST_SNS_BODY: Final = 256 * 1024


def utc(instant: datetime) -> str:
    """Return a time in Scheduler's form: "2022-03-22T18:59:43Z"."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_millis(instant: datetime) -> str:
    """Return a time in Lambda's form: "2019-11-14T18:16:05.568Z"."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def payload(
    target: Target, *, schedule_arn: str, scheduled: datetime, execution_id: str, attempt: int, seed: int
) -> str:
    """Return the target's Input with the context attributes replaced, or Scheduler's default notification."""
    if target.input is None:
        return _default_notification(schedule_arn, scheduled, seed)
    text = target.input
    for name, value in (
        ("schedule-arn", schedule_arn),
        ("scheduled-time", utc(scheduled)),
        ("execution-id", execution_id),
        ("attempt-number", str(attempt)),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _default_notification(schedule_arn: str, scheduled: datetime, seed: int) -> str:
    _, _, _, region, account, _ = schedule_arn.split(":", 5)
    digits = letters(32, seed, schedule_arn, scheduled).translate(HEX)
    return json.dumps(
        {
            "version": "0",
            "id": "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": account,
            "time": utc(scheduled),
            "region": region,
            "resources": [schedule_arn],
            "detail": "{}",
        }
    )


HEX: Final = str.maketrans("ghijklmnopqrstuvwxyz", "0123456789abcdef0123")


def short(arn: str) -> str:
    """Return a target's name in events: a function's name, or another target's ARN."""
    parts = arn.split(":")
    return parts[6] if parts[2] == "lambda" else arn


def api_action(target: Target) -> str:
    """Return a target in universal form, such as ``arn:aws:scheduler:::aws-sdk:lambda:invoke``."""
    service = target.arn.split(":")[2]
    action = {"lambda": "lambda:invoke", "sqs": "sqs:sendMessage", "sns": "sns:publish"}.get(service)
    return f"arn:aws:scheduler:::aws-sdk:{action}" if action else target.arn


def api_request(target: Target, text: str) -> dict[str, Any]:
    """Return Scheduler's request to the target's API, from the target and its input."""
    service = target.arn.split(":")[2]
    if service == "lambda":
        return {"FunctionName": target.arn, "InvocationType": "Event", "Payload": text}
    if service == "sqs":
        _, _, _, region, account, queue = target.arn.split(":")
        request = {"MessageBody": text, "QueueUrl": f"https://sqs.{region}.amazonaws.com/{account}/{queue}"}
        return request | dict(target.parameters.get("SqsParameters") or {})
    if service == "sns":
        return {"Message": text, "TopicArn": target.arn}
    return dict(json.loads(text or "{}"))


def dead_letter(
    target: Target,
    text: str,
    *,
    schedule_arn: str,
    scheduled: datetime,
    execution_id: str,
    attempt: int,
    refusal: TargetError,
    exhausted: str | None,
) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return body and attributes of Scheduler's message to its dead-letter queue."""
    body = json.dumps(api_request(target, text))
    fits = len(body.encode()) <= LARGEST_SQS_BODY
    attributes = {
        "ERROR_CODE": refusal.code,
        "ERROR_MESSAGE": refusal.message,
        "EXECUTION_ID": execution_id,
        "EXHAUSTED_RETRY_CONDITION": exhausted,
        "IS_PAYLOAD_TRUNCATED": "false" if fits else "true",
        "RETRY_ATTEMPTS": str(attempt - 1),
        "SCHEDULED_TIME": utc(scheduled),
        "SCHEDULE_ARN": schedule_arn,
        "TARGET_ARN": api_action(target),
    }
    if not fits:
        body = body.encode()[:LARGEST_SQS_BODY].decode("utf-8", "ignore")
    return body, {name: ("String", value) for name, value in attributes.items() if value is not None}


def destination(
    *,
    request_id: str,
    function_arn: str,
    condition: str,
    invoke_count: int,
    event: str,
    now: datetime,
    response: Mapping[str, Any] | None,
    response_payload: str | None,
    to: str,
) -> str:
    """Return Lambda's record of an asynchronous event for the destination ``to``; without payloads if too large."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": utc_millis(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": invoke_count,
        },
        "requestPayload": _value(event),
    }
    if response is not None:
        record["responseContext"] = dict(response)
        record["responsePayload"] = _value(response_payload or "null")
    text = json.dumps(record)
    if len(text.encode()) > (LARGEST_SNS_BODY if to.split(":")[2] == "sns" else LARGEST_SQS_BODY):
        text = json.dumps({name: value for name, value in record.items() if not name.endswith("Payload")})
    return text


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def error_message(error_payload: str) -> str:
    """Return the errorMessage of a function's failure."""
    fields = _value(error_payload)
    return str(fields.get("errorMessage") or "") if isinstance(fields, dict) else str(error_payload)
