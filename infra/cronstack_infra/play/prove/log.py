"""What the observer keeps, and how it says that an invariant does not hold (see the package)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from cronstack.items import decode
from cronstack.occurrence import is_planned
from cronstack.rows import FINISHED
from cronstack_infra.play.prove.mix import COSTLY
from cronstack_infra.play.prove.records import Attempt, Copies, Invoked, JobRecord, KeyRecord, RunRecord, shallow
from cronstack_infra.play.prove.world import Violation, World

if TYPE_CHECKING:
    from cronstack_infra.play.store import Item

ALWAYS: Final = ("I1", "I2", "I5", "I8", "I9", "I12", "I18", "I19", "I20", "I21")
"""What is promised even where somebody deletes the lease by hand."""
ONE_LETTER_UNLESS: Final = (
    *("crash before", "crash after", "pause before", "pause after", "zombie before", "zombie after"),
    *("lost request", "lost answer", "late", "twice", "5xx done", "killed in handler", "outage", "throttled", "5xx"),
    *("handler too long", "handler beyond its deadline", "skew beyond the margin", "lease deleted"),
)


class Log:
    """Of one world with one job."""

    def __init__(self, world: World, *, retries: int, start_deadline: int) -> None:
        self.world, self.mix = world, world.mix
        self.alone = world.mix.overlap == "allow"
        self.limit, self.start_deadline = retries + 1, start_deadline
        self.runs: dict[str, RunRecord] = {}
        self.keys: dict[str, KeyRecord] = {}
        """What code has scheduled, by occurrence."""
        self.job = JobRecord()
        self.attempts: dict[str, Attempt] = {}
        self.handlers = 0
        self.touched = False
        """Somebody has deleted the lease."""
        self.one_letter = not any(world.mix.has(fault) for fault in ONE_LETTER_UNLESS)
        costly = world.mix.far or any(world.mix.has(fault) for fault in COSTLY)
        self.costs_count = not (world.mix.request_faults or costly)
        self.clocks_agree = not world.mix.has("skew beyond the margin")
        self.deadlines_hold = not world.mix.has("handler beyond its deadline")

    def violated(self, invariant: str, text: str) -> None:
        if not self.touched or invariant in ALWAYS:
            raise Violation(invariant, text)

    def run(self, occurrence: str) -> RunRecord:
        if occurrence not in self.runs:
            self.runs[occurrence] = RunRecord(occurrence)
        return self.runs[occurrence]

    def is_alone(self, run: RunRecord) -> bool:
        """It shares no lease with other occurrences."""
        return self.alone or is_planned(run.occurrence)

    def is_told(self, run: RunRecord) -> bool:
        """It is final, and a death has its letter."""
        return run.ended in FINISHED or (run.ended == "dead" and run.letters[run.claims] > 0)

    def attempt_of(self, invoked: Invoked) -> Attempt | None:
        return self.attempts.get(invoked.holder)

    def fork(self, copies: Copies) -> Self:
        """A copy, apart from here on. The world's copy is made already."""
        new = shallow(self)
        world = copies[id(self.world)]
        assert isinstance(world, World)
        new.world = world
        new.runs = {name: run.fork(copies) for name, run in self.runs.items()}
        new.attempts = {holder: attempt.fork(copies) for holder, attempt in self.attempts.items()}
        new.keys = {name: key.fork() for name, key in self.keys.items()}
        new.job = self.job.fork(copies)
        return new

    def digest(self) -> object:
        """Equal where all that is to come will be judged equally."""
        runs = tuple(run.digest() for _, run in sorted(self.runs.items()))
        held, working = self.job.held, sorted(one.holder for one in self.job.working)
        keys = tuple(key.digest() for _, key in sorted(self.keys.items()))
        return runs, self.job.fence, held and held.holder, tuple(working), self.touched, keys


def plain(item: Item | None) -> Mapping[str, Any]:
    return {} if item is None else {name: decode(value) for name, value in item.items()}
