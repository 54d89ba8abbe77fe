"""Handing an event to a job's function: and forget, or stay until the guard says what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cronstack.errors import OperationError
from cronstack_infra.ops.deployment import DeployedJob

MOST_CALLS: Final = 5
"""Calls for one last word. Only a fault makes one necessary: a handler that was killed, a ledger that is away."""


@dataclass(frozen=True)
class Ended:
    """What the guard said of an occurrence, or the ledger later; where neither did, what the last call failed with."""

    status: str
    """"succeeded", "dead", "duplicate", …; "failed" when all calls failed without a word of the guard."""
    attempt: int
    calls: int
    detail: str = ""

    @property
    def comes_back(self) -> bool:
        """Not the end: a carrier brings the occurrence again."""
        return self.status in ("retrying", "deferred", "buffered")


def hand_over(functions: Any, job: DeployedJob, event: object) -> None:
    """Asynchronously: accepted means that Lambda keeps it, and retries."""
    functions.invoke(FunctionName=job.function, InvocationType="Event", Payload=_payload(event))


def call_until_told(
    functions: Any, job: DeployedJob, event: Mapping[str, Any], *, sleep: Callable[[float], None]
) -> Ended:
    """Synchronously: nobody else retries, so what raises is called again, until the guard has a word to say."""
    detail = ""
    for call in range(1, MOST_CALLS + 1):
        answer = functions.invoke(FunctionName=job.function, InvocationType="RequestResponse", Payload=_payload(event))
        told = _read(answer["Payload"].read())
        if "FunctionError" not in answer:
            if not isinstance(told, dict) or "cronstack" not in told:
                raise OperationError(
                    f"the function {job.function} did not answer as a job does",
                    remedy="Somebody changed its code or its handler; deploy again.",
                )
            detail = str(told.get("note") or told.get("reason") or detail)
            return Ended(str(told["cronstack"]), int(told.get("attempt", 0)), call, detail)
        detail = f"{told.get('errorType')}: {told.get('errorMessage')}" if isinstance(told, dict) else str(told)
        if call < MOST_CALLS:
            sleep(min(2.0, 0.2 * 2**call))
    return Ended("failed", 0, MOST_CALLS, detail)


def _payload(event: object) -> bytes:
    return json.dumps(event, allow_nan=False).encode()


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
