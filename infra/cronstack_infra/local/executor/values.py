"""The executor's inputs and results: frozen values, independent of the operating system."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol

LARGEST_RESPONSE: Final = 6_291_556
"""Lambda's limit of a response, in bytes: 6 MB and a little, as in AWS's error message."""


_ACCESS_KEYS: Final = "ASIACRONSTACK"


def access_key_of(function: str) -> str:
    """Return the access key id of a function's code, by the function's name."""
    return _ACCESS_KEYS + hashlib.sha256(function.encode()).hexdigest()[:7].upper()


def is_access_key(key: str) -> bool:
    """Return whether an access key id belongs to a function's code."""
    return key.startswith(_ACCESS_KEYS)


@dataclass(frozen=True)
class Layer:
    """A version of a layer: a zip that Lambda unpacks to /opt."""

    arn: str
    sha256: str
    code: bytes = field(repr=False, compare=False)


@dataclass(frozen=True)
class DeployedFunction:
    """A deployed function at the start of an invocation."""

    arn: str
    """Without a qualifier."""
    version: str
    name: str
    handler: str
    runtime: str
    timeout: float
    memory: int
    environment: Mapping[str, str]
    region: str
    account: str
    code_sha256: str
    code: bytes = field(repr=False, compare=False)
    layers: tuple[Layer, ...] = ()
    log_group: str = ""
    log_level: str | None = None
    """Level of a log in JSON; None for a log in text."""
    may_loop: bool = False
    """Whether RecursiveLoop is Allow."""

    @property
    def key(self) -> str:
        """Function and version. Sandboxes with different keys are never shared."""
        return f"{self.arn}:{self.version}"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of code and configuration. A different hash needs a new sandbox."""
        fields = {key: value for key, value in vars(self).items() if key not in ("code", "environment", "layers")}
        fields["layers"] = [layer.arn for layer in self.layers]
        fields["environment"] = sorted(self.environment.items())
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @property
    def access_key(self) -> str:
        """Access key id of this function, so that the request log can name the caller."""
        return access_key_of(self.name)


@dataclass(frozen=True)
class Invocation:
    """One event for one function. Retries of an asynchronous event have the same ``request_id``."""

    request_id: str
    function: DeployedFunction
    payload: bytes = field(repr=False)
    invoked_arn: str
    attempt: int = 1
    client_context: str | None = None
    lineage: str = ""
    """The part of the trace header that counts rounds."""


@dataclass(frozen=True)
class InvocationOutcome:
    """The outcome of an invocation. ``error``: errorType of the payload, "" for success."""

    ok: bool
    payload: bytes = field(repr=False)
    error: str = ""
    seconds: float = 0.0
    log_tail: bytes = field(default=b"", repr=False)


class ExecutorListener(Protocol):
    """Callbacks of the executor. It calls them from its thread, so they must return at once."""

    def started(self, invocation: Invocation) -> None: ...

    def lines(self, function: DeployedFunction, log_stream: str, lines: list[str]) -> None: ...

    def finished(self, invocation: Invocation, outcome: InvocationOutcome) -> None: ...

    def note(self, text: str) -> None:
        """Report a text to the user."""


def failure(error_type: str, text: str) -> InvocationOutcome:
    """Return a failure that Lambda reports instead of the handler process."""
    return InvocationOutcome(False, json.dumps({"errorType": error_type, "errorMessage": text}).encode(), error_type)


def timed_out(request_id: str, seconds: float) -> InvocationOutcome:
    return failure("Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds")


def exited(request_id: str, status: int) -> InvocationOutcome:
    """Return the outcome for a process that ended during an invocation. ``status``: negative for a signal."""
    if status == 0:
        reason = "Runtime exited without providing a reason"
    elif status < 0:
        reason = f"Runtime exited with error: signal: {_SIGNALS.get(-status, f'signal {-status}')}"
    else:
        reason = f"Runtime exited with error: exit status {status}"
    return failure("Runtime.ExitError", f"RequestId: {request_id} Error: {reason}")


def out_of_memory(request_id: str) -> InvocationOutcome:
    return failure("Runtime.OutOfMemory", f"RequestId: {request_id} Error: Runtime exited with error: signal: killed")


def too_large() -> InvocationOutcome:
    return failure(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).",
    )


def error_field(payload: bytes, name: str) -> str:
    """Return a field of an error payload, "" if it is missing."""
    try:
        fields = json.loads(payload)
    except ValueError:
        return ""
    return str(fields.get(name) or "") if isinstance(fields, dict) else ""


_SIGNALS: Final = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}
