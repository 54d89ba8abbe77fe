"""The clock of a local cloud: the machine's, or one that a test moves."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cronstack import clock


class Clock(Protocol):
    """Used by the engine's drive, the event log, DynamoDB and SQS. Real processes go by the machine's clock."""

    def now(self) -> datetime: ...

    def idle(self, until: datetime) -> None:
        """The cloud has nothing to do before ``until``: no handler runs and no event waits. Called under BACKENDS."""


class MachineClock:
    def now(self) -> datetime:
        return clock.now()

    def idle(self, until: datetime) -> None:
        """Time passes by itself."""
