"""The rows of the ledger as values: the lease of a job, the run of an occurrence, the plan of a key. Pure.

``items`` reads these values from DynamoDB's form. ``guard.decision`` decides by them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

Status = Literal["running", "retrying", "crashed", "buffered", "succeeded", "skipped", "missed", "dead"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
"""All statuses of a run, in the order in which operators see them."""
FINISHED: Final = ("succeeded", "skipped")
"""The statuses that a run never leaves."""
FAILED: Final = ("missed", "dead")
"""The statuses of a run that has a dead letter. A redrive changes them; a new plan changes ``missed``, too."""
FINAL: Final = (*FINISHED, *FAILED)
"""The statuses of a run that has ended."""
PAUSED: Final = "paused"
"""The reason of an occurrence that was skipped because its job was paused."""
OPEN: Final = ("retrying", "crashed", "buffered", "missed", "dead")
"""The statuses that put a run into the index: it waits for an attempt, or has failed. Only success removes it."""

PlanStatus = Literal["planned", "begun", "missed", "skipped", "cancelled"]
PLAN_STATUSES: Final[tuple[PlanStatus, ...]] = get_args(PlanStatus)
"""All statuses of a plan. ``planned``, ``missed`` and ``skipped`` can be moved; only ``planned`` can be cancelled."""
UNSTARTED_PLANS: Final[tuple[PlanStatus, ...]] = ("missed", "skipped")
"""The statuses of a plan whose time has passed without a start: it can be planned again."""

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
"""The outcomes of an invocation of a job: the runtime's answers, and "crashed" if it did not answer."""


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
    paused: int = 0
    """The time at which an operator has paused the job, epoch milliseconds; 0: not paused."""
    pause: str = ""
    """Who has paused it, and why: JSON with ``by`` and ``reason``."""
    version: int = 0


class RunItem(NamedTuple):
    """The run of an occurrence. Times are epoch milliseconds, or 0."""

    status: str
    occurrence: str = ""
    due: int = 0
    holder: str = ""
    fence: int = 0
    attempt: int = 0
    limit: int = 0
    """The most attempts of the run. It is dead when the last one has failed."""
    expires: int = 0
    started: int = 0
    ended: int = 0
    reason: str = ""
    by: str = ""
    """The holder of the lease when the occurrence was skipped or buffered."""
    met: str = ""
    """The occurrence that this holder ran."""
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
    """The event of a run that has not succeeded, as JSON: for a carrier, a redrive or a replay."""
    key: str = ""
    """The key under which code has planned the occurrence."""
    revision: int = 0
    """The revision of the plan that the run has started."""
    version: int = 0


class PlanItem(NamedTuple):
    """What code has planned under a key. A planner may have written anything here, so ``items.read_plan`` checks it."""

    status: PlanStatus
    key: str
    due: int
    """Epoch milliseconds."""
    revision: int
    """Epoch milliseconds of its creation, and higher than the revision before."""
    asked: str = ""
    """The time as the caller gave it, with its zone."""
    payload: str = ""
    """Hash of the input."""
    event: str = ""
    """The event that begins the run, as JSON."""
    moves: int = 0
    """The number of times that code has planned the key again."""
    begun: int = 0
    """The time at which a delivery started it."""
    reason: str = ""
    """Why it was skipped."""
    version: int = 0
