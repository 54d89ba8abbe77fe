"""Lambda's API in front of the engine and the executor: Invoke, and the creation and deletion of functions.

A synchronous Invoke waits for the outcome. All other invocations are asynchronous events, which the engine accepts.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaFunction

from cronstack_infra.local.executor.values import InvocationOutcome
from cronstack_infra.local.lambda_api.function_configuration import refuse
from cronstack_infra.local.lookups.functions import plain_arn, qualified
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_with_port, wrapped_with_port
from cronstack_infra.local.moto.surroundings import PatchParameters

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort

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


def _invoke(port: EnginePort, self: Any) -> tuple[int, dict[str, str], bytes]:
    name = unquote(self.path.rsplit("/", 2)[-2])
    function = self.backend.get_function(name, _qualifier(self))
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


def _invoke_async(port: EnginePort, self: Any) -> tuple[int, dict[str, str], str]:
    name = unquote(self.path.split("/functions/")[1].split("/")[0])
    function = self.backend.get_function(name, None)
    port.accept(qualified(function.function_arn), _body(self.body, _LEGACY_EVENT))
    return 202, {"status": "202"}, json.dumps({"Status": 202})


def _invoke_in_process(
    port: EnginePort,
    self: Any,
    function_name: str,
    qualifier: str | None,
    body: Any,
    headers: Any,
    response_headers: Any,
) -> bytes:
    """Accept an event that SNS, S3 or Logs send inside moto; asynchronously, as on AWS."""
    function = self.get_function(function_name, qualifier)
    port.accept(qualified(function.function_arn), body or "{}")
    return b""


def _invoke_function(port: EnginePort, self: Any, body: str, request_headers: Any, response_headers: Any) -> bytes:
    port.accept(qualified(self.function_arn), body or "{}")
    return b""


def _create(create: Any, port: EnginePort, *args: Any, **given: Any) -> Any:
    port.function_created()
    return create(*args, **given)


def _delete(delete: Any, port: EnginePort, self: Any, function_name: str, qualifier: str | None = None) -> None:
    function = self.get_function(function_name, qualifier)
    arn = plain_arn(function.function_arn)
    named = qualifier or function_name.split(":function:")[-1].partition(":")[2]
    delete(self, function_name, qualifier)
    port.function_deleted(arn, named or None)


def _enriching(enrich: Any, _: PatchParameters) -> object:
    """Keep the request id of an invocation, which its handler sees. moto sets a random id in every response."""

    def enrich_response(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
        request_id = headers.get("x-amzn-requestid")
        headers, body = enrich(headers, body)
        return (headers | {"x-amzn-requestid": request_id} if request_id else headers), body

    return staticmethod(enrich_response)


def _body(body: Any, most: int) -> str:
    """Return the event that was sent; ``{}`` for an empty one. Raises AWS's error for an invalid event."""
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


def _qualifier(request: Any) -> str | None:
    """Return the request's parameter Qualifier. The function's name may have another qualifier."""
    qualifier: str | None = privates.parameter(request, "Qualifier") or privates.parameter(request, "qualifier")
    return qualifier


def _invoked_arn(request: Any, function: LambdaFunction, name: str) -> str:
    """Return the ARN that the caller invoked; with a qualifier only if the caller gave one."""
    plain = plain_arn(function.function_arn)
    qualifier = _qualifier(request)
    last = name.split(":function:")[-1]
    if qualifier is None and ":" in last:
        qualifier = last.rpartition(":")[2]
    return f"{plain}:{qualifier}" if qualifier else plain


def _headers(request: Any, function: LambdaFunction, request_id: str, outcome: InvocationOutcome) -> dict[str, str]:
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


_BACKEND: Final = "moto.awslambda.models:LambdaBackend"
_RESPONSE: Final = "moto.awslambda.responses:LambdaResponse"

PATCHES: Final = (
    Patch(
        _RESPONSE,
        "invoke",
        "(self)",
        "Invoke needs Docker, runs asynchronous events in the request's thread, and ignores reserved concurrency.",
        ("invoke_needs_docker", "an_event_runs_in_the_thread_of_its_sender", "reserved_concurrency_is_only_stored"),
        replaced_with_port(_invoke),
    ),
    Patch(
        _RESPONSE,
        "invoke_async",
        "(self)",
        "InvokeAsync runs the function in the request's thread.",
        "invoke_async_runs_in_the_thread_of_its_sender",
        replaced_with_port(_invoke_async),
    ),
    Patch(
        _RESPONSE,
        "_enrich_response",
        "static (headers, body)",
        "A response gets a random request id, not that of its invocation.",
        "the_request_id_of_a_response_is_replaced",
        _enriching,
    ),
    Patch(
        _BACKEND,
        "invoke",
        "(self, function_name, qualifier, body, headers, response_headers)",
        "Services that invoke inside moto run the function in the thread of the request.",
        "an_event_runs_in_the_thread_of_its_sender",
        replaced_with_port(_invoke_in_process),
    ),
    Patch(
        "moto.awslambda.models:LambdaFunction",
        "invoke",
        "(self, body, request_headers, response_headers)",
        "Services that invoke inside moto run the function in the thread of the request.",
        "a_topic_runs_a_function_in_the_thread_of_its_sender",
        replaced_with_port(_invoke_function),
    ),
    Patch(
        _BACKEND,
        "create_function",
        "(self, spec)",
        "A new function does not start the process in which its invocations run.",
        "a_created_function_starts_nothing",
        wrapped_with_port(_create),
    ),
    Patch(
        _BACKEND,
        "delete_function",
        "(self, function_name, qualifier=None)",
        "No event waits for a retry, so deleting a function has none to drop.",
        "a_failed_event_is_not_retried",
        wrapped_with_port(_delete),
    ),
)
