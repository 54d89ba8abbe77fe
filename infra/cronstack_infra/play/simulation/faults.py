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
from typing import Final

from cronstack.errors import OperationError

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


@dataclass
class Faults:
    """The rates, and what a test has planned besides: ``crash("job", on_attempt=1)``."""

    rates: Rates = field(default_factory=Rates)
    planned: list[tuple[str, str, int]] = field(default_factory=list)
    """(kind, job, attempt); each strikes every occurrence of the job at that attempt."""
    check: Callable[[str], None] = lambda job: None
    """Raises when there is no such job."""

    def crash(self, job: str, *, on_attempt: int = 1) -> None:
        """The sandbox dies when the handler of this job has done its work, in each run's attempt of that number."""
        self._plan("killed", job, on_attempt)

    def raises(self, job: str, *, on_attempt: int = 1) -> None:
        """The handler's work is done, then it raises."""
        self._plan("raises", job, on_attempt)

    def clear(self) -> None:
        self.planned.clear()
        self.rates = Rates()

    def _plan(self, kind: str, job: str, on_attempt: int) -> None:
        """One that cannot strike would let a test pass for nothing."""
        self.check(job)
        if on_attempt < 1:
            raise OperationError(f"there is no attempt {on_attempt}", remedy="They are counted from 1.")
        self.planned.append((kind, job, on_attempt))

    def plan(self, job: str, attempt: int) -> str | None:
        return next((kind for kind, of, number in self.planned if (of, number) == (job, attempt)), None)
