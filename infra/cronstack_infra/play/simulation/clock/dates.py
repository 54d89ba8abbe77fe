"""Clocks of the date. time-machine replaces them under every name by which they are imported."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from typing import Any, Final

import time_machine

from cronstack_infra.play.simulation.clock.hub import Hub
from cronstack_infra.play.simulation.clock.other_clocks import refuse_freezegun, refuse_travel

_NANOSECONDS: Final = 1000


class Dates:
    """The dates of one cloud. Only the cloud's own thread counts its clock reads."""

    def __init__(self, hub: Hub, read_clock: Callable[[], int], *, skew: Callable[[], int] = lambda: 0) -> None:
        """skew: microseconds by which the clock of the code that reads it is ahead."""
        self._hub, self._read_clock, self._skew = hub, read_clock, skew
        self._thread = get_ident()
        self._travel: Any = None
        self._traveller: Any = None

    def start(self) -> None:
        hub = self._hub
        self._travel = time_machine.travel(hub.now, tick=False)
        self._traveller = self._travel.start()
        self._traveller.time_ns = lambda: (self._read() if get_ident() == self._thread else hub.us) * _NANOSECONDS

    def _read(self) -> int:
        return self._read_clock() + self._skew()

    def stop(self) -> None:
        travel, self._travel, self._traveller = self._travel, None, None
        if travel is not None:
            travel.stop()

    def check(self) -> None:
        """Raise OperationError when other code of this process has replaced the clock."""
        if self._travel is not None:
            refuse_freezegun()
            refuse_travel(self._traveller)
