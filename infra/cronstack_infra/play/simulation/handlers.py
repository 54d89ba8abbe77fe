"""Handlers in greenlets: each invocation a greenlet of its own, with Lambda's time limit and Lambda's answers.

    begin ──▶ runs ──sleeps, calls AWS──▶ runs … ──▶ returns or raises ──▶ told
                └── time is up, or a fault ──▶ killed: an exception is thrown in, and again at whatever it asks for,
                                               so that nothing it does is seen any more ──▶ told at once

A sandbox is warm while its function stays as it is: its modules are kept, one invocation at a time. What a killed one
leaves behind is dropped with it.
"""

from __future__ import annotations

import io
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, NoReturn

from greenlet import GreenletExit, getcurrent, greenlet

from cronstack.errors import OperationError
from cronstack_infra.local.executor import runtime_loop
from cronstack_infra.local.executor.environment import Folders, environment, read_at_start, search_path, trace_id
from cronstack_infra.local.executor.values import (
    LARGEST_RESPONSE,
    Function,
    Invocation,
    Outcome,
    exited,
    failure,
    timed_out,
    too_large,
)
from cronstack_infra.play.simulation.code import Belongings, Deployed, Desk
from cronstack_infra.play.simulation.hub import Hub
from cronstack_infra.play.simulation.strands import Attempt, Context, Killed, Sandbox, Strand

Run = Callable[["Attempt", Any, Any, Any], Any]
"""Calls a handler with event and context: (attempt, handler, event, context) → what it returned."""

_MOST_THROWS: Final = 20
"""How often a handler may go on after it was told that it is dead."""
_OURS: Final = (runtime_loop.__file__, __file__)


_ABANDONED: Final[list[greenlet]] = []
"""Greenlets that would not end. Kept, because a greenlet that nobody knows is made to go on once more."""


