"""The executor: assigns a sandbox to each invocation, a warm one if possible. All of this runs in one thread."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cronstack_infra.local.environment import LONGEST_TIMEOUT
from cronstack_infra.local.executor.code import CLOCK, CodeFolders, link, link_image, must_spawn
from cronstack_infra.local.executor.environment import read_at_start
from cronstack_infra.local.executor.memory import available_share, resident
from cronstack_infra.local.executor.sandbox import Sandbox, SharedSettings
from cronstack_infra.local.executor.values import DeployedFunction, ExecutorListener, Invocation, failure
from cronstack_infra.local.executor.warden_client import WardenClient


@dataclass(frozen=True)
class Limits:
    """The executor's limits."""

    sandboxes: int = 500
    """Processes alive at once; further invocations wait. Defaults to 500."""
    cold_starts: int = 8
    """Processes that initialise at once; more only slow each other down. Defaults to 8."""
    slow_start: float = 2.0
    """Seconds after which a process that still initialises no longer delays the next. Defaults to 2 s."""
    idle: float = 300.0
    """Seconds a warm process waits for its next event. Defaults to 5 min."""
    sampling: float = 0.2
    """Seconds between two checks of the memory of busy processes. Defaults to 0.2 s."""
    spare_memory: float = 0.1
    """Share of the machine's memory that stays free: with less, no further process starts. Defaults to a tenth."""
    timeout: float = LONGEST_TIMEOUT
    """Upper limit of every function's timeout, in seconds. Defaults to Lambda's 15 min."""


_LONGEST_WAIT: Final = 1.0
"""Seconds after which a waiting event checks the free capacity again."""


