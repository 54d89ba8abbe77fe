"""What the process is made to believe while it plays: the time, the passing of time, and chance.

Reading clocks goes through time-machine, which replaces them beneath every name they were imported by. Sleeping
hands over to the hub. Chance comes from the seed, moto's ids included, so that nothing of this machine is in a trace.
"""

from __future__ import annotations

import os
import random
import selectors
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NoReturn

import time_machine
from moto.moto_api._internal import mock_random

from cronstack_infra.play.simulation.hub import Hub

_NANOSECONDS: Final = 1000
_MOMENT: Final = 1e-6
real_seconds: Final = time.perf_counter
"""The machine's own clock: for rates and progress, never for what is played."""


class Pretence:
    """Of one process; ``start`` and ``stop`` may alternate.

    ``sleep`` takes seconds. ``leave`` ends the handler that asks for it, with an exit status; without one it returns.
    """

    def __init__(self, hub: Hub, sleep: Callable[[float], None], leave: Callable[[int], None], seed: int) -> None:
        self._hub = hub
        self._sleep, self._leave = sleep, leave
        self._process, self._exit = os.getpid(), os._exit
        self._chance = random.Random(f"cronstack {seed}")
        self._others = random.Random(f"others {seed}")
        self.in_handler: Callable[[], bool] = lambda: True
        """Whether a handler itself asks for chance. Libraries ask when they are loaded, once a process: not of its."""
        self._seed = seed
        self._undo: list[Callable[[], object]] = []
        self._thread = threading.get_ident()
        self._origin = hub.us
        mock_random.seed(f"moto {seed}")

    def start(self) -> None:
        if self._undo:
            return
        travel = time_machine.travel(
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._hub.us), tick=False
        )
        traveller: Any = travel.start()
        self._undo.append(travel.stop)

        def moved(us: int) -> None:
            traveller._destination_timestamp_ns = us * _NANOSECONDS

        self._hub.moved = moved
        moved(self._hub.us)
        state = random.getstate()
        random.seed(f"handlers {self._seed}")
        self._undo.append(lambda: random.setstate(state))
        self._put(time, sleep=self._slept, monotonic=self._seconds, perf_counter=self._seconds)
        self._put(time, monotonic_ns=self._nanoseconds, perf_counter_ns=self._nanoseconds)
        self._put(os, urandom=self._drawn, _exit=self._left)
        self._put(random, _urandom=self._drawn)
        self._put(selectors.DefaultSelector, select=self._selecting())

    def stop(self) -> None:
        self._hub.moved = lambda us: None
        while self._undo:
            self._undo.pop()()

    def state(self) -> Any:
        return self._chance.getstate(), random.getstate()

    def put_back(self, state: Any) -> None:
        self._chance.setstate(state[0])
        random.setstate(state[1])

    def _put(self, owner: Any, **replacements: Any) -> None:
        for name, replacement in replacements.items():
            old = getattr(owner, name)
            setattr(owner, name, replacement)
            self._undo.append(partial(setattr, owner, name, old))

    def _drawn(self, count: int) -> bytes:
        return (self._chance if self.in_handler() else self._others).randbytes(count)

    def _slept(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if threading.get_ident() == self._thread:
            self._sleep(seconds)
            return
        raise RuntimeError(
            "a thread cannot sleep in virtual time, for nothing passes while it does. Sleep in the handler itself, wait"
            " for the thread by join(), or try this job on the local cloud: cronstack up"
        )

    def _left(self, status: int) -> NoReturn:
        """A handler that ends its process has its own there, and not this one. What it has forked is a process."""
        if os.getpid() == self._process and threading.get_ident() == self._thread:
            self._leave(status)
        self._exit(status)

    def _selecting(self) -> Any:
        return _selecting(selectors.DefaultSelector.select, lambda: threading.get_ident() == self._thread, self._slept)

    def _seconds(self) -> float:
        """Small numbers: of those since 1970 a float cannot tell a microsecond."""
        return (self._hub.us - self._origin) / 1_000_000

    def _nanoseconds(self) -> int:
        return (self._hub.us - self._origin) * _NANOSECONDS


def _selecting(select: Any, ours: Callable[[], bool], sleep: Callable[[float], None]) -> Any:
    """Waiting for files with a time limit, as asyncio does: what is ready now, else the time passes.

    Some passes in any case: asyncio looks again and again until its clock is past a timer.
    """

    def selected(self: Any, timeout: float | None = None) -> Any:
        if timeout is None or not ours():
            return select(self, timeout)
        ready = select(self, 0)
        if not ready:
            sleep(max(timeout, _MOMENT))
            ready = select(self, 0)
        return ready

    return selected
