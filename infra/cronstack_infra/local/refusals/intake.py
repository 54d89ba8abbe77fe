"""The checks of each request before moto receives it: parse, check against the model, then against the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from botocore import xform_name
from moto.awslambda.responses import LambdaResponse

from cronstack_infra.local.environment import ACCOUNT, REGION
from cronstack_infra.local.http.requests import signer
from cronstack_infra.local.http.sent import Sent
from cronstack_infra.local.refusals import functions, groups, sources, sqs
from cronstack_infra.local.refusals.constraints import Malformed, violations
from cronstack_infra.local.refusals.reading import SERVICES, Read, read
from cronstack_infra.local.refusals.refusal import ApiCall, ApiError
from cronstack_infra.local.refusals.responses import Headers, error_response

Rule = Callable[[ApiCall], None]

RULES: Final[dict[str, Mapping[str, tuple[Rule, ...]]]] = {
    "scheduler": groups.RULES,
    "lambda": {**functions.RULES, **sources.RULES},
    "sqs": sqs.RULES,
}
"""Rules by service and operation, in the order in which they are checked."""

_REGION: Final = re.compile(r"Credential=[^/,\s]+/\d+/([^/]+)/")
_ENUM_CODES: Final = {
    ("lambda", "runtime"): "InvalidParameterValueException",
}
"""Error codes of members whose enum AWS's service checks by its own rule."""


def refuse(sent: Sent) -> tuple[str, Headers, bytes] | None:
    """Return the refusal of a request, or None. The caller holds the lock."""
    authorization = sent.headers.get("authorization", "")
    caller, service = signer(authorization, sent.query)
    if service not in SERVICES:
        return None
    try:
        try:
            call = read(service, sent)
        except Malformed as fault:
            raise ApiError("SerializationException", str(fault)) from None
        if call is not None:
            region = _REGION.search(authorization)
            account = caller if re.fullmatch(r"\d{12}", caller) else ACCOUNT  # as moto does
            judge(service, call, account, region[1] if region else REGION)
    except ApiError as refusal:
        return error_response(service, refusal)
    return None


def judge(service: str, request: Read, account: str, region: str) -> None:
    """Raise the first refusal of a request."""
    operation, parameters = request
    if service == "sqs":
        sqs.complete(operation, parameters)
    _by_model(service, request)
    if service == "lambda" and not hasattr(LambdaResponse, xform_name(operation.name)):
        raise ApiError("UnknownOperationException", f"The local cloud has no {operation.name}.", 404)
    call = ApiCall(service, operation.name, parameters, account, region)
    for rule in RULES.get(service, {}).get(operation.name, ()):
        rule(call)


def _by_model(service: str, request: Read) -> None:
    shape = request.operation.input_shape
    if shape is None:
        return
    try:
        sentences = list(violations(shape, request.parameters))
    except Malformed as fault:
        raise ApiError("SerializationException", str(fault)) from None
    if service == "sqs":
        return  # its model has types and required members only; the rules check enums
    for (of_service, member), code in _ENUM_CODES.items():
        for sentence in sentences:
            if of_service == service and f" at '{member}' " in sentence:
                text = sentence.replace("Value '", "Value ", 1).replace(f"' at '{member}'", f" at '{member}'")
                raise ApiError(code, text)
    if sentences:
        plural = "s" if len(sentences) > 1 else ""
        raise ApiError(
            "ValidationException", f"{len(sentences)} validation error{plural} detected: {'; '.join(sentences)}"
        )
