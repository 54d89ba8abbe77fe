"""One sandbox: a handler process, its Runtime API, its output and its scratch folder; one invocation at a time.

    cold ──start──▶ starting ──first "next"──▶ idle ──invoke──▶ busy ──answer──▶ idle …
                        │                                         │
                        └── init error, exit, time out ──▶ dead ◀──┘

If the process dies during an invocation, the cause is the invocation's outcome, in Lambda's wording. After a time out,
an exit, an error at initialisation or a response that is too large, the sandbox is not used again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cronstack_infra.local.executor import runtime_api
from cronstack_infra.local.executor.environment import Folders, environment, search_path, trace_id
from cronstack_infra.local.executor.logs import Output, day, instant
from cronstack_infra.local.executor.memory import resident_of
from cronstack_infra.local.executor.values import (
    DeployedFunction,
    ExecutorListener,
    Invocation,
    InvocationOutcome,
    error_field,
    exited,
    out_of_memory,
    timed_out,
    too_large,
)
from cronstack_infra.local.executor.warden_client import WardenClient

INIT_SECONDS: Final = 10.0
"""Seconds for initialisation, before the function's timeout starts to count."""
BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
OWN_LOOP: Final = Path(__file__).with_name("runtime_loop.py")


@dataclass(frozen=True)
class SharedSettings:
    """Values that all sandboxes of one executor share."""

    children: WardenClient
    listener: ExecutorListener
    clock: Callable[[], float]
    unique: Callable[[], str]
    endpoint: str
    image: Path
    workplace: Path
    clock_folder: Path
    """Folder with the modules that shift the clock of a process."""
    own_loop: bool


