"""One stray: a difference between the ledger, the schedules and the stack. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from cronstack.occurrence import print_time
from cronstack.onetime.planner import ABANDONED_AFTER as ABANDONED_AFTER

Kind = Literal["plan", "schedule", "carrier", "declared", "run", "job"]
Fix = Literal["", "delete", "make", "renew", "invoke"]
"""Action of ``--fix``; "" if an operator has to decide."""

DELETED: Final = "--fix deletes it"
MADE: Final = "--fix creates its schedule"
RENEWED: Final = "--fix replaces its schedule"
INVOKED: Final = "--fix invokes the function with the event that the ledger stores"
BY_HAND: Final = "find out what created it, then delete it by hand"

LEFT: Final = "left"
"""Prefix of the result of a fix that changed nothing."""


@dataclass(frozen=True)
class Stray:
    """One difference, with its remedy."""

    kind: Kind
    job: str
    """"" for a schedule without a job."""
    key: str
    """"" if it has no key."""
    schedule: str
    """Name of the schedule that exists, or of the one that is missing; "" for a run or a job."""
    since: int
    """Epoch milliseconds."""
    what: str
    remedy: str
    fix: Fix = ""
    revision: int = 0
    occurrence: str = ""
    """Occurrence of a run; "" for other kinds."""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "job": self.job or None,
            "key": self.key or None,
            "occurrence": self.occurrence or None,
            "schedule": self.schedule or None,
            "since": print_time(self.since),
            "what": self.what,
            "remedy": self.remedy,
        }
