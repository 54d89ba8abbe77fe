"""The rows of the ledger as values: the statuses of a run, the lease of a job, the run of an occurrence. Pure.

``items`` reads these values out of DynamoDB's form. ``guard.decision`` decides by them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

Status = Literal["planned", "running", "retrying", "crashed", "buffered", "succeeded", "skipped", "missed", "dead"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
"""All statuses of a run, in the order in which operators see them."""
FINISHED: Final = ("succeeded", "skipped", "missed")
"""The statuses that a run never leaves."""
FINAL: Final = (*FINISHED, "dead")
"""The statuses of a run that has ended. Only a redrive leads out of ``dead``."""

OUTCOMES: Final = (
    "succeeded",
    "retrying",
    "crashed",
    "dead",
    "skipped",
    "missed",
    "buffered",
    "deferred",
    "duplicate",
    "overtaken",
    "refused",
)
"""The ways in which an invocation of a job ends: as the runtime answers, or "crashed" where it did not answer."""


class LeaseItem(NamedTuple):
    """The lease of a job. The default is a free lease."""

    holder: str | None = None
    occurrence: str | None = None
    expires: int = 0
    fence: int = 0
    beats: int = 0
    """The number of renewals by the holder. A takeover requires that it has not changed."""
    buffered: str | None = None
    """The occurrence that waits in the one slot."""
    version: int = 0


class RunItem(NamedTuple):
    """The run of an occurrence. Times are epoch milliseconds, 0 where there is none."""

    status: str
    occurrence: str = ""
    due: int = 0
    holder: str = ""
    fence: int = 0
    attempt: int = 0
    limit: int = 0
    """The most attempts of the run. After the last one has failed, the run is dead."""
    expires: int = 0
    started: int = 0
    ended: int = 0
    reason: str = ""
    by: str = ""
    """The holder that a skipped or buffered occurrence met."""
    met: str = ""
    """The occurrence that this holder worked."""
    error: str = ""
    result: str = ""
    payload: str = ""
    reported: int = 0
    """The time at which the dead letter was sent."""
    after: int = 0
    """The earliest start of a retry."""
    checkpoint: str = ""
    """The last value of ``run.checkpoint``, as JSON."""
    saves: int = 0
    """The number of checkpoints. An earlier checkpoint that arrives late must not replace a later one."""
    event: str = ""
    """The event of a buffered occurrence. Other deliveries make its carrier again from it."""
    key: str = ""
    """The key under which code has scheduled the occurrence."""
    revision: int = 0
    """The revision of the plan. It grows with each move."""
    confirmed: int = 0
    """The revision whose schedule is known to exist."""
    asked: str = ""
    """The time as the caller gave it, with its zone."""
    moves: int = 0
    """The number of times that code has planned it anew."""
    version: int = 0