class Executor:
    """Runs deployed functions. ``submit`` from any thread; the listener is called from the executor's thread."""

    def __init__(
        self,
        listener: ExecutorListener,
        *,
        clock: Callable[[], float],
        unique: Callable[[], str],
        endpoint: str,
        limits: Limits | None = None,
        own_loop: bool = sys.platform != "linux",
        available: Callable[[int], float] = available_share,
        ahead: Callable[[str, int], float] = lambda function, number: 0.0,
    ) -> None:
        """available: returns the free share of memory after the given number of further processes has started.

        ahead: returns the seconds by which the clock of a new process is ahead, given its function's name and its
        number. Defaults to 0.
        """
        self._available, self._ahead = available, ahead
        self._created = 0
        """Sandboxes created so far."""
        self._waiting = 0
        """Events that wait for capacity."""
        self._listener = listener
        self._clock = clock
        self._unique = unique
        self._endpoint = endpoint
        self._limits = limits or Limits()
        self._own_loop = own_loop
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="executor", daemon=True)
        self._idle: dict[str, list[Sandbox]] = defaultdict(list)
        self._sandboxes: set[Sandbox] = set()
        self._busy: set[Sandbox] = set()
        self._starting = 0
        self._opening: asyncio.Task[None] | None = None
        self._invocations: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the thread. ``expect`` or the first ``submit`` starts the warden, and invocations wait for it."""
        self._workplace = Path(tempfile.mkdtemp(prefix="cronstack-"))
        self._code = CodeFolders(self._workplace / "code")
        image = self._workplace / "image"
        link_image(image)
        clock_folder = self._workplace / "clock"
        link(clock_folder, CLOCK)
        self._children = WardenClient(self._workplace, image)
        self._around = SharedSettings(
            children=self._children,
            listener=self._listener,
            clock=self._clock,
            unique=self._unique,
            endpoint=self._endpoint,
            image=image,
            workplace=self._workplace,
            clock_folder=clock_folder,
            own_loop=self._own_loop,
        )
        self._thread.start()

    def expect(self) -> None:
        """Start the warden: an invocation may follow. From any thread."""
        self._loop.call_soon_threadsafe(self._open)

    def submit(self, invocation: Invocation) -> None:
        """Run one invocation; its outcome goes to the listener."""
        if invocation.function.timeout > self._limits.timeout:
            invocation = replace(invocation, function=replace(invocation.function, timeout=self._limits.timeout))
        self._loop.call_soon_threadsafe(self._accept, invocation)

    def retire(self, arn: str, version: str | None) -> None:
        """End the sandboxes of a function, or of one version: idle ones now, busy ones after their event."""
        self._loop.call_soon_threadsafe(self._retire_all, arn, version)

    def stop(self) -> None:
        """End every handler process, then the thread."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            shutil.rmtree(self._workplace, ignore_errors=True)

    def abandon(self) -> None:
        """Delete only the folder: no handler process exists yet, and this process ends."""
        shutil.rmtree(self._workplace, ignore_errors=True)

    # in the executor's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._capacity = asyncio.Condition()
        self._cold_starts = asyncio.Semaphore(self._limits.cold_starts)
        self._monitor_task = self._loop.create_task(self._monitor())
        self._loop.run_forever()
        self._loop.close()

    async def _close(self) -> None:
        tasks = [self._monitor_task, *self._invocations]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._opening is not None:
            with contextlib.suppress(Exception):  # the invocations that waited for it have failed with it
                await self._opening
        self._children.close()
        for sandbox in self._sandboxes:
            sandbox.discard()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _open(self) -> None:
        if self._opening is None:
            self._opening = self._loop.create_task(self._children.ready())

    def _accept(self, invocation: Invocation) -> None:
        self._open()
        task = self._loop.create_task(self._carry_out(invocation))
        self._invocations.add(task)
        task.add_done_callback(self._invocations.discard)

    async def _carry_out(self, invocation: Invocation) -> None:
        try:
            sandbox = await self._sandbox(invocation.function)
        except Exception as fault:  # an invalid zip, or no processes left: the invocation must still end
            self._listener.started(invocation)
            self._listener.finished(invocation, failure("Runtime.InitError", f"{type(fault).__name__}: {fault}"))
            return
        self._busy.add(sandbox)
        self._listener.started(invocation)
        outcome = await sandbox.invoke(invocation)
        self._busy.discard(sandbox)
        await self._release(sandbox)
        self._listener.finished(invocation, outcome)

    async def _sandbox(self, function: DeployedFunction) -> Sandbox:
        """Return a warm sandbox, or a new one when there is capacity."""
        async with self._capacity:
            if (warm := self._warm_or_evict(function)) is None and self._shortage():
                self._waiting += 1
                if self._waiting == 1:
                    self._listener.note(f"Events wait until a handler ends: {self._shortage()}")
                try:
                    while (warm := self._warm_or_evict(function)) is None and self._shortage():
                        await self._wait()
                finally:
                    self._waiting -= 1
            if warm is not None:
                return warm
            self._starting += 1
        try:
            return await self._new(function)
        finally:
            self._starting -= 1

    def _warm_or_evict(self, function: DeployedFunction) -> Sandbox | None:
        """Return a warm sandbox. Without one, end idle sandboxes of other functions until a new one can start."""
        warm = self._idle[function.key]
        for old in [box for box in warm if not box.alive or box.fingerprint != function.fingerprint]:
            self._retire(old)
        if warm:
            return warm.pop()
        while self._shortage() and (spare := [box for boxes in self._idle.values() for box in boxes]):
            self._retire(min(spare, key=lambda box: box.used))
        return None

    def _shortage(self) -> str | None:
        """Return why no further process can start now; None when one can. The first process can always start."""
        alive = len(self._sandboxes) + self._starting
        if alive >= self._limits.sandboxes:
            return f"{alive} handler processes run"
        if alive and self._available(self._starting + 1) < self._limits.spare_memory:
            return f"{alive} handler processes run and the machine's memory is short"
        return None

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):  # memory may become free although no handler ends
            async with asyncio.timeout(_LONGEST_WAIT):
                await self._capacity.wait()

    async def _new(self, function: DeployedFunction) -> Sandbox:
        code = await asyncio.to_thread(self._code.of, function.code_sha256, function.code)
        layers = await asyncio.to_thread(self._code.opt, function.layers)
        async with self._cold_starts:
            sandbox = await self._start_sandbox(function, code, layers)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(sandbox.ready.wait(), self._limits.slow_start)
        return sandbox

    async def _start_sandbox(self, function: DeployedFunction, code: Path, layers: Path) -> Sandbox:
        """Return a sandbox whose process is starting. Try a second time if the warden has ended meanwhile."""
        spawn = self._around.own_loop or read_at_start(function.environment) or must_spawn(code, layers)
        fork = not spawn
        for last in (False, True):
            await self._children.ready()
            self._created += 1
            sandbox = Sandbox(function, self._around, ahead=self._ahead(function.name, self._created))
            try:
                await sandbox.start(code, layers, fork=fork)
            except OSError:
                sandbox.discard()
                if last:
                    raise
                await asyncio.sleep(0.1)
            else:
                self._sandboxes.add(sandbox)
                break
        return sandbox

    async def _release(self, sandbox: Sandbox) -> None:
        async with self._capacity:
            if sandbox.reusable:
                sandbox.used = self._loop.time()
                self._idle[sandbox.function.key].append(sandbox)
            else:
                self._retire(sandbox)
            self._capacity.notify_all()

    def _retire(self, sandbox: Sandbox) -> None:
        idle = self._idle[sandbox.function.key]
        if sandbox in idle:
            idle.remove(sandbox)
        self._sandboxes.discard(sandbox)
        sandbox.kill()

    def _retire_all(self, arn: str, version: str | None) -> None:
        for sandbox in [box for box in self._sandboxes if box.function.arn == arn]:
            if version in (None, sandbox.function.version):
                sandbox.last = True
                if sandbox in self._idle[sandbox.function.key]:
                    self._retire(sandbox)

    async def _monitor(self) -> None:
        """Check the memory of busy processes and the age of idle ones, forever."""
        while True:
            await asyncio.sleep(self._limits.sampling)
            if self._busy:
                self._check_memory()
            oldest_use = self._loop.time() - self._limits.idle
            for sandbox in [box for boxes in self._idle.values() for box in boxes]:
                if sandbox.used < oldest_use or not sandbox.alive:
                    self._retire(sandbox)

    def _check_memory(self) -> None:
        sessions = {pid: box for box in self._busy if (pid := self._children.pid(box.name)) is not None}
        for pid, size in resident(sessions).items():
            sandbox = sessions[pid]
            sandbox.memory_used = max(sandbox.memory_used, size)
            if size > sandbox.function.memory * 1024 * 1024:
                sandbox.over_memory(size)
