"""This process with its clock, randomness, waits and files patched, while a cloud plays.

Clocks of the date: see ``dates``. Sleeping and waiting switch to the hub (see ``waits``). Randomness comes from the
seed, so that a trace does not depend on this machine.

The replacements of members of ``time`` look up the active ``PatchedProcess`` at each call. So a module that is loaded
meanwhile and keeps ``from time import sleep`` sleeps in real time afterwards.
"""

from __future__ import annotations

import os
import queue
import random
import select
import subprocess
import sys
import threading
import time
import types
from _thread import get_ident
from _threading_local import local
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

from cronstack_infra.play.simulation.clock.dates import Dates
from cronstack_infra.play.simulation.clock.hub import Hub
from cronstack_infra.play.simulation.handlers.strands import Strands
from cronstack_infra.play.simulation.process import files, waits
from cronstack_infra.play.simulation.process.replacements import Replacements
from cronstack_infra.play.simulation.process.waits import Waits

_NANOSECONDS: Final = 1000
real_seconds: Final = time.perf_counter
"""The real clock, for rates and progress. Code that is played never reads it."""
_SLEEP, _MONOTONIC, _MONOTONIC_NS = time.sleep, time.monotonic, time.monotonic_ns
_PERF_COUNTER, _PERF_COUNTER_NS = time.perf_counter, time.perf_counter_ns

_active: PatchedProcess | None = None


class PatchedProcess:
    """The patches of this process for one cloud. ``start`` and ``stop`` may alternate."""

    def __init__(
        self,
        hub: Hub,
        strands: Strands,
        dates: Dates,
        waits: Waits,
        replaced: Replacements,
        seed: int,
        *,
        sleep: Callable[[float], None],
        in_handler: Callable[[], bool],
    ) -> None:
        """sleep: takes seconds.

        in_handler: returns whether a handler calls. Libraries also draw randomness, once, when they are loaded.
        """
        self._strands, self._dates, self._waits, self._replaced = strands, dates, waits, replaced
        self.read_clock = strands.read_clock
        self._sleep = sleep
        self._process, self._exit = os.getpid(), os._exit
        self._handler_random = random.Random(f"cronstack {seed}")
        self._library_random = random.Random(f"others {seed}")
        self._in_handler = in_handler
        self._seed = seed
        self.thread = get_ident()
        self.origin = hub.us

    def start(self) -> None:
        global _active
        if self._replaced:
            return
        self._dates.start()
        self._replaced.on_undo(self._dates.stop)
        state = random.getstate()
        random.seed(f"handlers {self._seed}")
        self._replaced.on_undo(lambda: random.setstate(state))
        _active = self
        self._replace_time()
        self._replace_waits()
        self._replaced.put(os, urandom=self._random_bytes, _exit=self._exit_process)
        self._replaced.put(random, _urandom=self._random_bytes)

    def stop(self) -> None:
        global _active
        if _active is self:
            _active = None
        self._waits.sleep()
        self._replaced.undo()

    def state(self) -> Any:
        return self._handler_random.getstate(), random.getstate()

    def restore(self, state: Any) -> None:
        self._handler_random.setstate(state[0])
        random.setstate(state[1])

    def _replace_time(self) -> None:
        self._replaced.put(time, sleep=sleep, monotonic=monotonic, perf_counter=monotonic)
        self._replaced.put(time, monotonic_ns=monotonic_ns, perf_counter_ns=monotonic_ns)
        self._replaced.put(threading, _time=monotonic)
        self._replaced.put(queue, time=monotonic)

    def _replace_waits(self) -> None:
        self._waits.wake()
        self._replaced.put(
            threading, Lock=waits.VirtualLock, _allocate_lock=waits.VirtualLock, RLock=waits.reentrant_lock, local=local
        )
        self._replaced.put(threading, get_ident=waits.get_ident)
        self._replaced.put(threading.Thread, start=waits.start, join=waits.join, is_alive=waits.is_alive)
        self._replaced.put(queue, SimpleQueue=waits.SimpleQueue)
        ready = partial(files.ready, waits=self._waits, sleep=sleep)
        for selector in files.SELECTORS:
            self._replaced.put(selector, select=files.selecting(selector.select, ready))
        self._replaced.put(select, select=files.select(ready), poll=files.polls(ready), epoll=files.epolls(ready))
        # A child process is real, so waiting for it takes real time.
        own_time = types.SimpleNamespace(sleep=_SLEEP, monotonic=_MONOTONIC)
        self._replaced.put(subprocess, _time=_MONOTONIC, time=own_time, _PopenSelector=files.PlainSelector)

    def _random_bytes(self, count: int) -> bytes:
        return (self._handler_random if self._in_handler() else self._library_random).randbytes(count)

    def sleep_in_virtual_time(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if get_ident() == self.thread:
            self._sleep(seconds)
            return
        raise RuntimeError(
            "a thread of _thread.start_new_thread cannot sleep in virtual time. Start it with threading.Thread, or run"
            " this job on the local cloud: cronstack up"
        )

    def _exit_process(self, status: int) -> NoReturn:
        """End the calling process: the sandbox of a handler, or a real process that the handler has forked."""
        if os.getpid() == self._process and get_ident() == self.thread:
            self._strands.exit_process(status)
        self._exit(status)


def sleep(seconds: float) -> None:
    """``time.sleep``."""
    if _active is None:
        _SLEEP(seconds)
    else:
        _active.sleep_in_virtual_time(seconds)


def monotonic() -> float:
    """``time.monotonic``, from the cloud's start: a float of seconds since 1970 is too coarse for microseconds.

    Other threads of this process wait in real time and read the real clock.
    """
    if _active is None or get_ident() != _active.thread:
        return _MONOTONIC()
    return (_active.read_clock() - _active.origin) / 1_000_000


def monotonic_ns() -> int:
    """``time.monotonic_ns``."""
    if _active is None or get_ident() != _active.thread:
        return _MONOTONIC_NS()
    return (_active.read_clock() - _active.origin) * _NANOSECONDS


_REPLACED: Final[tuple[tuple[Any, Any], ...]] = (
    (_SLEEP, sleep),
    (_MONOTONIC, monotonic),
    (_PERF_COUNTER, monotonic),
    (_MONOTONIC_NS, monotonic_ns),
    (_PERF_COUNTER_NS, monotonic_ns),
)
"""Members of ``time`` and their replacements."""


def adopt(replaced: Replacements, packages: frozenset[str]) -> None:
    """Replace members of ``time`` that loaded modules of these packages have imported: ``from time import sleep``."""
    own_by_id = {id(real): replacement for real, replacement in _REPLACED}
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] in packages]:
        own = {name: own_by_id[id(value)] for name, value in list(vars(module).items()) if id(value) in own_by_id}
        replaced.put(module, **own)
