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

Run = Callable[["Attempt", Any, Any, Any], Any]
"""Calls a handler with event and context: (attempt, handler, event, context) → what it returned."""

_MOST_THROWS: Final = 20
"""How often a handler may go on after it was told that it is dead."""
_OURS: Final = (runtime_loop.__file__, __file__)


_ABANDONED: Final[list[greenlet]] = []
"""Greenlets that would not end. Kept, because a greenlet that nobody knows is made to go on once more."""


class Killed(BaseException):
    """Thrown into a handler whose sandbox has died."""


class Context:
    """The second argument of a handler."""

    identity = None
    client_context = None
    tenant_id = None

    def __init__(self, invocation: Invocation, hub: Hub, deadline: int) -> None:
        function = invocation.function
        self.aws_request_id = invocation.request_id
        self.invoked_function_arn = invocation.invoked_arn
        self.function_name = function.name
        self.function_version = function.version
        self.memory_limit_in_mb = str(function.memory)
        self.log_group_name = function.log_group
        self._hub, self._deadline = hub, deadline

    @property
    def log_stream_name(self) -> str:
        return f"{self._hub.now:%Y/%m/%d}/[{self.function_version}]simulated"

    def get_remaining_time_in_millis(self) -> int:
        return max((self._deadline - self._hub.us) // 1000, 0)


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


class Sandbox:
    """What a process is on Lambda: a function's loaded modules, which one invocation at a time has the use of."""

    def __init__(self, function: Function, belongings: Belongings) -> None:
        self.function = function
        self.belongings = belongings
        self.handler: Any = None
        self.kept: dict[str, Any] = {}
        """What the cloud keeps as long as the sandbox lives (the runtime's shell)."""


class Attempt:
    """One invocation under way."""

    def __init__(self, invocation: Invocation, sandbox: Sandbox, began: int) -> None:
        self.invocation = invocation
        self.sandbox = sandbox
        self.began = began
        self.dead = False
        self.refused = 0
        """How often it was told that it is dead, and went on."""
        self.greenlet: greenlet | None = None
        self.calls = 0
        """Of AWS, so far."""
        self.about: dict[str, Any] = {}
        """What the runtime told of it."""


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
        """The one whose greenlet runs."""
        self._hub = hub
        self._run, self._finished, self._started, self._lines, self._code_of = run, finished, started, lines, code_of
        self._idle: dict[str, list[Sandbox]] = defaultdict(list)
        self._noted: set[str] = set()
        """Fingerprints of functions whose log names variables without effect."""
        self.under_way: dict[str, Attempt] = {}

    def submit(self, invocation: Invocation) -> None:
        """Have it begin now, when the hub comes to it."""
        self._hub.soon(lambda: self._begin(invocation))

    def _begin(self, invocation: Invocation) -> None:
        hub, function = self._hub, invocation.function
        self._started(invocation)
        attempt = Attempt(invocation, self._sandbox(function), hub.us)
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

        attempt.greenlet = greenlet(work)
        self.resume(attempt)

    def _note_without_effect(self, attempt: Attempt) -> None:
        """Log, once for each function, which of its variables this process cannot honour."""
        function = attempt.invocation.function
        names = [name for name in read_at_start(function.environment) if name != "PYTHONPATH"]
        if names and function.fingerprint not in self._noted:
            self._noted.add(function.fingerprint)
            text = "takes effect only when a process starts, so not in a simulation; see it with: cronstack up"
            self._lines(attempt, [f"[cronstack] {', '.join(names)}: {text}"])

    def resume(self, attempt: Attempt, throw: BaseException | None = None) -> None:
        """From the hub: let a handler go on until it waits or ends."""
        assert attempt.greenlet is not None
        before, self.current = self.current, attempt
        outer, self._hub.greenlet = self._hub.greenlet, getcurrent()
        self.desk.lay(attempt.sandbox.belongings)
        streams, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), self._printer, self._printer
        try:
            if throw is None:
                attempt.greenlet.switch()
            else:
                attempt.greenlet.throw(throw)
        finally:
            sys.stdout, sys.stderr = streams
            self.current, self._hub.greenlet = before, outer

    def _printed(self, line: str) -> None:
        if self.current is not None and not self.current.dead:
            self._lines(self.current, [line])

    def kill(self, attempt: Attempt, outcome: Outcome) -> None:
        """Its sandbox dies now. From the hub, or from its own greenlet (which does not return from here)."""
        if attempt.dead or attempt.invocation.request_id not in self.under_way:
            return
        attempt.dead = True
        self._end(attempt, outcome)
        if self.current is attempt:
            raise Killed
        self._bury(attempt)

    def _bury(self, attempt: Attempt) -> None:
        """Have a dead one's greenlet end; one that holds on to its life is left where it is, for ever."""
        attempt.dead = True
        while attempt.greenlet is not None and not attempt.greenlet.dead and attempt.refused < _MOST_THROWS:
            attempt.refused += 1
            self.resume(attempt, Killed())
        if attempt.greenlet is not None and not attempt.greenlet.dead:
            _ABANDONED.append(attempt.greenlet)

    def live(self) -> Attempt | None:
        """Who calls: the handler that runs, None for the host. Raises Killed in one that is dead already."""
        if self.current is not None and self.current.dead:
            self._refuse(self.current)
        return self.current

    def _refuse(self, attempt: Attempt) -> NoReturn:
        attempt.refused += 1
        while attempt.refused > _MOST_THROWS:
            try:
                self._hub.hand_over()
            except BaseException:
                continue  # it would go on as before
        raise Killed

    def sleep(self, attempt: Attempt, us: int) -> None:
        """Of a handler: the others go on meanwhile."""
        hub = self._hub
        until = hub.us + max(us, 0)
        if hub.alone_until(until):
            hub.move(until)
            return
        hub.at(until, lambda: None if attempt.dead else self.resume(attempt))
        self.wait(attempt)

    def wait(self, attempt: Attempt) -> None:
        """Of a handler: hand over until the hub resumes it. Raises Killed when it died meanwhile."""
        self._hub.hand_over()
        if attempt.dead:
            self._refuse(attempt)

    def drop(self) -> None:
        """End everything, tell nobody: the cloud goes back to another state."""
        for attempt in list(self.under_way.values()):
            self._bury(attempt)
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
        """A function's handler, loaded into a sandbox that is then warm. Raises what loading raises."""
        sandbox = self._sandbox(function)
        self.desk.lay(sandbox.belongings)
        sandbox.handler = sandbox.handler or runtime_loop.load(function.handler)
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
        invocation = attempt.invocation
        del self.under_way[invocation.request_id]
        if not attempt.dead and outcome.error not in ("Runtime.ExitError",) and attempt.sandbox.handler is not None:
            self._idle[invocation.function.fingerprint].append(attempt.sandbox)
        seconds = (self._hub.us - attempt.began) / 1_000_000
        told = Outcome(outcome.ok, outcome.payload, outcome.error, seconds)
        self._finished(attempt, told)


def crashed(request_id: str) -> Outcome:
    """A sandbox that a fault has ended."""
    return failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: signal: killed")
