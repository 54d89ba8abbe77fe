"""Record who did what, when and why, and list it: one row of the ledger for each action of an operator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cronstack.entropy import SYSTEM, Randomness, ulid
from cronstack.ledger import audit
from cronstack.occurrence import print_instant, to_datetime, to_milliseconds

RETENTION: Final = 400 * 86400
"""Seconds an action stays in the ledger."""


@dataclass(frozen=True)
class Operator:
    """The person or program that runs a command, and why."""

    by: str
    """ARN of the identity, as STS returns it."""
    reason: str = ""


@dataclass(frozen=True)
class Action:
    """One action of an operator on a job."""

    job: str
    action: str
    """The command, such as "pause"."""
    at: datetime
    operator: Operator
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the action changed: JSON values."""

    def as_json(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "action": self.action,
            "at": print_instant(self.at),
            "by": self.operator.by,
            "reason": self.operator.reason or None,
            "details": dict(self.details),
        }


def caller(sts: Any, reason: str = "") -> Operator:
    """Return who calls. GetCallerIdentity needs no right."""
    return Operator(str(sts.get_caller_identity()["Arn"]), reason)


def record(dynamodb: Any, ledger: str, action: Action, *, randomness: Randomness = SYSTEM) -> None:
    """Write one action. Write it before the action is carried out, so that no action lacks its row."""
    at = to_milliseconds(action.at)
    item = audit.ActionItem(
        action.job,
        at,
        ulid(at, randomness),
        action.action,
        action.operator.by,
        action.operator.reason,
        json.dumps(dict(action.details), separators=(",", ":")),
    )
    try:
        dynamodb.update_item(**audit.record(ledger, item, ttl=at // 1000 + RETENTION).parameters)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return  # the row exists: botocore has sent the request again after it lost the answer


def actions_between(
    dynamodb: Any, ledger: str, job: str, first: datetime, last: datetime, *, newest_first: bool = True
) -> Iterator[Action]:
    """Yield the actions on a job from ``first`` to ``last``."""
    span = {"first": to_milliseconds(first), "last": to_milliseconds(last)}
    start = None
    while True:
        call = audit.query_actions(ledger, job, newest_first=newest_first, start=start, **span)
        answer = dynamodb.query(**call.parameters)
        for item in answer["Items"]:
            got = audit.read_action(item)
            operator = Operator(got.by, got.reason)
            yield Action(got.job, got.action, to_datetime(got.at), operator, json.loads(got.details))
        start = answer.get("LastEvaluatedKey")
        if not start:
            return
