"""The real-time drive: runs the engine by the real clock, and its effects on moto and in real processes.

The drive has one thread. A request (CreateSchedule, an asynchronous Invoke) changes the engine's state under BACKENDS
and wakes the thread. Reports of handler processes go into the inbox. The thread never waits for a process: a
synchronous Invoke waits in its own request's thread, with the lock released.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from moto.core.exceptions import JsonRESTError

from cronstack_infra.local.clock import Clock
from cronstack_infra.local.effects.cached_lookups import Lookups
from cronstack_infra.local.effects.runner import AnyEffect, EffectRunner
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.port import InvocationAnswer
from cronstack_infra.local.engine.skew import seconds_ahead
from cronstack_infra.local.engine.skipped_instants import JUMP
from cronstack_infra.local.engine.values import Deliver, ScheduleConfig, TargetError
from cronstack_infra.local.executor.executor import Executor, Limits
from cronstack_infra.local.executor.values import DeployedFunction, Invocation, InvocationOutcome
from cronstack_infra.local.extras import universal_calls
from cronstack_infra.local.lock import BACKENDS
from cronstack_infra.switches.settings import Switches

_LONGEST_NAP: Final = 1.0
"""Seconds after which the thread reads the clock again: a wait pauses while the machine sleeps."""
_LONGEST_HOLD: Final = 0.1
"""Seconds for which the thread holds the lock before requests get a turn."""


class RealDrive:
    """The engine and the executor of a local cloud. ``on_event`` receives each event as a dictionary."""

    def __init__(
        self,
        on_event: Callable[[dict[str, Any]], None],
        clock: Clock,
        *,
        endpoint: str | None = None,
        switches: Switches | None = None,
        limits: Limits | None = None,
    ) -> None:
        """endpoint: the local cloud's address, for handlers. Defaults to AWS_ENDPOINT_URL, read by ``start``."""
        self._clock = clock
        self._engine = Engine(switches or Switches())
        self.effects = EffectRunner(self._engine, self, Lookups(), lambda: str(uuid.uuid4()))
        self._on_event = on_event
        self._endpoint = endpoint
        self._limits = limits
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._unsent_events: list[dict[str, Any]] = []
        self._stopping = False
        self._last_read = self.now()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        endpoint = self._endpoint or os.environ["AWS_ENDPOINT_URL"]
        self._executor = Executor(
            _Listener(self, self.effects),
            clock=time.time,
            unique=lambda: uuid.uuid4().hex,
            endpoint=endpoint,
            limits=self._limits,
            ahead=lambda function, number: seconds_ahead(self._engine.switches, function, number),
        )
        self._executor.start()
        self._callers = ThreadPoolExecutor(4, "universal-target")
        self._address = endpoint
        self._thread.start()

    def stop(self) -> None:
        """End the thread and every handler process, without waiting for invocations."""
        with BACKENDS:
            self._stopping = True
            BACKENDS.notify_all()
        self._inbox.put(None)
        self._thread.join(30)
        self._executor.stop()
        self._callers.shutdown(wait=False, cancel_futures=True)

    def abandon(self) -> None:
        """Delete the executor's folder. Only before the first handler, in a process that ends at once."""
        self._executor.abandon()

    def play(self, switches: Switches) -> None:
        """Play AWS by these switches from now on. The caller holds BACKENDS."""
        self._engine.play(switches)

    # the drive's thread

    def _run(self) -> None:
        effects: deque[AnyEffect] = deque()
        while not self._stopping:
            callbacks = self._await_callbacks(at_once=bool(effects))
            with BACKENDS:
                for callback in callbacks:
                    self.effects.safely(callback)
                self._step(effects)
                BACKENDS.notify_all()
            events, self._unsent_events = self._unsent_events, []
            for event in events:
                self._on_event(event)

    def _step(self, effects: deque[AnyEffect]) -> None:
        """Carry out the engine's effects for at most ``_LONGEST_HOLD``: requests need the lock too."""
        end = time.monotonic() + _LONGEST_HOLD
        while time.monotonic() < end:
            effects.extend(self._engine.step(self._read_clock()))
            if not effects:
                return
            self.effects.carry_out(effects.popleft())

    def _read_clock(self) -> datetime:
        """Return the time; report it to the engine first when the clock was set back."""
        now = self.now()
        if now <= self._last_read - JUMP:
            self._engine.set_back(self._last_read - now, now)
        self._last_read = now
        return now

    def _await_callbacks(self, *, at_once: bool) -> list[Callable[[], None]]:
        """Wait until the inbox has a callback or the engine has something due; return the inbox's callbacks."""
        with BACKENDS:
            due = self._engine.next_due()
            if due is not None and not at_once and not self.effects.is_busy() and self._inbox.empty():
                self._clock.idle(due)
        nap = _LONGEST_NAP if due is None else (due - self.now()).total_seconds()
        callbacks = []
        try:
            callbacks.append(self._inbox.get(timeout=0.0 if at_once else min(max(nap, 0.0), _LONGEST_NAP)))
            while len(callbacks) < 1000:
                callbacks.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        return [callback for callback in callbacks if callback is not None]

    # ``engine.port.Drive``, for effects

    def now(self) -> datetime:
        return self._clock.now()

    def report(self, event: str, **fields: Any) -> None:
        self._unsent_events.append({"event": event, "at": self.now().isoformat(), **fields})

    def wake(self) -> None:
        self._inbox.put(None)

    def soon(self, callback: Callable[[], None]) -> None:
        self._inbox.put(callback)

    def fires_from(self, config: ScheduleConfig) -> datetime:
        return self.now()

    def enqueue(self, request_id: str, put: Callable[[], None]) -> None:
        put()

    def execute(self, invocation: Invocation) -> None:
        self._executor.submit(invocation)

    def wait(self, answer: InvocationAnswer) -> InvocationOutcome:
        """Wait in the request's thread; ``BACKENDS.wait`` releases the lock meanwhile."""
        while answer.outcome is None and not self._stopping:
            BACKENDS.wait(_LONGEST_NAP)
        if answer.outcome is None:
            raise JsonRESTError("ServiceException", "the local cloud is stopping")
        return answer.outcome

    def expect(self) -> None:
        """Start the warden with the first function, so that a cloud without functions never waits for it."""
        self._executor.expect()

    def retire(self, arn: str, version: str | None) -> None:
        self._executor.retire(arn, version)

    def call(self, deliver: Deliver, then: Callable[[TargetError | Exception | None], None]) -> None:
        """Make the call in another thread, because the request needs the lock."""

        def call() -> None:
            result = universal_calls.call(deliver, self._address)
            self.soon(lambda: then(result))

        self._callers.submit(call)


class _Listener:
    """The executor's listener. Passes each report from the executor's thread to the drive's."""

    def __init__(self, drive: RealDrive, effects: EffectRunner) -> None:
        self._drive, self._effects = drive, effects

    def started(self, invocation: Invocation) -> None:
        self._drive.soon(lambda: self._effects.started(invocation))

    def lines(self, function: DeployedFunction, log_stream: str, lines: list[str]) -> None:
        self._drive.soon(lambda: self._effects.log(function, log_stream, lines))

    def finished(self, invocation: Invocation, outcome: InvocationOutcome) -> None:
        self._drive.soon(lambda: self._effects.finished(invocation, outcome))

    def note(self, text: str) -> None:
        self._effects.note(text)
