"""The HTTP response of a refusal in each service's protocol: status, headers and body."""

from __future__ import annotations

import json
from typing import Final

from cronstack_infra.local.refusals.refusal import ApiError

_SHAPES: Final = {
    "AWS.SimpleQueueService.NonExistentQueue": "QueueDoesNotExist",
    "QueueAlreadyExists": "QueueNameExists",
    "InvalidParameterValue": "InvalidParameterValueException",
    "MissingParameter": "MissingParameterException",
}
"""Shape by error code, where the two differ. SQS's code is that of its old query protocol; clients still see it."""
_SERVICE_SHAPES: Final = {"InvalidParameterValueException", "MissingParameterException", "SerializationException"}

Headers = list[tuple[str, str]]


def error_response(service: str, refusal: ApiError) -> tuple[str, Headers, bytes]:
    """Return the status line, headers and body of a refusal."""
    headers: Headers = []
    if service == "sqs":
        shape = _SHAPES.get(refusal.code) or refusal.code.rpartition(".")[2]
        space = "com.amazon.coral.service" if shape in _SERVICE_SHAPES else "com.amazonaws.sqs"
        body = {"__type": f"{space}#{shape}", "message": refusal.message}
        headers += [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-query-error", f"{refusal.code};Sender")]
    else:
        member = "Message" if service == "scheduler" or refusal.status == 404 else "message"
        body = {member: refusal.message}
        if service == "lambda":
            body["Type"] = "User"
        headers += [("Content-Type", "application/json"), ("x-amzn-ErrorType", refusal.code)]
    return f"{refusal.status} Refused", headers, json.dumps(body).encode()
