"""Lambda's API in front of the engine and the executor: Invoke, and what decides how an invocation goes.

Replaced on moto's classes. What moto 5.2.5 has wrong here: it runs code in Docker or not at all, asynchronous events
run at once in the request's thread, and reserved concurrency is only stored.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.responses import LambdaResponse

from cronstack_infra.local.effects.functions import plain_arn, qualified
from cronstack_infra.local.executor.values import Outcome
from cronstack_infra.local.function_configuration import refuse
from cronstack_infra.local.mend import mend

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort

_enrich = LambdaResponse._enrich_response

LARGEST_EVENT: Final = 6 * 1024 * 1024
LARGEST_ASYNCHRONOUS_EVENT: Final = 1024 * 1024
_LEGACY_EVENT: Final = 256 * 1024
_REFUSED_HEADERS: Final = {"TenantId": "X-Amz-Tenant-Id", "DurableExecutionName": "X-Amz-Durable-Execution-Name"}


class InvalidRequestContent(LambdaClientError):
    def __init__(self, fault: Exception) -> None:
        text = f"Could not parse request body into json: {fault}"
        super().__init__("InvalidRequestContentException", text)


class RequestTooLarge(LambdaClientError):
    code = 413

    def __init__(self, size: int, most: int) -> None:
        text = f"{size} byte payload is too large for the RequestResponse invocation type (limit {most} bytes)"
        super().__init__("RequestTooLargeException", text)


def install(port: EnginePort) -> None:
    """Put the engine and the executor behind moto's Lambda."""

    def invoke(self: Any) -> tuple[int, dict[str, str], bytes]:
        name = unquote(self.path.rsplit("/", 2)[-2])
        function = self.backend.get_function(name, self._get_param("Qualifier") or self._get_param("qualifier"))
        refuse({member: self.headers.get(header) for member, header in _REFUSED_HEADERS.items()})
        kind = self.headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        if kind not in ("RequestResponse", "Event", "DryRun"):
            raise InvalidParameterValueException(f"Unsupported invocation type: {kind}")
        if kind == "DryRun":
            return 204, {"status": "204"}, b""
        body = _body(self.body, LARGEST_EVENT if kind == "RequestResponse" else LARGEST_ASYNCHRONOUS_EVENT)
        arn = _invoked_arn(self, function, name)
        if kind == "Event":
            request_id = port.accept(qualified(arn), body)
            return 202, {"status": "202", "x-amzn-requestid": request_id}, b""
        context = self.headers.get("X-Amz-Client-Context")
        request_id, outcome = port.invoke(arn, body, base64.b64decode(context).decode() if context else None)
        return 200, _headers(self, function, request_id, outcome), outcome.payload

    def invoke_async(self: Any) -> tuple[int, dict[str, str], str]:
        name = unquote(self.path.split("/functions/")[1].split("/")[0])
        function = self.backend.get_function(name, None)
        port.accept(qualified(function.function_arn), _body(self.body, _LEGACY_EVENT))
        return 202, {"status": "202"}, json.dumps({"Status": 202})

    def invoke_in_process(
        self: Any, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        """Who invokes inside moto (SNS, S3 and Logs do): asynchronously, as those services do."""
        function = self.get_function(function_name, qualifier)
        port.accept(qualified(function.function_arn), body or "{}")
        return b""

    def invoke_function(self: Any, body: str, request_headers: Any, response_headers: Any) -> bytes:
        port.accept(qualified(self.function_arn), body or "{}")
        return b""

    create_function: Any = LambdaBackend.create_function
    delete_function: Any = LambdaBackend.delete_function

    def create(*args: Any, **given: Any) -> Any:
        port.function_created()
        return create_function(*args, **given)

    def delete(self: Any, function_name: str, qualifier: str | None = None) -> None:
        function = self.get_function(function_name, qualifier)
        arn = plain_arn(function.function_arn)
        named = qualifier or function_name.split(":function:")[-1].partition(":")[2]
        delete_function(self, function_name, qualifier)
        port.function_deleted(arn, named or None)

    mend(LambdaFunction, invoke=invoke_function)
    mend(LambdaResponse, invoke=invoke, invoke_async=invoke_async, _enrich_response=staticmethod(_with_request_id))
    mend(LambdaBackend, invoke=invoke_in_process, create_function=create, delete_function=delete)


def _with_request_id(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
    """moto gives every answer an id by chance; that of an invocation is the one its handler sees."""
    ours = headers.get("x-amzn-requestid")
    headers, body = _enrich(headers, body)
    return (headers | {"x-amzn-requestid": ours} if ours else headers), body


def _body(body: Any, most: int) -> str:
    """An event as it was sent; an empty one is ``{}``."""
    text = body.decode("utf-8") if isinstance(body, bytes) else body or ""
    if len(text.encode()) > most:
        raise RequestTooLarge(len(text.encode()), most)
    if not text:
        return "{}"
    try:
        json.loads(text)
    except ValueError as fault:
        raise InvalidRequestContent(fault) from None
    return str(text)


def _invoked_arn(request: Any, function: LambdaFunction, name: str) -> str:
    """The ARN as the caller named it: with a qualifier only when one was given."""
    plain = plain_arn(function.function_arn)
    qualifier = request._get_param("Qualifier") or request._get_param("qualifier")
    last = name.split(":function:")[-1]
    if qualifier is None and ":" in last:
        qualifier = last.rpartition(":")[2]
    return f"{plain}:{qualifier}" if qualifier else plain


def _headers(request: Any, function: LambdaFunction, request_id: str, outcome: Outcome) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "x-amzn-requestid": request_id,
        "X-Amz-Executed-Version": str(function.version),
    }
    if not outcome.ok:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if request.headers.get("X-Amz-Log-Type") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log_tail).decode()
    return headers
