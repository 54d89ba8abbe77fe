"""Record who did what, when and why, and list it: one row of the ledger for each action of an operator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from cronstack.entropy import SYSTEM, Randomness, ulid
from cronstack.errors import OperationError
from cronstack.ledger import audit
from cronstack.ledger.partitions import audit_partition
from cronstack.occurrence import print_instant, to_datetime, to_milliseconds
from cronstack_infra.ops.deployment import Clients, Deployment

RETENTION: Final = 400 * 86400
"""Seconds an action stays in the ledger."""
THE_STACK: Final = ""
"""The "job" of an action that is not about one job."""
SHOWN: Final = 10
"""Most names in the details of one action, so that its row stays within 1 KB: one write unit."""
_ULID: Final = 26
_TIME_OF_ULID: Final = 10
_LAST_ID: Final = "76E1X6XC00" + "0" * (_ULID - _TIME_OF_ULID)
"""ULIDs from here on name times after the year 9999."""
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_BASE_32: Final = str.maketrans(_CROCKFORD, "0123456789ABCDEFGHIJKLMNOPQRSTUV")


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
    id: str = field(default="", compare=False)
    """A ULID of its time; "" before it is written."""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id or None,
            "job": self.job or None,
            "action": self.action,
            "at": print_instant(self.at),
            "by": self.operator.by,
            "reason": self.operator.reason or None,
            "details": dict(self.details),
        }


def caller(sts: Any, reason: str = "") -> Operator:
    """Return who calls. GetCallerIdentity needs no right."""
    return Operator(str(sts.get_caller_identity()["Arn"]), reason)


def announce(
    clients: Clients,
    deployment: Deployment,
    job: str,
    action: str,
    *,
    now: datetime,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    randomness: Randomness = SYSTEM,
) -> Action:
    """Record that the caller is about to act on a job, "" for the stack. Return the recorded action.

    Call it before the first change. It raises OperationError if the row cannot be written: then do not act.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        asked = Action(job, action, now, caller(clients("sts"), reason), details or {})
        return record(clients("dynamodb"), deployment.ledger, asked, randomness=randomness)
    except (BotoCoreError, ClientError) as fault:
        raise OperationError(
            f"nothing was changed, because the action could not be recorded in the ledger: {fault}",
            remedy="Each action of an operator is recorded first. It needs dynamodb:UpdateItem on the partition"
            f" {audit_partition(job)} of the table {deployment.ledger}.",
        ) from fault


def record(dynamodb: Any, ledger: str, action: Action, *, randomness: Randomness = SYSTEM) -> Action:
    """Write one action, and return it with its id. Write it before the action is carried out."""
    at = to_milliseconds(action.at)
    id = ulid(at, randomness)
    item = audit.ActionItem(
        action.job,
        at,
        id,
        action.action,
        action.operator.by,
        action.operator.reason,
        json.dumps(dict(action.details), separators=(",", ":")),
    )
    # A refusal means that the row exists: botocore has sent the request again after it lost the answer.
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(**audit.record(ledger, item, ttl=at // 1000 + RETENTION).parameters)
    return replace(action, id=id)


def actions_between(
    dynamodb: Any, ledger: str, job: str, first: datetime, last: datetime, *, newest_first: bool = True
) -> Iterator[Action]:
    """Yield the actions on a job from ``first`` to ``last``."""
    if last < first:
        return  # DynamoDB refuses such a range
    span = {"first": to_milliseconds(first), "last": to_milliseconds(last)}
    start = None
    while True:
        call = audit.query_actions(ledger, job, newest_first=newest_first, start=start, **span)
        answer = dynamodb.query(**call.parameters)
        for item in answer["Items"]:
            got = audit.read_action(item)
            operator = Operator(got.by, got.reason)
            yield Action(got.job, got.action, to_datetime(got.at), operator, json.loads(got.details), got.id)
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def find_action(dynamodb: Any, ledger: str, job: str, id: str) -> Action | None:
    """Return one action by its id, which contains its time. Return None if the ledger does not have it."""
    if len(id) != _ULID or not set(id.upper()) <= set(_CROCKFORD) or id > _LAST_ID:
        return None
    at = to_datetime(int(id[:_TIME_OF_ULID].upper().translate(_TO_BASE_32), 32))
    return next((action for action in actions_between(dynamodb, ledger, job, at, at) if action.id == id.upper()), None)


def latest_actions(
    dynamodb: Any,
    ledger: str,
    jobs: Iterable[str],
    first: datetime,
    last: datetime,
    *,
    most: int,
    action: str | None = None,
) -> list[Action]:
    """Return the latest actions on some jobs, at most ``most``, the newest first. ``action``: only of this name."""
    found: list[Action] = []
    for job in jobs:
        of_job = actions_between(dynamodb, ledger, job, first, last)
        found += islice((each for each in of_job if action in (None, each.action)), most)
    return sorted(found, key=lambda each: (each.at, each.id), reverse=True)[:most]


def names_of(items: Sequence[str]) -> dict[str, Any]:
    """Return the number of items and the first few names, for the details of an action on many items."""
    return {"count": len(items), "first": [*items[:SHOWN]]}
