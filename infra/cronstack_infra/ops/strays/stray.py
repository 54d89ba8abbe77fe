"""One stray: a difference between the ledger, the schedules and the stack. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from cronstack.occurrence import print_time
from cronstack.onetime.planner import FORGOTTEN as FORGOTTEN

Kind = Literal["plan", "schedule", "carrier", "declared", "run", "job"]
Fix = Literal["", "delete", "make", "renew", "invoke"]
"""What ``--mend`` does; "": nothing, a person has to decide."""

DELETED: Final = "--mend deletes it"
MADE: Final = "--mend makes its schedule"
RENEWED: Final = "--mend makes its schedule anew"
INVOKED: Final = "--mend invokes the function with the event that the ledger keeps"
BY_HAND: Final = "find out what made it, then delete it by hand"

LEFT: Final = "left"
"""How the result of a fix begins if the stray is as it was."""


@dataclass(frozen=True)
class Stray:
    """One difference."""

    kind: Kind
    job: str
    """"" for a schedule that names none."""
    key: str
    """"" for what has no key."""
    schedule: str
    """Name of the schedule that exists, or of the one that is missing; "" for a run or a job."""
    since: int
    """Epoch milliseconds."""
    what: str
    remedy: str
    fix: Fix = ""
    revision: int = 0
    occurrence: str = ""
    """Of a run."""

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
