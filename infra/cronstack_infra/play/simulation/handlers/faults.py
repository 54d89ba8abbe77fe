"""Faults of a simulation: random by seed and rates, or exactly where a test plans them.

crash       the sandbox dies before or after AWS carries out one of its calls
killed      the sandbox dies at the end of the handler: its work is done, but not recorded
lost        a call is carried out, and its response is lost
throttled   a call is refused, and may succeed later
duplicate   an occurrence is delivered twice
late        a delivery waits for minutes in Lambda's queue
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final, NamedTuple

from cronstack.errors import OperationError

BEFORE_WORK: Final = "before work"
BEFORE_COMMIT: Final = "before commit"
AFTER_COMMIT: Final = "after commit"
AFTER_WORK: Final = "after work"
PLACES: Final = (BEFORE_WORK, BEFORE_COMMIT, AFTER_COMMIT, AFTER_WORK)
"""Points in an attempt at which a planned fault may occur."""
LATEST: Final = 300.0
"""Largest delay of a late delivery in seconds."""


@dataclass(frozen=True)
class Rates:
    """Probabilities from 0 to 1: of calls (crash, lost, throttled), handler calls (killed), deliveries (the others)."""

    crash: float = 0.0
    killed: float = 0.0
    lost: float = 0.0
    throttled: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0

    def __str__(self) -> str:
        rates = [f"{kind.name}={getattr(self, kind.name):g}" for kind in fields(self) if getattr(self, kind.name)]
        return ",".join(rates) or "none"


MIXES: Final[Mapping[str, Rates]] = {
    "none": Rates(),
    "some": Rates(crash=0.004, killed=0.004, lost=0.005, throttled=0.005, duplicate=0.01, late=0.01),
    "many": Rates(crash=0.03, killed=0.03, lost=0.03, throttled=0.03, duplicate=0.05, late=0.05),
}


def parse(text: str) -> Rates:
    """Read "none", "some", "many", or rates by kind: "crash=0.01,duplicate=0.02". Raise OperationError if invalid."""
    if text in MIXES:
        return MIXES[text]
    kinds = [kind.name for kind in fields(Rates)]
    rates = Rates()
    for part in text.split(","):
        kind, equals, rate = part.strip().partition("=")
        try:
            share = float(rate)
        except ValueError:
            share = -1.0
        if kind not in kinds or not equals or not 0 <= share <= 1:
            raise OperationError(
                f"{part.strip()!r} is not a valid fault",
                remedy=f"Write {', '.join(MIXES)}, or KIND=RATE,… with these kinds: {', '.join(kinds)}.",
            )
        rates = replace(rates, **{kind: share})
    return rates


class PlannedFault(NamedTuple):
    """A fault in that attempt of every occurrence of the job."""

    kind: str
    """ "killed" or "raises"."""
    job: str
    attempt: int
    when: str
    """One of PLACES."""


@dataclass
class Faults:
    """The rates, and the faults that a test plans: ``crash("job", on_attempt=1)``."""

    rates: Rates = field(default_factory=Rates)
    planned: list[PlannedFault] = field(default_factory=list)
    check: Callable[[str], None] = lambda job: None
    """Function that raises if the job does not exist."""

    def crash(self, job: str, *, on_attempt: int = 1, when: str = AFTER_WORK) -> None:
        """Kill the sandbox of this job in the attempt ``on_attempt`` of each run.

        when: "before work" (the handler has not started), "before commit" (nothing of ``run.commit`` is stored), "after
        commit" (all of it is stored, but ``run.commit`` does not return), "after work" (the handler has returned).
        Defaults to "after work". If the handler commits, the run has succeeded by then.
        """
        self._plan("killed", job, on_attempt, when)

    def raises(self, job: str, *, on_attempt: int = 1, when: str = AFTER_WORK) -> None:
        """Make the handler raise a RuntimeError at the same points. At a commit, ``run.commit`` raises it."""
        self._plan("raises", job, on_attempt, when)

    def clear(self) -> None:
        self.planned.clear()
        self.rates = Rates()

    def _plan(self, kind: str, job: str, on_attempt: int, when: str) -> None:
        """Plan a fault. Refuse one that cannot occur: a test with it would prove nothing."""
        self.check(job)
        if on_attempt < 1:
            raise OperationError(
                f"on_attempt={on_attempt}: there is no attempt {on_attempt}", remedy="Attempts are counted from 1."
            )
        if when not in PLACES:
            raise OperationError(
                f"when={when!r} is not a place of a fault", remedy=f"Write one of {', '.join(map(repr, PLACES))}."
            )
        self.planned.append(PlannedFault(kind, job, on_attempt, when))

    def planned_for(self, job: str, attempt: int) -> list[PlannedFault]:
        """Return the faults that are planned for this attempt of each run."""
        return [fault for fault in self.planned if (fault.job, fault.attempt) == (job, attempt)]
