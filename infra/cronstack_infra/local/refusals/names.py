"""How Lambda's functions are named and found, and the two refusals that every rule about them needs."""

from __future__ import annotations

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.core.exceptions import JsonRESTError, ServiceException

from cronstack_infra.local.refusals.refusal import Call, Refusal


def invalid(message: str) -> Refusal:
    return Refusal("InvalidParameterValueException", message)


def missing(message: str) -> Refusal:
    return Refusal("ResourceNotFoundException", message, 404)


def arn_of(call: Call, name: str) -> str:
    """The plain ARN of a function, however it was named."""
    last = name.split(":function:")[-1] if ":function:" in name else name.removeprefix("function:")
    return f"arn:aws:lambda:{call.region}:{call.account}:function:{last.split(':')[0]}"


def find_function(call: Call, name: str, qualifier: str | None = None) -> LambdaFunction | None:
    """moto's function; None if there is none of that name and qualifier."""
    plain = arn_of(call, name)
    if qualifier is None and name.split(":function:")[-1].count(":") == 1:
        qualifier = name.rpartition(":")[2]
    try:
        return get_backend(call.account, call.region).get_function(plain, qualifier)
    except (JsonRESTError, ServiceException):
        return None
