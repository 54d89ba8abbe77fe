"""The passing of time: the host advances the clock, a handler sleeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from cronstack_infra.play.simulation.clock.dates import Dates
from cronstack_infra.play.simulation.clock.hub import SHORTEST, Hub, length
from cronstack_infra.play.simulation.cloud.drive import VirtualDrive
from cronstack_infra.play.simulation.handlers.strands import Strands


class Passing:
    """The passing of time in one cloud."""

    def __init__(self, hub: Hub, strands: Strands, dates: Dates, drive: VirtualDrive) -> None:
        self._hub, self._strands, self._dates, self._drive = hub, strands, dates, drive

    def advance(self, to: datetime, keep_going: Callable[[], bool] | None = None) -> None:
        """Play until a time. ``keep_going`` is called after each step; False ends it early.

        Raise OperationError while other code of this process has replaced the clock.
        """
        self._dates.check()
        self._drive.advance(to, keep_going)

    def sleep(self, seconds: float) -> None:
        """Suspend a calling handler; for the host, advance the clock."""
        attempt = self._strands.calling_attempt()
        if attempt is None:
            self.advance(self._hub.now + timedelta(microseconds=length(seconds)))
        else:
            self._strands.sleep(attempt, max(length(seconds), SHORTEST))
