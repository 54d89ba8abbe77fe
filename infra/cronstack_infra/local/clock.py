"""The clock of a local cloud: the machine's clock, or a clock that a test moves."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cronstack import clock


class Clock(Protocol):
    """The clock of the drive, the event log, DynamoDB and SQS. Handler processes use the machine's clock."""

    def now(self) -> datetime: ...

    def idle(self, until: datetime) -> None:
        """Called under BACKENDS when the cloud is idle before ``until``: no handler runs and no event waits."""


class MachineClock:
    def now(self) -> datetime:
        return clock.now()

    def idle(self, until: datetime) -> None:
        """Do nothing: real time passes by itself."""