class Sandbox:
    """One handler process. Created and used in the executor's event loop."""

    def __init__(self, function: DeployedFunction, around: SharedSettings, *, ahead: float = 0.0) -> None:
        """ahead: seconds by which the clock of the process is ahead. Defaults to 0."""
        self.function = function
        self._ahead = ahead
        self.fingerprint = function.fingerprint
        self.name = around.unique()
        self.alive = True
        self.last = False
        """Whether the current invocation is the last, because the function was deleted."""
        self.used = 0.0
        self.memory_used = 0
        self.ready = asyncio.Event()
        self._around = around
        self._loop = asyncio.get_running_loop()
        self.log_stream = f"{day(around.clock())}/[{function.version}]{self.name}"
        self._output = Output(lambda lines: around.listener.lines(function, self.log_stream, lines))
        self._scratch = around.workplace / "tmp" / self.name
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._current: Invocation | None = None
        self._answer: asyncio.Future[InvocationOutcome] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._invoked_at = self._started_at = self._loop.time()
        self._init_seconds: float | None = None
        self._init_error: InvocationOutcome | None = None
        self._over_memory = False
        self._refused = False
        """Whether the Runtime API refused a response. AWS's runtime client then ends."""
        self._status = -int(signal.SIGKILL)
        self._server: asyncio.Server | None = None

    async def start(self, code: Path, layers: Path, *, fork: bool) -> None:
        """Start the process. ``ready`` is set when it requests its first event, or when it has ended."""
        folders = Folders(code, layers, self._around.image, self._scratch)
        self._server = await runtime_api.serve(self)
        port = self._server.sockets[0].getsockname()[1]
        self._scratch.mkdir(parents=True)
        self._output.add(f"INIT_START Runtime Version: {self.function.runtime} (local)")
        loop = [str(OWN_LOOP)] if self._around.own_loop else ["-m", "awslambdaric"]
        path = os.pathsep.join(search_path(self.function, folders))
        clock = f"{self._ahead}:{self._around.clock_folder}" if self._ahead else ""
        try:
            self._around.children.start(
                self.name,
                how="fork" if fork else "spawn",
                argv=[str(BOOTSTRAP), path, clock, *loop, self.function.handler],
                environment=environment(
                    self.function,
                    folders,
                    runtime_api=f"127.0.0.1:{port}",
                    endpoint=self._around.endpoint,
                    log_stream=self.log_stream,
                    session=self._around.unique(),
                ),
                cwd=code,
                output=self._output.writing,
                ended=self._ended,
            )
        finally:
            self._output.close_writing_end()

    async def invoke(self, invocation: Invocation) -> InvocationOutcome:
        """Run one invocation and return its outcome. Never raises: a failure is an outcome, too."""
        self._current = invocation
        self._answer = self._loop.create_future()
        self._over_memory = False
        self._output.start_invocation()
        self._output.add(f"START RequestId: {invocation.request_id} Version: {self.function.version}")
        if self._init_error is not None or not self.alive:
            self._settle(self._init_error or exited(invocation.request_id, self._status))
        else:
            self._invoked_at = self._loop.time()
            self._deadline = self._loop.call_later(INIT_SECONDS + self.function.timeout, self._time_out)
            self._events.put_nowait(invocation.payload)
        outcome = await self._answer
        self._current = self._answer = None
        return outcome

    def kill(self) -> None:
        """Kill the process; the warden then calls ``_ended``."""
        self.alive = False
        if self._server is not None:
            self._server.close()  # the executor may close before ``_ended`` is called
        self._around.children.kill(self.name)

    def over_memory(self, size: int) -> None:
        """Kill the process because its session uses more than the function's memory, as Lambda does."""
        self._over_memory = True
        self.memory_used = max(self.memory_used, size)
        self.kill()

    # requests of the process (``runtime_api.Process``)

    async def next(self) -> runtime_api.NextEvent:
        if self._init_seconds is None:
            self._init_seconds = self._loop.time() - self._started_at
            self.ready.set()
        body = await self._events.get()
        invocation = self._current
        if body is None or invocation is None:
            raise ConnectionAbortedError("the process has ended")
        self._invoked_at = self._loop.time()
        self._set_deadline(self.function.timeout)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((self._around.clock() + self.function.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_arn,
            "Lambda-Runtime-Trace-Id": trace_id(self._around.clock(), invocation.request_id, invocation.lineage),
        }
        if invocation.client_context:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        return runtime_api.NextEvent(headers, body)

    def responded(self, request_id: str, body: bytes | None) -> bool:
        if self._current is None or self._current.request_id != request_id:
            return False
        self._refused = body is None
        self._settle(too_large() if body is None else InvocationOutcome(True, body))
        return True

    def failed(self, request_id: str | None, body: bytes | None) -> bool:
        self._refused = body is None
        outcome = too_large() if body is None else InvocationOutcome(False, body, error_field(body, "errorType"))
        if request_id is None:
            self._init_error = outcome
            self.ready.set()
            if self._current is None:
                return True
        elif self._current is None or self._current.request_id != request_id:
            return False
        self._settle(outcome)
        return True

    # how an invocation ends

    def _time_out(self) -> None:
        if self._current is not None:
            self.kill()
            self._settle(timed_out(self._current.request_id, self.function.timeout), timeout=True)

    def _ended(self, status: int) -> None:
        """Note the end of the process and its descendants."""
        was_alive = self.alive
        self.alive = False
        self._status = status
        self.ready.set()
        self._events.put_nowait(None)
        if self._server is not None:
            self._server.close()
        if self._current is not None:
            if self._over_memory:
                self._settle(out_of_memory(self._current.request_id))
            elif status == -signal.SIGSEGV and was_alive:
                pass  # as on AWS, an invocation with a segmentation fault ends by time out
            else:
                self._settle(exited(self._current.request_id, status))
        if self._current is None or self._answer is None or self._answer.done():
            self._output.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self._time_out)

    def _settle(self, outcome: InvocationOutcome, *, timeout: bool = False) -> None:
        """End the invocation, unless it has ended already. END and REPORT follow all output of the process."""
        if self._answer is None or self._answer.done() or self._current is None:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._output.drain()
        seconds = self.function.timeout if timeout else self._loop.time() - self._invoked_at
        request_id = self._current.request_id
        if not outcome.ok and outcome.error in ("Runtime.ExitError", "Runtime.OutOfMemory"):
            self._output.add(error_field(outcome.payload, "errorMessage"))
        self._output.add(f"END RequestId: {request_id}")
        self._output.add(self._report(request_id, seconds))
        if timeout:
            now = instant(self._around.clock())
            self._output.add(f"{now} {request_id} Task timed out after {seconds:.2f} seconds")
        if not self.alive:
            self._output.close()
        self._answer.set_result(replace(outcome, seconds=seconds, log_tail=self._output.tail()))

    def _report(self, request_id: str, seconds: float) -> str:
        # A short invocation may end before the first check of its memory; the present size is a lower bound.
        self.memory_used = max(self.memory_used, resident_of(self._around.children.pid(self.name)))
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {seconds * 1000:.2f} ms",
            f"Billed Duration: {int(seconds * 1000) + 1} ms",
            f"Memory Size: {self.function.memory} MB",
            f"Max Memory Used: {max(self.memory_used // (1024 * 1024), 1)} MB",
        ]
        if self._init_seconds:
            parts.append(f"Init Duration: {self._init_seconds * 1000:.2f} ms")
            self._init_seconds = 0.0
        return "\t".join(parts) + "\t"

    @property
    def reusable(self) -> bool:
        """Whether the sandbox may serve another invocation."""
        return self.alive and self._init_error is None and not self._refused and not self.last

    def discard(self) -> None:
        """Close the server and the output without any report, because the executor closes."""
        self.alive = False
        if self._server is not None:
            self._server.close()
        self._output.close()
