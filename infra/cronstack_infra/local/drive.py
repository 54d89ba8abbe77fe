"""The real-time drive: the engine by the real clock, its effects carried out on moto and on real processes.

One thread. What happens elsewhere (a schedule is made, an event is accepted, a process answers) changes the engine's
state under BACKENDS or is put into the inbox, and wakes it. It never waits for a process: a synchronous Invoke waits
in its own request's thread, with the lock let go.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.core.exceptions import JsonRESTError

from cronstack_infra.local import lambdas, lineage, universal
from cronstack_infra.local.carrying import OWN_FAULT, AnyEffect, Carrying
from cronstack_infra.local.engine.knobs import Knobs
from cronstack_infra.local.engine.passed import JUMP
from cronstack_infra.local.engine.values import Deliver
from cronstack_infra.local.executor.executor import Executor, Limits
from cronstack_infra.local.executor.values import Function, Invocation, Outcome
from cronstack_infra.local.lock import BACKENDS
from cronstack_infra.local.mend import mend

_LONGEST_NAP: Final = 1.0
"""Seconds after which it looks at the clock by itself: after a sleep of the machine, a wait has not moved on."""
_LONGEST_HOLD: Final = 0.1
"""Seconds for which it keeps the lock from the requests."""


class Drive(Carrying):
    """The engine and the executor of a local cloud. ``on_event`` is told what happens, as dictionaries."""

    def __init__(
        self,
        on_event: Callable[[dict[str, Any]], None],
        *,
        endpoint: str | None = None,
        knobs: Knobs | None = None,
        retry_delays: Sequence[float] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """endpoint: of the local cloud, for handlers. Defaults to AWS_ENDPOINT_URL, read when it starts.

        retry_delays: seconds before Lambda's first and second retry. Defaults to the knobs': 60 and 120.
        """
        chosen = knobs or Knobs()
        if retry_delays is not None:
            chosen = replace(chosen, retry_delays=tuple(retry_delays))
        super().__init__(chosen, lambda: str(uuid.uuid4()))
        self._on_event = on_event
        self._endpoint = endpoint
        self._limits = limits
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._told: list[dict[str, Any]] = []
        self._answers: dict[str, Outcome | None] = {}
        self._stopping = False
        self._seen = self.now()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        endpoint = self._endpoint or os.environ["AWS_ENDPOINT_URL"]
        self._executor = Executor(
            _Ears(self), clock=time.time, unique=lambda: uuid.uuid4().hex, endpoint=endpoint, limits=self._limits
        )
        self._executor.start()
        _with_each_new_function(self._executor.expect)
        self._callers = ThreadPoolExecutor(4, "universal-target")
        self._address = endpoint
        self._thread.start()

    def stop(self) -> None:
        """End the thread and every handler process. What is under way is not waited for."""
        with BACKENDS:
            self._stopping = True
            BACKENDS.notify_all()
        self._inbox.put(None)
        self._thread.join(30)
        self._executor.stop()
        self._callers.shutdown(wait=False, cancel_futures=True)

    def abandon(self) -> None:
        """Take back what lies on the disk; the process ends at once, and no handler has been started."""
        self._executor.abandon()

    def now(self) -> datetime:
        return datetime.now(UTC)

    # asked by moto's requests, which hold BACKENDS

    def wake(self) -> None:
        self._inbox.put(None)

    def run(
        self, function: LambdaFunction, arn: str, payload: str, client_context: str | None = None
    ) -> tuple[str, Outcome]:
        """Invoke and wait for the answer, without holding the lock meanwhile."""
        reserved = lambdas.reserved(function)
        found = lambdas.function_of(function)
        if reserved is not None and self._active[found.arn] >= reserved:
            raise lambdas.TooManyRequests
        rounds = self._enter(found, lineage.counts_sent())
        if rounds is None:
            raise lambdas.RecursiveInvocation(found.name)
        request_id = self._unique()
        self._answers[request_id] = None
        self._submit(
            Invocation(request_id, found, payload.encode(), arn, client_context=client_context, lineage=rounds)
        )
        while (outcome := self._answers[request_id]) is None and not self._stopping:
            BACKENDS.wait(_LONGEST_NAP)
        del self._answers[request_id]
        if outcome is None:
            raise JsonRESTError("ServiceException", "the local cloud is stopping")
        return request_id, outcome

    # the thread

    def tell(self, thing: Callable[[], None]) -> None:
        """Have something done by the thread, under the lock. From any thread."""
        self._inbox.put(thing)

    def _run(self) -> None:
        waiting: deque[AnyEffect] = deque()
        while not self._stopping:
            things = self._await(at_once=bool(waiting))
            with BACKENDS:
                for thing in things:
                    self._safely(thing)
                self._act(waiting)
                BACKENDS.notify_all()
            told, self._told = self._told, []
            for event in told:
                self._on_event(event)

    def _act(self, waiting: deque[AnyEffect]) -> None:
        """Carry out what the engine decides; when that is much, others get the lock in between."""
        end = time.monotonic() + _LONGEST_HOLD
        while time.monotonic() < end:
            waiting.extend(self._engine.step(self._look()))
            if not waiting:
                return
            self._carry_out(waiting.popleft())

    def _look(self) -> datetime:
        """Return the time, after the engine knows that the clock was set back."""
        now = self.now()
        if now <= self._seen - JUMP:
            self._engine.set_back(self._seen - now, now)
        self._seen = now
        return now

    def _await(self, *, at_once: bool) -> list[Callable[[], None]]:
        """Until something is in the inbox, or due."""
        due = self._engine.next_due()
        nap = _LONGEST_NAP if due is None else (due - self.now()).total_seconds()
        things = []
        try:
            things.append(self._inbox.get(timeout=0.0 if at_once else min(max(nap, 0.0), _LONGEST_NAP)))
            while len(things) < 1000:
                things.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        return [thing for thing in things if thing is not None]

    # what carrying out comes to here

    def function_deleted(self, arn: str, version: str | None) -> None:
        self._executor.retire(arn, version)

    def _execute(self, invocation: Invocation) -> None:
        self._executor.submit(invocation)

    def _call_universal(self, deliver: Deliver) -> None:
        self._callers.submit(self._call, deliver)

    def _call(self, deliver: Deliver) -> None:
        """Of a universal target, in a thread of its own."""
        region = deliver.schedule_arn.split(":")[3]
        try:
            refusal = universal.call(deliver.target.arn, deliver.payload, region, self._address)
        except Exception:  # a thread's exception is nobody's: without an answer the engine waits for ever
            refusal = OWN_FAULT
        if refusal is None:
            self.tell(lambda: self._engine.delivered(deliver.delivery))
        else:
            self.tell(lambda: self._engine.refused(deliver.delivery, refusal, self.now()))

    def _emit(self, event: dict[str, Any]) -> None:
        self._told.append(event)

    def _answered(self, invocation: Invocation, outcome: Outcome) -> bool:
        if invocation.request_id not in self._answers:
            return False
        self._answers[invocation.request_id] = outcome
        return True


class _Ears:
    """Hears the executor in its thread, and has the drive's thread act on it."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive

    def started(self, invocation: Invocation) -> None:
        self._drive.tell(lambda: self._drive.started(invocation))

    def lines(self, function: Function, log_stream: str, lines: list[str]) -> None:
        self._drive.tell(lambda: self._drive.log(function, log_stream, lines))

    def finished(self, invocation: Invocation, outcome: Outcome) -> None:
        self._drive.tell(lambda: self._drive.finished(invocation, outcome))

    def note(self, text: str) -> None:
        self._drive.note(text)


def _with_each_new_function(call: Callable[[], None]) -> None:
    """The first thing a function needs is the warden: who has only schedules and queues never waits for it."""
    create = LambdaBackend.create_function

    def create_function(*args: Any, **fields: Any) -> Any:
        call()
        return create(*args, **fields)

    mend(LambdaBackend, create_function=create_function)