class Printer(io.TextIOBase):
    """Standard output and error of whoever runs: whole lines go where its log goes."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._told(line)
        return len(text)

    def writable(self) -> bool:
        return True


class Handlers:
    """The executor of a virtual cloud. ``finished`` hears of each end, ``run`` calls the handlers."""

    def __init__(
        self,
        hub: Hub,
        *,
        run: Run,
        finished: Callable[[Attempt, Outcome], None],
        started: Callable[[Invocation], None],
        lines: Callable[[Attempt, list[str]], None],
        code_of: Callable[[Function], Deployed],
    ) -> None:
        self.desk = Desk()
        self._printer = Printer(self._printed)
        self.current: Attempt | None = None
        """The one whose code runs."""
        self.strand: Strand | None = None
        """Whose greenlet runs."""
        self.stalled: OperationError | None = None
        """Why the simulation cannot go on; raised to whoever advances the clock."""
        self._hub = hub
        self._run, self._finished, self._started, self._lines, self._code_of = run, finished, started, lines, code_of
        self._idle: dict[str, list[Sandbox]] = defaultdict(list)
        self._noted: set[str] = set()
        """Fingerprints of functions whose variables were looked at: the log names those without effect."""
        self.under_way: dict[str, Attempt] = {}

    def submit(self, invocation: Invocation) -> None:
        """Have it begin now, when the hub comes to it."""
        self._hub.soon(lambda: self._begin(invocation))

    def _begin(self, invocation: Invocation) -> None:
        hub, function = self._hub, invocation.function
        self._started(invocation)
        sandbox = self._sandbox(function)
        attempt = sandbox.attempt = Attempt(invocation, sandbox, hub.us)
        self._note_without_effect(attempt)
        header = trace_id(hub.us / 1_000_000, invocation.request_id, invocation.lineage)
        attempt.sandbox.belongings.environment[b"_X_AMZN_TRACE_ID"] = header.encode()
        deadline = hub.us + int(function.timeout * 1_000_000)
        timer = hub.at(deadline, lambda: self.kill(attempt, timed_out(invocation.request_id, function.timeout)))
        self.under_way[invocation.request_id] = attempt

        def work() -> None:
            try:
                outcome = self._work(attempt, Context(invocation, hub, deadline))
            except (Killed, GreenletExit):
                return
            timer.cancel()
            self._end(attempt, outcome)

        attempt.strand.greenlet = greenlet(work)
        for wake in sandbox.thaw():
            hub.soon(wake)
        self.resume(attempt.strand)

    def _note_without_effect(self, attempt: Attempt) -> None:
        """Log, once for each function, which of its variables this process cannot honour."""
        function = attempt.invocation.function
        if function.fingerprint in self._noted:
            return
        self._noted.add(function.fingerprint)
        names = [name for name in read_at_start(function.environment) if name != "PYTHONPATH"]
        if names:
            text = "takes effect only when a process starts, so not in a simulation; see it with: cronstack up"
            self._lines(attempt, [f"[cronstack] {', '.join(names)}: {text}"])

    def resume(self, strand: Strand, throw: BaseException | None = None) -> None:
        """From the hub: let a strand go on until it waits or ends."""
        running, hub, sandbox = strand.greenlet, self._hub, strand.sandbox
        assert running is not None
        before, self.current, self.strand = (self.current, self.strand, hub.looks), sandbox.attempt, strand
        outer, hub.greenlet = hub.greenlet, getcurrent()
        hub.looks = strand.looks + 1 if strand.looks_at == hub.us else 0
        self.desk.lay(sandbox.belongings)
        streams, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), self._printer, self._printer
        try:
            if throw is None:
                running.switch()
            else:
                running.throw(throw)
        finally:
            sys.stdout, sys.stderr = streams
            strand.looks, strand.looks_at = hub.looks, hub.us
            hub.greenlet = outer
            self.current, self.strand, hub.looks = before
        if sandbox.pollers and not strand.fruitless:
            self._let_look(sandbox, strand)
        if self.stalled is not None:
            fault, self.stalled = self.stalled, None
            raise fault

    def _let_look(self, sandbox: Sandbox, but: Strand) -> None:
        """Wake the strands that wait for a file: the one that ran may have written to it."""
        for strand, wake in sandbox.pollers.items():
            if strand is not but:
                self._hub.soon(wake)

    def _printed(self, line: str) -> None:
        if self.current is not None and not self.current.dead:
            self._lines(self.current, [line])

    def kill(self, attempt: Attempt, outcome: Outcome) -> None:
        """Its sandbox dies now. From the hub, or from its own greenlet (which does not return from here)."""
        if attempt.dead or attempt.invocation.request_id not in self.under_way:
            return
        attempt.dead = attempt.sandbox.dead = True
        self._end(attempt, outcome)
        if self.current is not attempt:
            self._bury(attempt.sandbox, attempt.strand)
            return
        if attempt.sandbox.threads:  # a strand cannot throw into another one
            self._hub.soon(lambda: self._bury(attempt.sandbox, attempt.strand))
        raise Killed

    def stall(self, fault: OperationError, why: str) -> None:
        """From a strand: the simulation cannot go on because of it. Whoever advances the clock gets the fault."""
        attempt = self.current
        assert attempt is not None
        attempt.observed.fault = why
        self.stalled = fault
        self.kill(attempt, crashed(attempt.invocation.request_id))

    def _bury(self, sandbox: Sandbox, *handlers: Strand) -> None:
        """End the strands of a dead sandbox. A greenlet that does not end is left where it is, for ever."""
        sandbox.dead = True
        for strand in (*handlers, *sandbox.threads):
            running = strand.greenlet
            if running is None:
                continue
            while running and strand.refused < _MOST_THROWS:  # (false before its start and after its end)
                strand.refused += 1
                self.resume(strand, Killed())
            if running:
                _ABANDONED.append(running)
            self.ended(strand)

    def ended(self, strand: Strand) -> None:
        """Forget a strand that runs no more, and wake those who wait for its end."""
        strand.greenlet = None
        strand.sandbox.threads.pop(strand, None)
        strand.sandbox.pollers.pop(strand, None)
        while strand.joiners:
            self._hub.soon(strand.joiners.pop())

    def live(self) -> Attempt | None:
        """Who calls: the handler that runs, None for the host. Raises Killed in one that is dead already."""
        if self.strand is not None and self.strand.sandbox.dead:
            self._refuse()
        return self.current

    def _refuse(self) -> NoReturn:
        strand = self.strand
        assert strand is not None
        strand.refused += 1
        while strand.refused > _MOST_THROWS:
            try:
                self._hub.hand_over()
            except BaseException:
                continue  # it would go on as before
        raise Killed

    def sleep(self, attempt: Attempt, us: int) -> None:
        """Of a strand: the others go on meanwhile."""
        hub = self._hub
        until = hub.us + max(us, 0)
        if hub.alone_until(until):
            hub.move(until)
            return
        hub.at(until, self.waker())
        self.wait()

    def waker(self) -> Callable[[], None]:
        """Return what resumes the running strand from the wait that it is about to begin, for the hub to call.

        It has no effect once that wait is over.
        """
        strand = self.strand
        assert strand is not None
        strand.waits += 1
        number = strand.waits

        def wake() -> None:
            sandbox = strand.sandbox
            if strand.waits != number or sandbox.dead:
                return
            if sandbox.attempt is None:
                sandbox.frozen.append(wake)
                return
            strand.waits += 1
            self.resume(strand)

        return wake

    def park(self, wake: Callable[[], None], us: int | None = None) -> None:
        """Of a strand: wait until something calls ``wake``, at most for so many microseconds."""
        timer = self._hub.at(self._hub.us + us, wake) if us is not None else None
        self.wait()
        if timer is not None:
            timer.cancel()

    def wait(self) -> None:
        """Of a strand: hand over until the hub resumes it. Raises Killed when its sandbox died meanwhile."""
        events = sys.modules.get("asyncio.events")
        loop = events._get_running_loop() if events is not None else None
        if loop is None:
            self._hub.hand_over()
        else:  # asyncio keeps it by thread: each strand has one of its own
            assert events is not None
            events._set_running_loop(None)
            try:
                self._hub.hand_over()
            finally:
                events._set_running_loop(loop)
        strand = self.strand
        assert strand is not None
        if strand.sandbox.dead:
            self._refuse()

    def drop(self) -> None:
        """End everything, tell nobody: the cloud goes back to another state."""
        for attempt in list(self.under_way.values()):
            attempt.dead = True
            self._bury(attempt.sandbox, attempt.strand)
        for sandbox in [one for idle in self._idle.values() for one in idle]:
            self._bury(sandbox)
        self.under_way.clear()
        self._idle.clear()
        self._noted.clear()
        self.desk.lay(None)

    def _sandbox(self, function: Function) -> Sandbox:
        idle = self._idle[function.fingerprint]
        if idle:
            return idle.pop()
        own = function.handler.split("/")[0].partition(".")[0]
        values = environment(
            function, Folders(), runtime_api="simulated", endpoint="", log_stream="simulated", session="simulated"
        )
        del values["AWS_ENDPOINT_URL"]
        path = search_path(function, Folders())
        return Sandbox(function, Belongings(self._code_of(function), own, values, path))

    def loaded(self, function: Function) -> Any:
        """Return a function's handler, loaded into a sandbox that is then warm. Raises what loading raises."""
        sandbox, raised = self._sandbox(function), list[Exception]()

        def load() -> None:
            try:
                sandbox.handler = sandbox.handler or runtime_loop.load(function.handler)
            except (Killed, GreenletExit):
                return
            except Exception as fault:
                raised.append(fault)

        strand = Strand(sandbox)
        loading = strand.greenlet = greenlet(load)
        self.resume(strand)  # a strand, so that the module's pools and locks are made as in an invocation
        if loading:
            self._bury(sandbox, strand)
            raised.append(OperationError(f"{function.handler} waits while it is imported"))
        if raised:
            raise raised[0]
        self._idle[function.fingerprint].append(sandbox)
        return sandbox.handler

    def _work(self, attempt: Attempt, context: Context) -> Outcome:
        sandbox, invocation = attempt.sandbox, attempt.invocation
        try:
            if sandbox.handler is None:
                sandbox.handler = runtime_loop.load(invocation.function.handler)
            event = json.loads(invocation.payload)
            given: Any = context
            result = runtime_loop.answer(lambda e, c: self._run(attempt, sandbox.handler, e, c), event, given)
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
            return exited(invocation.request_id, status)
        except Exception as fault:
            return self._failed(attempt, fault)
        if len(result) > LARGEST_RESPONSE:
            return too_large()
        return Outcome(True, result)

    def _failed(self, attempt: Attempt, fault: Exception) -> Outcome:
        request_id = attempt.invocation.request_id
        fields = runtime_loop.describe(fault, request_id, _OURS)
        self._lines(attempt, [f"[ERROR] {fields['errorType']}: {fields['errorMessage']}"])
        return Outcome(False, json.dumps(fields).encode(), str(fields["errorType"]))

    def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        invocation, sandbox = attempt.invocation, attempt.sandbox
        del self.under_way[invocation.request_id]
        if not attempt.dead:
            sandbox.attempt = None
        if not attempt.dead and outcome.error not in ("Runtime.ExitError",) and sandbox.handler is not None:
            self._idle[invocation.function.fingerprint].append(sandbox)
        elif sandbox.threads and not attempt.dead:
            self._hub.soon(lambda: self._bury(sandbox))
        seconds = (self._hub.us - attempt.began) / 1_000_000
        told = Outcome(outcome.ok, outcome.payload, outcome.error, seconds)
        self._finished(attempt, told)


def crashed(request_id: str) -> Outcome:
    """A sandbox that a fault has ended."""
    return failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: signal: killed")
