"""Callers of AWS: the identity of an access key, and the SenderId that SQS stores with a message.

AWS documents SenderId at ReceiveMessage: "For a user, returns the user ID, for example ABCDEFGHI1JKLMNOPQ23R. For an
IAM role, returns the IAM role ID, for example ABCDE1F2GH3I4JK5LMNOP:i-a123b456", which is the role's unique id and the
name of the session (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html).

    sender                                    SenderId
    code of a function                        its role's id, and the function's name as session
    Lambda, a record for a destination        its function's role's id
    Scheduler, a letter or a target's call    the id of the schedule's role
    a user of IAM                             the user's id
    any other key                             the account's id, as for the root user
    SNS and EventBridge, without a role       moto's constant, in place of AWS's own id
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Final, NamedTuple

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.iam.models import Role, iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.executor.values import access_key_of
from cronstack_infra.local.lookups.permissions import find_role

SESSION: Final = "local"
"""Name of the session in which a service acts as a role."""


class _Caller(NamedTuple):
    """The caller of AWS: a service that acts as a role, or a request's access key and its service."""

    role: str = ""
    access_key: str = ""
    service: str = ""


_ITSELF: Final = _Caller()
_caller: ContextVar[_Caller] = ContextVar("caller", default=_ITSELF)


@contextmanager
def called_with(access_key: str, service: str) -> Iterator[None]:
    """Set the caller for the block: a request to a service, signed with an access key."""
    token = _caller.set(_Caller(access_key=access_key, service=service))
    try:
        yield
    finally:
        _caller.reset(token)


@contextmanager
def acting_as(role_arn: str | None) -> Iterator[None]:
    """Set the caller for the block: a service that has assumed a role. None: the service's own identity."""
    token = _caller.set(_Caller(role=role_arn or ""))
    try:
        yield
    finally:
        _caller.reset(token)


def access_key_of_role(role_arn: str) -> str:
    """Return the access key that Scheduler uses to call a universal target as a role."""
    return "ASIAROLELOCAL" + sha256(role_arn.encode()).hexdigest()[:7].upper()


def sender_id(account: str) -> str | None:
    """Return the SenderId of a message that is sent now; None for a service that acts under its own identity."""
    caller = _caller.get()
    if caller.role:
        return _session(find_role(caller.role), SESSION)
    if caller.service != "sqs":
        return None  # a request to SNS: the topic sends under SNS's identity, not the publisher's
    return _of_key(account, caller.access_key) or account


def function_of_access_key(account: str, access_key: str) -> LambdaFunction | None:
    """Return the function whose environment has this access key."""
    for regional in lambda_backends[account].values():
        for function in regional.list_functions():
            if access_key_of(function.function_name) == access_key:
                owner: LambdaFunction = function
                return owner
    return None


def _of_key(account: str, access_key: str) -> str | None:
    partition = get_partition("us-east-1")
    function = function_of_access_key(account, access_key)
    if function is not None:
        return _session(find_role(function.role), function.function_name)
    iam = iam_backends[account][partition]
    for role in iam.roles.values():
        if access_key_of_role(role.arn) == access_key:
            return _session(role, SESSION)
    assumed = sts_backends[account][partition].get_assumed_role_from_access_key(access_key)
    if assumed is not None:
        return str(assumed.user_id)
    for user in iam.users.values():
        if any(key.access_key_id == access_key for key in user.access_keys):
            return str(user.id)
    return None


def _session(role: Role | None, session: str) -> str | None:
    return None if role is None else f"{role.id}:{session}"
