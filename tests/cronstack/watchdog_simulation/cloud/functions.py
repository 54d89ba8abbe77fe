"""Lambda: functions that run the runtime's real invocation, with handlers of given durations and results."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from cronstack.declaration import Job
from cronstack.driver import Returned, resume
from cronstack.errors import CronstackError
from cronstack.runtime import Ended, Invocation, Shell
from cronstack.settings import Settings
from cronstack.steps import Call, Failed, Sleep, Succeeded, Work
from cronstack_infra.play.answer_dates import dated
from tests.cronstack.watchdog_simulation.cloud.virtual_time import MINUTE, SECOND, VirtualTime

STACK: Final = "shop"
CARRIERS: Final = f"{STACK}-carriers"
ONCE: Final = f"{STACK}-once"
HANDLER_LETTERS: Final = "https://sqs.us-east-1.amazonaws.com/123456789012/shop-SharedHandlerDeadLetters-ABCDEFGHIJKL"
DELIVERY_LETTERS: Final = "https://sqs.us-east-1.amazonaws.com/123456789012/shop-SharedDeliveryDeadLetters-ABCDEFGHIJKL"
SETTINGS: Final = Settings(
    ledger="ledger",
    dead_letters=HANDLER_LETTERS,
    stack=STACK,
    carriers=CARRIERS,
    carrier_role="arn:aws:iam::123456789012:role/carrier",
    delivery_dead_letters="arn:aws:sqs:us-east-1:123456789012:delivery",
)
LAMBDA_PAUSES: Final = (MINUTE, 2 * MINUTE)
"""Milliseconds before Lambda's own retries."""
_ERROR: Final = '{"type":"%s","message":"the supplier does not answer","trace":[]}'


class Behaviour(NamedTuple):
    """What a handler does in one attempt. ``result``: "succeeds", "fails", "fails for good" or "is killed"."""

    milliseconds: int
    result: str = "succeeds"
    error: str = "RuntimeError"


class Attempt(NamedTuple):
    """One attempt whose handler starts."""

    job: str
    occurrence: str
    due: int
    number: int
    kind: str = "scheduled"


def function_arn(job: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{STACK}-{job}"


class Functions:
    """The functions of the stack. ``transport`` carries out the requests of the guard."""

    def __init__(
        self,
        time: VirtualTime,
        chance: random.Random,
        transport: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
        behave: Callable[[Attempt], Behaviour],
    ) -> None:
        self.time, self.chance, self.transport, self.behave = time, chance, transport, behave
        self.jobs: dict[str, Job] = {}
        """The deployed code, by job."""
        self.is_paused: Callable[[str], bool] = lambda job: False
        self.record_pause: Callable[[str, Mapping[str, Any]], None] = lambda job, event: None
        self.starts: list[Attempt] = []
        """All handlers that have started."""
        self.drops_events: set[str] = set()
        """Jobs whose events Lambda does not deliver again after a killed attempt."""
        self.skews: dict[str, int] = {}
        """Milliseconds by which the wall clock of a job's machine is ahead, by job."""

    def invoke(self, job: str, event: Mapping[str, Any], *, after: int = 0, alias: str = "") -> None:
        """Invoke a function asynchronously. ``after``: milliseconds in Lambda's queue."""
        self.time.after(after, lambda: self._deliver(job, event, alias, 0))

    def _deliver(self, name: str, event: Mapping[str, Any], alias: str, retry: int) -> None:
        job = self.jobs.get(name)
        if job is None:
            return  # deleted meanwhile: Lambda drops the event, or sends it to the queue
        if "schedule" in event and "carrier" not in event and self.is_paused(name):
            self.record_pause(name, event)
            return
        _Process(self, job, event, alias, retry).resume(None)

    def again(self, job: str, event: Mapping[str, Any], alias: str, retry: int) -> None:
        """Deliver an event again after a fault, as Lambda does."""
        if retry < len(LAMBDA_PAUSES):
            self.time.after(LAMBDA_PAUSES[retry], lambda: self._deliver(job, event, alias, retry + 1))


class _Process:
    """One invocation: Lambda's context, and the driver of the runtime's steps on virtual time."""

    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, functions: Functions, job: Job, event: Mapping[str, Any], alias: str, retry: int) -> None:
        self._functions, self._job, self._event, self._alias, self._retry = functions, job, event, alias, retry
        self.function_name = f"{STACK}-{job.name}"
        self.invoked_function_arn = function_arn(job.name) + (f":{alias}" if alias else "")
        time, skew = functions.time, functions.skews.get(job.name, 0)
        self._ends = time.now + job.timeout * SECOND
        shell = Shell(
            SETTINGS,
            lambda *_: {},
            lambda: time.now + skew,
            lambda: time.now / 1000,
            lambda _: None,
            functions.chance,
            lambda line: None,
        )
        invocation = Invocation(job, dict(event), self, shell)
        self._invocation = invocation
        self._steps = invocation.steps()

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._ends - self._functions.time.now)

    def resume(self, answer: Any) -> None:
        functions, time = self._functions, self._functions.time
        while True:
            if time.now > self._ends:
                self._fail()
                return
            try:
                request = resume(self._steps, answer)
            except CronstackError:
                self._fail()
                return
            match request:
                case Returned():
                    ended: Ended = request.result
                    assert ended.raised is None, ended.raised
                    return
                case Call(operation, parameters):
                    answer = dated(functions.transport(operation, parameters), time.now)
                case Sleep(seconds):
                    time.after(int(seconds * 1000) + 1, partial(self.resume, None))
                    return
                case Work():
                    self._start(request)
                    return

    def _start(self, work: Work) -> None:
        functions, time, occurrence = self._functions, self._functions.time, self._invocation._occurrence
        assert occurrence is not None
        attempt = Attempt(self._job.name, occurrence.id, occurrence.due, work.attempt, occurrence.kind)
        functions.starts.append(attempt)
        behaviour = functions.behave(attempt)
        left = self._ends - time.now
        if behaviour.result == "is killed" or behaviour.milliseconds >= left:
            time.after(min(behaviour.milliseconds, left), self._fail)
            return
        answers: dict[str, Any] = {
            "succeeds": Succeeded("{}"),
            "fails": Failed(_ERROR % behaviour.error),
            "fails for good": Failed(_ERROR % behaviour.error, permanent=True),
        }
        time.after(behaviour.milliseconds, partial(self.resume, answers[behaviour.result]))

    def _fail(self) -> None:
        """End without an answer. Lambda delivers the event again."""
        self._steps.close()
        if self._job.name not in self._functions.drops_events:
            self._functions.again(self._job.name, self._event, self._alias, self._retry)
