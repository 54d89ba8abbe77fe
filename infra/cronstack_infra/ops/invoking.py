"""Invoke a job's function with an event: asynchronously, or synchronously until the guard returns a result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cronstack.errors import OperationError
from cronstack_infra.ops.deployment import DeployedJob

MOST_CALLS: Final = 5
"""Most calls for one result. Only a fault makes a second call necessary: a killed handler, an unreachable ledger."""


@dataclass(frozen=True)
class InvocationResult:
    """Result of an occurrence by the guard or, later, the ledger; else the error of the last call."""

    status: str
    """"succeeded", "dead", "duplicate", …; "failed" if all calls failed without a result of the guard."""
    attempt: int
    calls: int
    detail: str = ""

    @property
    def comes_back(self) -> bool:
        """Return whether the occurrence is not finished: a carrier brings it back."""
        return self.status in ("retrying", "deferred", "buffered")


def invoke_async(functions: Any, job: DeployedJob, event: object) -> None:
    """Invoke asynchronously. When it returns, Lambda has accepted the event, and retries it."""
    functions.invoke(FunctionName=job.function, InvocationType="Event", Payload=_payload(event))


def invoke_until_answered(
    functions: Any, job: DeployedJob, event: Mapping[str, Any], *, sleep: Callable[[float], None]
) -> InvocationResult:
    """Invoke synchronously until the guard returns a result. Lambda does not retry synchronous calls, so this does."""
    detail = ""
    for call in range(1, MOST_CALLS + 1):
        response = functions.invoke(
            FunctionName=job.function, InvocationType="RequestResponse", Payload=_payload(event)
        )
        answer = _read(response["Payload"].read())
        if "FunctionError" not in response:
            if not isinstance(answer, dict) or "cronstack" not in answer:
                raise OperationError(
                    f"the function {job.function} did not return the result of a job",
                    remedy="Its code or its handler was changed outside the stack; deploy again.",
                )
            detail = str(answer.get("note") or answer.get("reason") or detail)
            return InvocationResult(str(answer["cronstack"]), int(answer.get("attempt", 0)), call, detail)
        is_error = isinstance(answer, dict)
        detail = f"{answer.get('errorType')}: {answer.get('errorMessage')}" if is_error else str(answer)
        if call < MOST_CALLS:
            sleep(min(2.0, 0.2 * 2**call))
    return InvocationResult("failed", 0, MOST_CALLS, detail)


def _payload(event: object) -> bytes:
    return json.dumps(event, allow_nan=False).encode()


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
