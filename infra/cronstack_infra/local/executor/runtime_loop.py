"""Lambda's runtime loop in the standard library, for systems that have no wheel of awslambdaric.

``bootstrap.py`` runs it in a handler process, with the handler's name as its argument. It cannot import Cronstack. Its
responses are those of awslambdaric; one contract test checks both.
"""

import decimal
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Collection
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from typing import Any

API = "/2018-06-01/runtime"
Handler = Callable[[Any, "Context"], Any]


class RuntimeFailure(Exception):
    """A failure of the runtime itself, with Lambda's errorType."""

    def __init__(self, kind: str, text: str, trace: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.kind = kind
        self.trace = trace


class Context:
    """The second argument of a handler."""

    def __init__(self, headers: Message) -> None:
        environ = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = None
        self.client_context = None
        self.tenant_id = None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(self._deadline - time.time_ns() // 1_000_000, 0)


def plain(value: object) -> int | float:
    """Convert a Decimal to a number, as awslambdaric does. Raise TypeError for any other value."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def load(name: str) -> Handler:
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        text = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise RuntimeFailure("Runtime.MalformedHandlerName", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as fault:
        text = f"Unable to import module '{module_name}': {fault}"
        raise RuntimeFailure("Runtime.ImportModuleError", text) from fault
    except SyntaxError as fault:
        text = f"Syntax error in module '{module_name}': {fault}"
        where = f'  File "{fault.filename}" Line {fault.lineno}\n    {fault.text}'
        raise RuntimeFailure("Runtime.UserCodeSyntaxError", text, (where,)) from fault
    if not hasattr(module, function_name):
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise RuntimeFailure("Runtime.HandlerNotFound", text)
    handler: Handler = getattr(module, function_name)
    return handler


def answer(handler: Handler, event: Any, context: Context) -> bytes:
    result = handler(event, context)
    if isinstance(result, bytes):
        return result
    try:
        return json.dumps(result, default=plain, ensure_ascii=False).encode()
    except (TypeError, ValueError) as fault:
        raise RuntimeFailure("Runtime.MarshalError", f"Unable to marshal response: {fault}") from fault


def describe(fault: Exception, request_id: str, ours: Collection[str] = (__file__,)) -> dict[str, Any]:
    """Return the payload of a failure, without the stack frames of the files ``ours``."""
    if isinstance(fault, RuntimeFailure):
        kind, trace = fault.kind, list(fault.trace)
    else:
        frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename not in ours]
        plain_frames = [
            (frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in frames
        ]  # without carets
        kind, trace = type(fault).__name__, traceback.format_list(plain_frames)
    return {"errorMessage": str(fault), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def report(fault: Exception, request_id: str) -> bytes:
    """Print a failure and return its payload."""
    fields = describe(fault, request_id)
    lines = [f"[ERROR] {fields['errorType']}: {fault}", "Traceback (most recent call last):"]
    print("\r".join([*lines, *"".join(fields["stackTrace"]).splitlines()]), flush=True)
    return json.dumps(fields).encode()


def call(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[HTTPResponse, bytes]:
    connection.request(method, API + path, body)
    response = connection.getresponse()
    return response, response.read()


def main() -> None:
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115  open until the process ends
    logging.basicConfig(stream=sys.stdout, format="[%(levelname)s]\t%(asctime)s\t%(message)s")
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(sys.argv[1])
    except Exception as fault:  # of the user's module
        call(connection, "POST", "/init/error", report(fault, ""))
        sys.exit(1)
    while True:
        response, body = call(connection, "GET", "/invocation/next")
        context = Context(response.headers)
        os.environ["_X_AMZN_TRACE_ID"] = response.headers.get("Lambda-Runtime-Trace-Id", "")
        path = f"/invocation/{context.aws_request_id}"
        try:
            result = answer(handler, json.loads(body), context)
        except Exception as fault:  # of the user's handler
            call(connection, "POST", path + "/error", report(fault, context.aws_request_id))
        else:
            call(connection, "POST", path + "/response", result)


if __name__ == "__main__":
    main()
