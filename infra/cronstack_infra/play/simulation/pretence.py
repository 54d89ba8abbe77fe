"""What the process is made to believe while it plays: the time, the passing of time, and chance.

Clocks of the date go through time-machine, which replaces them beneath every name they were imported by. Sleeping and
waiting hand over to the hub (see ``waits``). Chance comes from the seed, moto's ids included, so that nothing of this
machine is in a trace.

What replaces members of ``time`` asks at each call for the pretence that is on: a module that was loaded meanwhile and
keeps ``from time import sleep`` sleeps as the machine does afterwards.
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
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NoReturn

import time_machine
from moto.moto_api._internal import mock_random

from cronstack_infra.play.simulation import files, waits
from cronstack_infra.play.simulation.hub import Hub
from cronstack_infra.play.simulation.other_clocks import refuse_freezegun, refuse_travel
from cronstack_infra.play.simulation.waits import Waits

_NANOSECONDS: Final = 1000
real_seconds: Final = time.perf_counter
"""The machine's own clock: for rates and progress, never for what is played."""
_SLEEP, _MONOTONIC, _MONOTONIC_NS = time.sleep, time.monotonic, time.monotonic_ns
_PERF_COUNTER, _PERF_COUNTER_NS = time.perf_counter, time.perf_counter_ns

_on: Pretence | None = None


class Pretence:
    """Of one process; ``start`` and ``stop`` may alternate.

    ``sleep`` takes seconds. ``leave`` ends the handler that asks for it, with an exit status; without one it returns.
    """

    def __init__(
        self,
        hub: Hub,
        sleep: Callable[[float], None],
        leave: Callable[[int], None],
        seed: int,
        *,
        waits: Waits,
        in_handler: Callable[[], bool],
    ) -> None:
        """in_handler: whether a handler itself asks. Libraries ask for chance when they are loaded, once a process."""
        self.hub, self._waits = hub, waits
        self._sleep, self._leave = sleep, leave
        self._process, self._exit = os.getpid(), os._exit
        self._chance = random.Random(f"cronstack {seed}")
        self._others = random.Random(f"others {seed}")
        self._in_handler = in_handler
        self._seed = seed
        self._undo: list[Callable[[], object]] = []
        self._traveller: Any = None
        self.thread = get_ident()
        self.origin = hub.us
        mock_random.seed(f"moto {seed}")

    def start(self) -> None:
        global _on
        if self._undo:
            return
        hub = self.hub
        travel = time_machine.travel(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=hub.us), tick=False)
        traveller: Any = travel.start()
        self._traveller = traveller
        self._undo.append(travel.stop)
        traveller.time_ns = lambda: (hub.look() if get_ident() == self.thread else hub.us) * _NANOSECONDS
        state = random.getstate()
        random.seed(f"handlers {self._seed}")
        self._undo.append(lambda: random.setstate(state))
        _on = self
        self._put_time()
        self._put_waits()
        self._put(os, urandom=self._drawn, _exit=self._left)
        self._put(random, _urandom=self._drawn)

    def check_clock(self) -> None:
        """Raise OperationError when code of this process has replaced the clock once more."""
        if self._undo:
            refuse_freezegun()
            refuse_travel(self._traveller)

    def stop(self) -> None:
        global _on
        if _on is self:
            _on = None
        self._waits.sleep()
        while self._undo:
            self._undo.pop()()

    def state(self) -> Any:
        return self._chance.getstate(), random.getstate()

    def put_back(self, state: Any) -> None:
        self._chance.setstate(state[0])
        random.setstate(state[1])

    def _put(self, owner: Any, **replacements: Any) -> None:
        for name, replacement in replacements.items():
            if not hasattr(owner, name):
                continue  # other versions of Python, other systems
            old = getattr(owner, name)
            setattr(owner, name, replacement)
            self._undo.append(partial(setattr, owner, name, old))

    def _put_time(self) -> None:
        self._put(time, sleep=sleep, monotonic=monotonic, perf_counter=monotonic)
        self._put(time, monotonic_ns=monotonic_ns, perf_counter_ns=monotonic_ns)
        self._put(threading, _time=monotonic)
        self._put(queue, time=monotonic)

    def _put_waits(self) -> None:
        self._waits.wake()
        self._put(threading, Lock=waits.Lock, _allocate_lock=waits.Lock, RLock=waits.reentrant_lock, local=local)
        self._put(threading, get_ident=waits.get_ident)
        self._put(threading.Thread, start=waits.start, join=waits.join, is_alive=waits.is_alive)
        self._put(queue, SimpleQueue=waits.SimpleQueue)
        ready = partial(files.ready, waits=self._waits, sleep=sleep)
        for selector in files.SELECTORS:
            self._put(selector, select=files.selecting(selector.select, ready))
        self._put(select, select=files.select(ready), poll=files.polls(ready), epoll=files.epolls(ready))
        # A child is a process of this machine: it is waited for in the machine's time.
        own_time = types.SimpleNamespace(sleep=_SLEEP, monotonic=_MONOTONIC)
        self._put(subprocess, _time=_MONOTONIC, time=own_time, _PopenSelector=files.PlainSelector)

    def adopt(self, packages: frozenset[str]) -> None:
        """Replace what the loaded modules of these packages keep of ``time``: ``from time import sleep``."""
        replaced = {id(real): own for real, own in _REPLACED}
        for module in [one for name, one in sys.modules.items() if name.partition(".")[0] in packages]:
            kept = {name: replaced[id(value)] for name, value in list(vars(module).items()) if id(value) in replaced}
            self._put(module, **kept)

    def _drawn(self, count: int) -> bytes:
        return (self._chance if self._in_handler() else self._others).randbytes(count)

    def sleeps(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if get_ident() == self.thread:
            self._sleep(seconds)
            return
        raise RuntimeError(
            "a thread of _thread.start_new_thread cannot sleep in virtual time. Start it by threading.Thread, or try"
            " this job on the local cloud: cronstack up"
        )

    def _left(self, status: int) -> NoReturn:
        """A handler that ends its process has its own there, and not this one. What it has forked is a process."""
        if os.getpid() == self._process and get_ident() == self.thread:
            self._leave(status)
        self._exit(status)


def sleep(seconds: float) -> None:
    """``time.sleep``."""
    if _on is None:
        _SLEEP(seconds)
    else:
        _on.sleeps(seconds)


def monotonic() -> float:
    """``time.monotonic``. Small numbers: of those since 1970 a float cannot tell a microsecond.

    Other threads of the machine's wait in its time, and read its clock.
    """
    return _MONOTONIC() if _on is None or get_ident() != _on.thread else (_on.hub.look() - _on.origin) / 1_000_000


def monotonic_ns() -> int:
    """``time.monotonic_ns``."""
    return _MONOTONIC_NS() if _on is None or get_ident() != _on.thread else (_on.hub.look() - _on.origin) * _NANOSECONDS


_REPLACED: Final[tuple[tuple[Any, Any], ...]] = (
    (_SLEEP, sleep),
    (_MONOTONIC, monotonic),
    (_PERF_COUNTER, monotonic),
    (_MONOTONIC_NS, monotonic_ns),
    (_PERF_COUNTER_NS, monotonic_ns),
)
"""Members of ``time``, and what stands for them."""
