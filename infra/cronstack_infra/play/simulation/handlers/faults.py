"""What goes wrong in a simulation, by seed and rates, or exactly where a test says.

crash       the sandbox dies around one of its calls to AWS, before or after it was carried out
killed      the sandbox dies within the handler: its work is done, nobody heard of it
lost        a call is carried out, and its answer is lost
throttled   a call is refused, try again later
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
"""Where in an attempt a planned fault may strike."""
LATEST: Final = 300.0
"""Seconds by which a late delivery is late at most."""


@dataclass(frozen=True)
class Rates:
    """Shares between 0 and 1: of calls (crash, lost, throttled), of handlers' runs (killed), of deliveries."""

    crash: float = 0.0
    killed: float = 0.0
    lost: float = 0.0
    throttled: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0

    def __str__(self) -> str:
        told = [f"{one.name}={getattr(self, one.name):g}" for one in fields(self) if getattr(self, one.name)]
        return ",".join(told) or "none"


MIXES: Final[Mapping[str, Rates]] = {
    "none": Rates(),
    "some": Rates(crash=0.004, killed=0.004, lost=0.005, throttled=0.005, duplicate=0.01, late=0.01),
    "many": Rates(crash=0.03, killed=0.03, lost=0.03, throttled=0.03, duplicate=0.05, late=0.05),
}


def parse(text: str) -> Rates:
    """ "none", "some", "many", or kinds with their rates: "crash=0.01,duplicate=0.02". Raises OperationError."""
    if text in MIXES:
        return MIXES[text]
    kinds = [one.name for one in fields(Rates)]
    found = Rates()
    for part in text.split(","):
        kind, equals, rate = part.strip().partition("=")
        try:
            share = float(rate)
        except ValueError:
            share = -1.0
        if kind not in kinds or not equals or not 0 <= share <= 1:
            raise OperationError(
                f"{part.strip()!r} is no fault", remedy=f"Say {', '.join(MIXES)}, or KIND=RATE,… of {', '.join(kinds)}."
            )
        found = replace(found, **{kind: share})
    return found


class Planned(NamedTuple):
    """A fault that strikes every occurrence of the job at that attempt."""

    kind: str
    """ "killed" or "raises"."""
    job: str
    attempt: int
    when: str
    """One of PLACES."""


@dataclass
class Faults:
    """The rates, and what a test has planned besides: ``crash("job", on_attempt=1)``."""

    rates: Rates = field(default_factory=Rates)
    planned: list[Planned] = field(default_factory=list)
    check: Callable[[str], None] = lambda job: None
    """Raises when there is no such job."""

    def crash(self, job: str, *, on_attempt: int = 1, when: str = AFTER_WORK) -> None:
        """Let the sandbox of this job die, in each run's attempt of that number.

        when: "before work" (the handler has not begun), "before commit" (nothing of ``run.commit`` is stored), "after
        commit" (all of it is stored, and the handler does not learn so), "after work" (the handler has returned).
        Defaults to "after work". Of a handler that commits, the run has succeeded by then.
        """
        self._plan("killed", job, on_attempt, when)

    def raises(self, job: str, *, on_attempt: int = 1, when: str = AFTER_WORK) -> None:
        """Let the handler raise a RuntimeError, at the same places. At a commit, ``run.commit`` raises it."""
        self._plan("raises", job, on_attempt, when)

    def clear(self) -> None:
        self.planned.clear()
        self.rates = Rates()

    def _plan(self, kind: str, job: str, on_attempt: int, when: str) -> None:
        """One that cannot strike would let a test pass for nothing."""
        self.check(job)
        if on_attempt < 1:
            raise OperationError(f"there is no attempt {on_attempt}", remedy="They are counted from 1.")
        if when not in PLACES:
            raise OperationError(
                f"when={when!r} is not a place of a fault", remedy=f"Write one of {', '.join(map(repr, PLACES))}."
            )
        self.planned.append(Planned(kind, job, on_attempt, when))

    def planned_for(self, job: str, attempt: int) -> list[Planned]:
        """Return what is planned for this attempt of each run."""
        return [one for one in self.planned if (one.job, one.attempt) == (job, attempt)]
