"""The log of one world with one job: its records, questions about them, and the report of a violation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from cronstack.ledger.items import decode
from cronstack.ledger.partitions import run_partition
from cronstack.ledger.rows import FAILED, FINISHED
from cronstack.occurrence import is_planned
from cronstack_infra.play.prove.log.plans import BEGUN, KeyRecord
from cronstack_infra.play.prove.log.records import Attempt, Death, Invoked, JobRecord, RunRecord
from cronstack_infra.play.prove.models.copies import Copies, shallow
from cronstack_infra.play.prove.models.mix import COSTLY
from cronstack_infra.play.prove.models.world import LEASE, Violation, World

if TYPE_CHECKING:
    from cronstack_infra.play.prove.models.queued import QueuedEvent
    from cronstack_infra.play.store.store import Item

ALWAYS: Final = ("I1", "I2", "I5", "I7", "I8", "I9", "I12", "I18", "I19", "I20", "I21", "I26")
"""Invariants that hold even where the lease is deleted by hand; I7 only for each occurrence alone."""
ONE_LETTER_UNLESS: Final = (
    *("crash before", "crash after", "pause before", "pause after", "zombie before", "zombie after"),
    *("lost request", "lost answer", "late", "twice", "5xx done", "killed in handler", "outage", "throttled", "5xx"),
    *("handler too long", "handler beyond its deadline", "lease deleted"),
)


class Log:
    """All records. ``bookkeeper`` writes them, but for the fields that name a judge."""

    def __init__(self, world: World, *, retries: int, start_deadline: int) -> None:
        self.world, self.mix = world, world.mix
        self.alone = world.mix.overlap == "allow"
        self.limit, self.start_deadline = retries + 1, start_deadline
        self.runs: dict[str, RunRecord] = {}
        self.keys: dict[str, KeyRecord] = {}
        """What code has planned, by occurrence."""
        self.job = JobRecord()
        self.attempts: dict[str, Attempt] = {}
        """By holder."""
        self.handlers = 0
        """Handler runs."""
        self.touched = False
        """The lease was deleted by hand."""
        self.one_letter = not (any(world.mix.has(fault) for fault in ONE_LETTER_UNLESS) or world.mix.switches)
        costly = world.mix.far or any(world.mix.has(fault) for fault in COSTLY)
        self.costs_count = not (world.mix.request_faults or costly or world.mix.intruder or world.mix.switches)
        self.letter_ids: dict[str, tuple[str, Death]] = {}
        """What each letter's id stands for: its occurrence and death. Judge: letters."""
        self.deadlines_hold = not world.mix.has("handler beyond its deadline")

    def report(self, invariant: str, text: str) -> None:
        """Raise Violation, unless the invariant is not promised in this world any more."""
        if not self.touched or invariant in ALWAYS:
            raise Violation(invariant, text)

    # -- look-ups ------------------------------------------------------------------------------------------------------
    def run(self, occurrence: str) -> RunRecord:
        if occurrence not in self.runs:
            self.runs[occurrence] = RunRecord(occurrence)
        return self.runs[occurrence]

    def key(self, occurrence: str) -> KeyRecord:
        if occurrence not in self.keys:
            self.keys[occurrence] = KeyRecord()
        return self.keys[occurrence]

    def attempt_of(self, invoked: Invoked) -> Attempt | None:
        return self.attempts.get(invoked.holder)

    # -- questions -----------------------------------------------------------------------------------------------------
    def is_alone(self, run: RunRecord) -> bool:
        """Whether it shares no lease with other occurrences."""
        return self.alone or is_planned(run.occurrence)

    def is_over(self, run: RunRecord) -> bool:
        """Whether it is final; if it is dead or missed, whether its letter was sent."""
        if self.is_planned_anew(run):
            return self.key(run.occurrence).now.kind in ("cancelled", "none")
        return run.ended in FINISHED or (run.ended in FAILED and run.letters[run.death] > 0)

    def is_planned_anew(self, run: RunRecord) -> bool:
        """Whether its key was missed, and planned anew since: that plan decides what becomes of it."""
        if run.ended != "missed" or not is_planned(run.occurrence):
            return False
        return self.key(run.occurrence).now.revision > run.death[1]

    def has_row(self, run: RunRecord) -> bool:
        """Whether the ledger has not forgotten the run."""
        return bool(self.row(run))

    def row(self, run: RunRecord) -> Mapping[str, Any]:
        """Return the run's item; empty if there is none."""
        return self.world.store.items.get((run_partition("stats", run.occurrence), f"run#{run.occurrence}"), {})

    def is_buffered(self, run: RunRecord) -> bool:
        item = self.world.store.items.get((LEASE[0], f"run#{run.occurrence}"), {})
        return "status" in item and item["status"]["S"] == "buffered"

    def next_limit(self, run: RunRecord) -> int:
        """The number of attempts that a claim allows: counted anew from a redrive on."""
        return run.claims + self.limit if run.claims == 0 or run.ended in FAILED else run.limit

    def is_owed(self, run: RunRecord, event: QueuedEvent | None = None) -> bool:
        """Whether something must bring it back until it is final. A plan that was never reported need not come.

        ``event``: the one in question. It need not bring back what the event of another plan has begun.
        """
        if not is_planned(run.occurrence):
            return True
        key = self.key(run.occurrence)
        if key.tampered and run.ended == "missed":
            return False  # what may plan may plan anew what was missed, and so withdraw it
        if key.worked is not None and not self.is_planned_anew(run):
            return not key.stray and (event is None or self.is_of_run(event))
        if key.tampered:
            return False
        if key.now.kind in BEGUN:
            return event is None or event.body.get("revision") == key.now.revision
        return key.now.kind == "planned" and key.stands

    def is_of_run(self, event: QueuedEvent) -> bool:
        """Whether the run of a key was created by this event, or one like it."""
        plan = (event.body.get("revision"), event.due)
        return event.occurrence in self.keys and self.key(event.occurrence).worked == plan

    def is_like(self, carrier: QueuedEvent, event: QueuedEvent) -> bool:
        """Whether a carrier can do what its occurrence's event asks for. Of a key each plan has an input of its own."""
        return is_planned(event.occurrence) or carrier.body.get("input") == event.body.get("input")

    def unfinished(self) -> list[str]:
        """Return the occurrences that were asked for and are not final."""
        return [
            run.occurrence
            for run in self.runs.values()
            if (is_planned(run.occurrence) or not all(event.refused or event.forged for event in run.events))
            and not self._is_forgotten(run)
            and not self._is_untraced(run)
            and not self.is_over(run)
            and self.is_owed(run)
        ]

    def _is_forgotten(self, run: RunRecord) -> bool:
        """Whether a letter is out that says so, and no redrive can help."""
        refused = {event.refused for event in run.events}
        if self.has_row(run):
            return False
        kind = self.key(run.occurrence).now.kind if is_planned(run.occurrence) else ""
        # The plan of a miss outlives its run. Without that its redrive is refused.
        gone = {"none": "Forgotten", "missed": "BadPlan"}.get(kind)
        return "TooOld" in refused or gone in refused

    def _is_untraced(self, run: RunRecord) -> bool:
        """Whether an outage has swallowed all of it: it has never started, made way for others, and has no row.

        Only who expects it can miss it: a watch over the schedules, or the operator who has asked for it. So it is with
        one whose event no row could keep and list, because the ledger did not answer when its schedule was made.
        """
        never = run.claims == 0 and run.ended is None and not is_planned(run.occurrence)
        found = "event" in (row := self.row(run)) and "listed" in row
        return run.lost and ((never and not row) or (run.unwritten and not found))

    def share(self) -> tuple[int, int]:
        """Return how many occurrences ran, and how many should have: the number of those that succeeded, and of all.

        Not among all are those that policy or a person keeps from running: skipped because another one ran, cancelled,
        never planned in the end, refused for another input, sent by an intruder. An occurrence that was missed counts
        as one that should have run, as does one that is dead, also where its handler never succeeds.
        """
        ran = wanted = 0
        for run in self.runs.values():
            if is_planned(run.occurrence):
                key = self.key(run.occurrence)
                keeps = key.tampered or (key.worked is None and key.now.kind not in ("planned", *BEGUN))
            else:
                keeps = all(event.refused or event.forged for event in run.events)
            if not keeps and run.ended != "skipped":
                wanted += 1
                ran += run.ended == "succeeded"
        return ran, wanted

    def unfinished_plans(self) -> list[str]:
        """Return the plans that are not final, reported or not: a sweep must find them."""
        return [name for name, key in self.keys.items() if key.now.kind == "planned" and not key.tampered]

    # -- copies --------------------------------------------------------------------------------------------------------
    def fork(self, copies: Copies) -> Self:
        """Return an independent copy. ``copies`` holds the world's copy already."""
        new = shallow(self)
        world = copies[id(self.world)]
        assert isinstance(world, World)
        new.world = world
        new.runs = {name: run.fork(copies) for name, run in self.runs.items()}
        new.attempts = {holder: attempt.fork(copies) for holder, attempt in self.attempts.items()}
        new.keys = {name: key.fork() for name, key in self.keys.items()}
        new.job = self.job.fork(copies)
        new.letter_ids = dict(self.letter_ids)
        return new

    def digest(self) -> object:
        """Equal for logs that lead to equal judgements from here on."""
        runs = tuple(run.digest() for _, run in sorted(self.runs.items()))
        held, working = self.job.held, sorted(one.holder for one in self.job.working)
        keys = tuple(key.digest() for _, key in sorted(self.keys.items()))
        return runs, self.job.fence, held and held.holder, tuple(working), self.touched, keys


def plain(item: Item | None) -> Mapping[str, Any]:
    """Return an item with plain values."""
    return {} if item is None else {name: decode(value) for name, value in item.items()}
