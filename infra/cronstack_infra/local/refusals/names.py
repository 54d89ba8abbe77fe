"""Names and look-ups of Lambda's functions, and two refusals that all rules about functions share."""

from __future__ import annotations

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.core.exceptions import JsonRESTError, ServiceException

from cronstack_infra.local.refusals.refusal import ApiCall, ApiError


def invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)


def missing(message: str) -> ApiError:
    return ApiError("ResourceNotFoundException", message, 404)


def arn_of(call: ApiCall, name: str) -> str:
    """Return the unqualified ARN of a function, given its name, partial ARN or ARN."""
    last = name.split(":function:")[-1] if ":function:" in name else name.removeprefix("function:")
    return f"arn:aws:lambda:{call.region}:{call.account}:function:{last.split(':')[0]}"


def find_function(call: ApiCall, name: str, qualifier: str | None = None) -> LambdaFunction | None:
    """Return moto's function; None if no function has that name and qualifier."""
    plain = arn_of(call, name)
    if qualifier is None and name.split(":function:")[-1].count(":") == 1:
        qualifier = name.rpartition(":")[2]
    try:
        return get_backend(call.account, call.region).get_function(plain, qualifier)
    except (JsonRESTError, ServiceException):
        return None
