"""What the executor is given and what it answers: frozen values, no behaviour of the operating system in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol

LARGEST_RESPONSE: Final = 6_291_556
"""Bytes a function may answer with (6 MB and a little, as AWS's message says)."""


_ACCESS_KEYS: Final = "ASIACRONSTACK"


def access_key_of(function: str) -> str:
    """The access key id under which the code of the function of that name calls."""
    return _ACCESS_KEYS + hashlib.sha256(function.encode()).hexdigest()[:7].upper()


def is_access_key(key: str) -> bool:
    """Whether an access key id is that of a function's code."""
    return key.startswith(_ACCESS_KEYS)


@dataclass(frozen=True)
class Layer:
    """A version of a layer: a zip that is unpacked to where Lambda has /opt."""

    arn: str
    sha256: str
    code: bytes = field(repr=False, compare=False)


@dataclass(frozen=True)
class Function:
    """A deployed function, as it is when an invocation starts."""

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
    """RecursiveLoop is Allow."""

    @property
    def key(self) -> str:
        """Which function and version; sandboxes are never shared over it."""
        return f"{self.arn}:{self.version}"

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a new sandbox is needed: with the code, and with any part of the configuration."""
        fields = {key: value for key, value in vars(self).items() if key not in ("code", "environment", "layers")}
        fields["layers"] = [layer.arn for layer in self.layers]
        fields["environment"] = sorted(self.environment.items())
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @property
    def access_key(self) -> str:
        """A key id of this function's own, by which the request log knows who called."""
        return access_key_of(self.name)


@dataclass(frozen=True)
class Invocation:
    """One event for one function. Retries of an asynchronous event are invocations with the same ``request_id``."""

    request_id: str
    function: Function
    payload: bytes = field(repr=False)
    invoked_arn: str
    attempt: int = 1
    client_context: str | None = None
    lineage: str = ""
    """The part of the trace header that counts rounds."""


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended. ``error`` is the errorType of the payload, "" for success."""

    ok: bool
    payload: bytes = field(repr=False)
    error: str = ""
    seconds: float = 0.0
    log_tail: bytes = field(default=b"", repr=False)


class Listener(Protocol):
    """Who is told what happens. Called from the executor's thread: note it and return at once."""

    def started(self, invocation: Invocation) -> None: ...

    def lines(self, function: Function, log_stream: str, lines: list[str]) -> None: ...

    def finished(self, invocation: Invocation, outcome: Outcome) -> None: ...

    def note(self, text: str) -> None:
        """Something that the user should know."""


def failure(error_type: str, text: str) -> Outcome:
    """A failure that Lambda itself reports, for a process that did not."""
    return Outcome(False, json.dumps({"errorType": error_type, "errorMessage": text}).encode(), error_type)


def timed_out(request_id: str, seconds: float) -> Outcome:
    return failure("Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds")


def exited(request_id: str, status: int) -> Outcome:
    """The process ended in the middle of an invocation: ``status`` is its exit status, negative for a signal."""
    if status == 0:
        reason = "Runtime exited without providing a reason"
    elif status < 0:
        reason = f"Runtime exited with error: signal: {_SIGNALS.get(-status, f'signal {-status}')}"
    else:
        reason = f"Runtime exited with error: exit status {status}"
    return failure("Runtime.ExitError", f"RequestId: {request_id} Error: {reason}")


def out_of_memory(request_id: str) -> Outcome:
    return failure("Runtime.OutOfMemory", f"RequestId: {request_id} Error: Runtime exited with error: signal: killed")


def too_large() -> Outcome:
    return failure(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).",
    )


def error_field(payload: bytes, name: str) -> str:
    """A field of an error payload, "" where there is none."""
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
