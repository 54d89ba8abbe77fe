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
from moto.awslambda.utils import get_backend

from cronstack_infra.local import event_invoke, layers, targets
from cronstack_infra.local.engine.values import FunctionRules
from cronstack_infra.local.executor.values import Function, Layer, Outcome
from cronstack_infra.local.function_configuration import refuse
from cronstack_infra.local.mend import mend

if TYPE_CHECKING:
    from cronstack_infra.local.carrying import Carrying

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


class TooManyRequests(LambdaClientError):
    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")
        reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
        self.description = json.dumps({"Reason": reason, "Type": "User", "message": "Rate Exceeded."})


class RecursiveInvocation(LambdaClientError):
    def __init__(self, function: str) -> None:
        super().__init__("RecursiveInvocationException", f"Recursive loop detected for function {function}")


def install(drive: Carrying) -> None:
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
            request_id = drive.accept(qualified(function, arn), body)
            return 202, {"status": "202", "x-amzn-requestid": request_id}, b""
        context = self.headers.get("X-Amz-Client-Context")
        request_id, outcome = drive.run(function, arn, body, base64.b64decode(context).decode() if context else None)
        return 200, _headers(self, function, request_id, outcome), outcome.payload

    def invoke_async(self: Any) -> tuple[int, dict[str, str], str]:
        name = unquote(self.path.split("/functions/")[1].split("/")[0])
        function = self.backend.get_function(name, None)
        drive.accept(qualified(function, function.function_arn), _body(self.body, _LEGACY_EVENT))
        return 202, {"status": "202"}, json.dumps({"Status": 202})

    def invoke_in_process(
        self: Any, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        """Who invokes inside moto (SNS, S3 and Logs do): asynchronously, as those services do."""
        function = self.get_function(function_name, qualifier)
        drive.accept(qualified(function, function.function_arn), body or "{}")
        return b""

    def invoke_function(self: Any, body: str, request_headers: Any, response_headers: Any) -> bytes:
        drive.accept(qualified(self, self.function_arn), body or "{}")
        return b""

    delete_function: Any = LambdaBackend.delete_function

    def delete(self: Any, function_name: str, qualifier: str | None = None) -> None:
        function = self.get_function(function_name, qualifier)
        arn = ":".join(function.function_arn.split(":")[:7])
        named = qualifier or function_name.split(":function:")[-1].partition(":")[2]
        delete_function(self, function_name, qualifier)
        drive.function_deleted(arn, named or None)

    mend(LambdaFunction, invoke=invoke_function)
    mend(LambdaResponse, invoke=invoke, invoke_async=invoke_async, _enrich_response=staticmethod(_with_request_id))
    mend(LambdaBackend, invoke=invoke_in_process, delete_function=delete)


def _with_request_id(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
    """moto gives every answer an id by chance; that of an invocation is the one its handler sees."""
    ours = headers.get("x-amzn-requestid")
    headers, body = _enrich(headers, body)
    return (headers | {"x-amzn-requestid": ours} if ours else headers), body


def qualified(function: LambdaFunction, arn: str) -> str:
    """A function's ARN with a qualifier, as records carry it."""
    return arn if arn.count(":") > 6 else f"{arn}:$LATEST"


def function_of(function: LambdaFunction) -> Function:
    """A function of moto's as the executor wants it. Raises what Invoke answers when it cannot run."""
    if function.package_type != "Zip" or not function.run_time or not function.run_time.startswith("python"):
        what = function.run_time or f"package type {function.package_type}"
        raise LambdaClientError("InvalidRuntimeException", f"The local cloud runs Python functions only, not {what}.")
    logging = getattr(function, "logging_config", None) or {}
    return Function(
        arn=":".join(function.function_arn.split(":")[:7]),
        version=str(function.version),
        name=function.function_name,
        handler=function.handler or "",
        runtime=function.run_time,
        timeout=float(function.timeout),
        memory=int(function.memory_size),
        environment=dict(function.environment_vars or {}),
        region=function.region,
        account=function.account_id,
        code_sha256=function.code_sha_256,
        code=function.code_bytes,
        layers=tuple(Layer(one.arn, one.code_sha_256, one.code_bytes) for one in layers.versions_of(function)),
        log_group=logging.get("LogGroup") or f"/aws/lambda/{function.function_name}",
        may_loop=getattr(function, "recursive_loop", None) == "Allow",
        log_level=logging.get("ApplicationLogLevel", "INFO") if logging.get("LogFormat") == "JSON" else None,
    )


def rules_of(arn: str) -> FunctionRules:
    """How asynchronous events for an ARN, qualified or not, are treated now; the defaults for one that is gone."""
    try:
        function = targets.find_function(arn)
    except targets.Refused:
        return FunctionRules()
    qualifier = arn.split(":")[7] if arn.count(":") > 6 else event_invoke.LATEST
    config = event_invoke.config_of(latest_of(function), qualifier)
    destinations = config.get("DestinationConfig") or {}
    retries, age = config.get("MaximumRetryAttempts"), config.get("MaximumEventAgeInSeconds")
    return FunctionRules(
        max_retries=2 if retries is None else int(retries),
        max_age=21600 if age is None else int(age),
        on_failure=(destinations.get("OnFailure") or {}).get("Destination") or None,
        on_success=(destinations.get("OnSuccess") or {}).get("Destination") or None,
        dead_letters=(getattr(function, "dead_letter_config", None) or {}).get("TargetArn") or None,
    )


def reserved(function: LambdaFunction) -> int | None:
    """Reserved concurrency, which belongs to the function, whatever version is invoked."""
    given = latest_of(function).reserved_concurrency
    return None if given is None else int(given)


def latest_of(function: LambdaFunction) -> LambdaFunction:
    """$LATEST, which keeps what belongs to all versions."""
    found: LambdaFunction = get_backend(function.account_id, function.region).get_function(function.function_name)
    return found


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
    plain = ":".join(function.function_arn.split(":")[:7])
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
