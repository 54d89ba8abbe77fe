"""The executor of a virtual cloud: each invocation is a strand, with Lambda's time limit and Lambda's responses.

A sandbox stays warm, with its loaded modules, until its function changes. It runs one invocation at a time. A
killed sandbox is dropped with its state.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from greenlet import GreenletExit, greenlet

from cronstack.errors import OperationError
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.skew import seconds_ahead
from cronstack_infra.local.executor import runtime_loop
from cronstack_infra.local.executor.environment import Folders, environment, read_at_start, search_path, trace_id
from cronstack_infra.local.executor.values import (
    LARGEST_RESPONSE,
    DeployedFunction,
    Invocation,
    InvocationOutcome,
    exited,
    timed_out,
    too_large,
)
from cronstack_infra.play.simulation.clock.hub import Hub
from cronstack_infra.play.simulation.handlers.code import RUNTIME, FunctionState, ProcessGlobals, UnpackedAsset
from cronstack_infra.play.simulation.handlers.sandboxes import (
    Context,
    Execution,
    InvocationListener,
    Killed,
    LoadedFunction,
    Strand,
)
from cronstack_infra.play.simulation.handlers.strands import Strands

Run = Callable[[Execution, Any, Any, Any], Any]
"""Calls a handler with event and context: (attempt, handler, event, context) → its result."""

_OURS: Final = (runtime_loop.__file__, __file__)


def skew_of(engine: Engine, function: str, number: int) -> int:
    """Return the microseconds by which the clock of a new sandbox is ahead, by the switch and the seed."""
    return int(seconds_ahead(engine.switches, function, number) * 1_000_000)


class Handlers:
    """Starts and ends invocations. Each reports its start, its log lines and its end to its listener."""

    def __init__(
        self,
        hub: Hub,
        strands: Strands,
        process_globals: ProcessGlobals,
        *,
        code_of: Callable[[DeployedFunction], UnpackedAsset],
        run: Run,
        on_end: Callable[[Execution], None],
        skew: Callable[[str, int], int],
    ) -> None:
        """run: calls a handler. on_end: called with each attempt after its listener.

        skew: returns the microseconds by which the clock of a function's new sandbox is ahead, by name and number.
        """
        self.under_way: dict[str, Execution] = {}
        """Attempts that have not ended, by request id."""
        self._hub, self._strands, self._process_globals = hub, strands, process_globals
        self._code_of, self._run, self._on_end, self._skew = code_of, run, on_end, skew
        self._sandbox_count = 0
        """Sandboxes created since the cloud was last restored."""
        self._idle: dict[str, list[LoadedFunction]] = defaultdict(list)
        self._logged: set[str] = set()
        """Fingerprints of functions whose variables without effect are already in the log."""

    def submit(self, invocation: Invocation, listener: InvocationListener) -> None:
        """Start an invocation now, after what is already due."""
        self._hub.call_soon(lambda: self._begin(invocation, listener))

    def _begin(self, invocation: Invocation, listener: InvocationListener) -> None:
        hub, function = self._hub, invocation.function
        listener.started(invocation)
        sandbox = self._sandbox(function)

        def write(lines: list[str]) -> None:
            listener.lines(function, f"{hub.now:%Y/%m/%d}/[$LATEST]simulated", lines)

        def report(attempt: Execution, outcome: InvocationOutcome) -> None:
            self._retire(attempt, outcome)
            listener.finished(invocation, outcome)
            self._on_end(attempt)

        attempt = sandbox.attempt = Execution(invocation, sandbox, hub.us, write=write, report=report)
        self._log_ineffective_variables(attempt)
        header = trace_id(hub.us / 1_000_000, invocation.request_id, invocation.lineage)
        sandbox.function_state.environment[b"_X_AMZN_TRACE_ID"] = header.encode()
        deadline = hub.us + int(function.timeout * 1_000_000)
        timeout = timed_out(invocation.request_id, function.timeout)
        timer = hub.at(deadline, lambda: self._strands.kill(attempt, timeout))
        self.under_way[invocation.request_id] = attempt

        def work() -> None:
            try:
                outcome = self._run_handler(attempt, Context(invocation, hub, deadline, sandbox.skew))
            except (Killed, GreenletExit):
                return
            timer.cancel()
            self._strands.end(attempt, outcome)

        attempt.strand.greenlet = greenlet(work)
        for wake in sandbox.thaw():
            hub.call_soon(wake)
        self._strands.resume(attempt.strand)

    def _log_ineffective_variables(self, attempt: Execution) -> None:
        """Log, once for each function, which of its variables have no effect in this process."""
        function = attempt.invocation.function
        if function.fingerprint in self._logged:
            return
        self._logged.add(function.fingerprint)
        names = [name for name in read_at_start(function.environment) if name != "PYTHONPATH"]
        if names:
            text = "takes effect only when a process starts, so not in a simulation; see it with: cronstack up"
            attempt.write([f"[cronstack] {', '.join(names)}: {text}"])

    def drop(self) -> None:
        """End everything without a result, before the cloud is restored."""
        for attempt in list(self.under_way.values()):
            attempt.dead = True
            self._strands.end_strands(attempt.sandbox, attempt.strand)
        for sandbox in [sandbox for idle in self._idle.values() for sandbox in idle]:
            self._strands.end_strands(sandbox)
        self.under_way.clear()
        self._idle.clear()
        self._logged.clear()
        self._sandbox_count = 0
        self._process_globals.switch_to(None)

    def _sandbox(self, function: DeployedFunction) -> LoadedFunction:
        idle = self._idle[function.fingerprint]
        if idle:
            return idle.pop()
        own = function.handler.split("/")[0].partition(".")[0]
        own = "" if own == RUNTIME else own  # of the deploy check, whose code is the runtime of this process
        values = environment(
            function, Folders(), runtime_api="simulated", endpoint="", log_stream="simulated", session="simulated"
        )
        del values["AWS_ENDPOINT_URL"]
        path = search_path(function, Folders())
        self._sandbox_count += 1
        sandbox = LoadedFunction(function, FunctionState(self._code_of(function), own, values, path))
        sandbox.skew = self._skew(function.name, self._sandbox_count)
        return sandbox

    def loaded(self, function: DeployedFunction) -> Any:
        """Load a function's handler into a new warm sandbox and return it. Raise the exceptions of loading."""
        try:
            return self._load(function)
        finally:
            self._process_globals.switch_to(None)

    def _load(self, function: DeployedFunction) -> Any:
        sandbox, raised = self._sandbox(function), list[Exception]()

        def load() -> None:
            try:
                sandbox.handler = sandbox.handler or runtime_loop.load(function.handler)
            except (Killed, GreenletExit):
                return
            except Exception as fault:  # of the user's module
                raised.append(fault)

        strand = Strand(sandbox)
        loading = strand.greenlet = greenlet(load)
        self._strands.resume(strand)  # in a strand, so that the module creates its pools and locks as in an invocation
        if loading:
            self._strands.end_strands(sandbox, strand)
            raised.append(OperationError(f"{function.handler} waits while it is imported"))
        if raised:
            raise raised[0]
        self._idle[function.fingerprint].append(sandbox)
        return sandbox.handler

    def _run_handler(self, attempt: Execution, context: Context) -> InvocationOutcome:
        sandbox, invocation = attempt.sandbox, attempt.invocation
        try:
            if sandbox.handler is None:
                sandbox.handler = runtime_loop.load(invocation.function.handler)
            event = json.loads(invocation.payload)
            virtual_context: Any = context
            result = runtime_loop.answer(lambda e, c: self._run(attempt, sandbox.handler, e, c), event, virtual_context)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
            return exited(invocation.request_id, status)
        except Exception as fault:  # of the user's handler
            return self._failure(attempt, fault)
        if len(result) > LARGEST_RESPONSE:
            return too_large()
        return InvocationOutcome(True, result)

    def _failure(self, attempt: Execution, fault: Exception) -> InvocationOutcome:
        request_id = attempt.invocation.request_id
        fields = runtime_loop.describe(fault, request_id, _OURS)
        attempt.write([f"[ERROR] {fields['errorType']}: {fields['errorMessage']}"])
        return InvocationOutcome(False, json.dumps(fields).encode(), str(fields["errorType"]))

    def _retire(self, attempt: Execution, outcome: InvocationOutcome) -> None:
        """Keep the attempt's sandbox for the next invocation, unless its process has ended."""
        invocation, sandbox = attempt.invocation, attempt.sandbox
        del self.under_way[invocation.request_id]
        if attempt.dead:
            return
        sandbox.attempt = None
        if outcome.error != "Runtime.ExitError" and sandbox.handler is not None:
            self._idle[invocation.function.fingerprint].append(sandbox)
        elif sandbox.threads:
            self._hub.call_soon(lambda: self._strands.end_strands(sandbox))
