"""Strands of a virtual cloud: which one runs, how it waits, how it is killed.

begin ──▶ runs ──sleeps, calls AWS──▶ runs … ──▶ returns or raises
            └── time limit, or a fault ──▶ killed: Killed is raised in it, and again at each later call,
                                           so that it has no further effect
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from greenlet import getcurrent, greenlet

from cronstack.errors import OperationError
from cronstack_infra.local.executor.values import InvocationOutcome, exited, failure
from cronstack_infra.play.simulation.clock.hub import Hub
from cronstack_infra.play.simulation.handlers.busy import busy_loop, place_of_loop
from cronstack_infra.play.simulation.handlers.code import ProcessGlobals
from cronstack_infra.play.simulation.handlers.sandboxes import Execution, Killed, LoadedFunction, Strand

_MOST_THROWS: Final = 20
"""How often a strand may continue after Killed was raised in it."""
_ABANDONED: Final[list[greenlet]] = []
"""Greenlets that did not end. Python raises GreenletExit in one that it collects, and its code would run again."""


class LineWriter(io.TextIOBase):
    """Standard output and error of the running strand. Whole lines go to its log."""

    def __init__(self, write_line: Callable[[str], None]) -> None:
        self._write = write_line
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._write(line)
        return len(text)

    def writable(self) -> bool:
        return True


class Strands:
    """The greenlets of all sandboxes. At any time one of them runs, or the hub."""

    def __init__(self, hub: Hub, process_globals: ProcessGlobals, root: str) -> None:
        """root: the folder that frames of deployed code show."""
        self.current: Execution | None = None
        """The attempt whose code runs."""
        self.strand: Strand | None = None
        """The strand whose greenlet runs."""
        self._hub, self._process_globals, self._root = hub, process_globals, root
        self._line_writer = LineWriter(self._write_line)
        self._abort_fault: OperationError | None = None
        """Why the simulation cannot continue. It is raised where the clock is advanced."""

    def resume(self, strand: Strand, throw: BaseException | None = None) -> None:
        """Run a strand until it waits or ends. Called by the hub."""
        running, hub, sandbox = strand.greenlet, self._hub, strand.sandbox
        assert running is not None
        before, self.current, self.strand = (self.current, self.strand, hub.clock_reads), sandbox.attempt, strand
        outer, hub.greenlet = hub.greenlet, getcurrent()
        hub.clock_reads = strand.clock_reads + 1 if strand.clock_reads_at == hub.us else 0
        self._process_globals.switch_to(sandbox.function_state)
        streams, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), self._line_writer, self._line_writer
        try:
            if throw is None:
                running.switch()
            else:
                running.throw(throw)
        finally:
            sys.stdout, sys.stderr = streams
            strand.clock_reads, strand.clock_reads_at = hub.clock_reads, hub.us
            hub.greenlet = outer
            self.current, self.strand, hub.clock_reads = before
        if sandbox.pollers and not strand.found_nothing:
            self._wake_pollers(sandbox, strand)
        if self._abort_fault is not None:
            fault, self._abort_fault = self._abort_fault, None
            raise fault

    def _wake_pollers(self, sandbox: LoadedFunction, except_for: Strand) -> None:
        """Wake the strands that wait for a file: the strand that ran may have written to it."""
        for strand, wake in sandbox.pollers.items():
            if strand is not except_for:
                self._hub.call_soon(wake)

    def _write_line(self, line: str) -> None:
        if self.current is not None and not self.current.dead:
            self.current.write([line])

    def read_clock(self) -> int:
        """Return the time in microseconds to code that reads a clock. Abort a loop that only reads it."""
        hub = self._hub
        if hub.count_clock_read():
            attempt = self.calling_attempt()
            place = place_of_loop(self._root)
            fault = busy_loop(place, hub.most_looks, hub.now)
            if attempt is None:
                raise fault
            self.abort(fault, f"a loop that never waits: {place}")
        return hub.us

    def kill(self, attempt: Execution, outcome: InvocationOutcome) -> None:
        """Kill the sandbox of an attempt. Raise Killed if the attempt itself calls, not the hub."""
        if attempt.dead or attempt.ended:
            return
        attempt.dead = attempt.sandbox.dead = True
        self.end(attempt, outcome)
        if self.current is not attempt:
            self.end_strands(attempt.sandbox, attempt.strand)
            return
        if attempt.sandbox.threads:  # a strand cannot raise an exception in another one
            self._hub.call_soon(lambda: self.end_strands(attempt.sandbox, attempt.strand))
        raise Killed

    def end(self, attempt: Execution, outcome: InvocationOutcome) -> None:
        """Report the end of an attempt with its duration. Remove the stack trace of a failure."""
        attempt.ended = True
        seconds = (self._hub.us - attempt.began) / 1_000_000
        payload = outcome.payload if outcome.ok else _without_trace(outcome.payload)
        attempt.report(attempt, InvocationOutcome(outcome.ok, payload, outcome.error, seconds))

    def abort(self, fault: OperationError, why: str) -> None:
        """Abort the simulation because of the running strand. The fault is raised where the clock is advanced."""
        attempt = self.current
        assert attempt is not None
        attempt.observed.fault = why
        self._abort_fault = fault
        self.kill(attempt, crash_outcome(attempt.invocation.request_id))

    def exit_process(self, status: int) -> None:
        """Kill the running attempt, whose process ends itself. Return if no attempt runs."""
        attempt = self.calling_attempt()
        if attempt is not None:
            self.kill(attempt, exited(attempt.invocation.request_id, status))

    def end_strands(self, sandbox: LoadedFunction, *handlers: Strand) -> None:
        """End the strands of a dead sandbox. A greenlet that does not end is never resumed again."""
        sandbox.dead = True
        for strand in (*handlers, *sandbox.threads):
            running = strand.greenlet
            if running is None:
                continue
            while running and strand.kills_ignored < _MOST_THROWS:  # (false before its start and after its end)
                strand.kills_ignored += 1
                self.resume(strand, Killed())
            if running:
                _ABANDONED.append(running)
            self.drop_strand(strand)

    def drop_strand(self, strand: Strand) -> None:
        """Remove an ended strand and wake the strands that wait for its end."""
        strand.greenlet = None
        strand.sandbox.threads.pop(strand, None)
        strand.sandbox.pollers.pop(strand, None)
        while strand.joiners:
            self._hub.call_soon(strand.joiners.pop())

    def calling_attempt(self) -> Execution | None:
        """Return the attempt whose code calls, None for the host. Raise Killed if its sandbox is dead."""
        if self.strand is not None and self.strand.sandbox.dead:
            self._raise_killed()
        return self.current

    def _raise_killed(self) -> NoReturn:
        strand = self.strand
        assert strand is not None
        strand.kills_ignored += 1
        while strand.kills_ignored > _MOST_THROWS:
            try:
                self._hub.suspend()
            except BaseException:  # also Killed: the code has ignored it too often
                continue  # it would continue as before
        raise Killed

    def sleep(self, attempt: Execution, us: int) -> None:
        """Suspend the calling strand. The others run meanwhile."""
        hub = self._hub
        until = hub.us + max(us, 0)
        if hub.is_idle_until(until):
            hub.move(until)
            return
        hub.at(until, self.waker())
        self.wait()

    def waker(self) -> Callable[[], None]:
        """Return a function for the hub that resumes the calling strand from the wait that it is about to start.

        The function has no effect after that wait.
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
        """Suspend the calling strand until ``wake`` is called, at most for ``us`` microseconds."""
        timer = self._hub.at(self._hub.us + us, wake) if us is not None else None
        self.wait()
        if timer is not None:
            timer.cancel()

    def wait(self) -> None:
        """Suspend the calling strand until the hub resumes it. Raise Killed if its sandbox has died meanwhile."""
        events = sys.modules.get("asyncio.events")
        loop = events._get_running_loop() if events is not None else None
        if loop is None:
            self._hub.suspend()
        else:  # asyncio stores it by thread; here each strand has its own
            assert events is not None
            events._set_running_loop(None)
            try:
                self._hub.suspend()
            finally:
                events._set_running_loop(loop)
        strand = self.strand
        assert strand is not None
        if strand.sandbox.dead:
            self._raise_killed()


def crash_outcome(request_id: str) -> InvocationOutcome:
    """Return the outcome of a sandbox that a fault has ended."""
    return failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: signal: killed")


def _without_trace(payload: bytes) -> bytes:
    """Return a failure without its stack trace, which contains paths of this machine."""
    try:
        fields = json.loads(payload)
    except ValueError:
        return payload
    if isinstance(fields, dict):
        fields.pop("stackTrace", None)
    return json.dumps(fields).encode()
