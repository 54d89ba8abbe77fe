"""The log of one world with one job: its records, queries on them, and the report of a violation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from cronstack.ledger.items import decode
from cronstack.ledger.partitions import run_partition
from cronstack.ledger.rows import FAILED, FINISHED
from cronstack.occurrence import is_planned
from cronstack_infra.play.prove.log.plans import STARTED_KINDS, KeyRecord
from cronstack_infra.play.prove.log.records import AttemptRecord, Death, InvocationRecord, JobRecord, RunRecord
from cronstack_infra.play.prove.models.copies import Copies, shallow
from cronstack_infra.play.prove.models.mix import COSTLY
from cronstack_infra.play.prove.models.world import LEASE, Violation, World

if TYPE_CHECKING:
    from cronstack_infra.play.prove.models.queued import QueuedEvent
    from cronstack_infra.play.store.store import Item

ALWAYS: Final = ("I1", "I2", "I5", "I7", "I8", "I9", "I12", "I18", "I19", "I20", "I21", "I26")
"""Invariants that hold even if the lease is deleted by hand; I7 only for each occurrence alone."""
ONE_LETTER_UNLESS: Final = (
    *("crash before", "crash after", "pause before", "pause after", "zombie before", "zombie after"),
    *("lost request", "lost answer", "late", "twice", "5xx done", "killed in handler", "outage", "throttled", "5xx"),
    *("handler too long", "handler beyond its deadline", "lease deleted"),
)


class Log:
    """All records. ``bookkeeper`` writes them, except the fields that name a judge."""

    def __init__(self, world: World, *, retries: int, start_deadline: int) -> None:
        self.world, self.mix = world, world.mix
        self.without_lease = world.mix.overlap == "allow"
        self.limit, self.start_deadline = retries + 1, start_deadline
        self.runs: dict[str, RunRecord] = {}
        self.keys: dict[str, KeyRecord] = {}
        """The keys that code has planned, by occurrence."""
        self.job = JobRecord()
        self.attempts: dict[str, AttemptRecord] = {}
        """By holder."""
        self.handlers = 0
        """Handler runs."""
        self.lease_was_deleted = False
        """The lease was deleted by hand."""
        self.one_letter = not (any(world.mix.has(fault) for fault in ONE_LETTER_UNLESS) or world.mix.switches)
        costly = world.mix.far or any(world.mix.has(fault) for fault in COSTLY)
        self.costs_count = not (
            world.mix.request_faults or costly or world.mix.intruder or world.mix.switches or world.mix.pauses
        )
        self.letter_ids: dict[str, tuple[str, Death]] = {}
        """The occurrence and death of each letter, by the letter's id. Judge: letters."""
        self.deadlines_hold = not world.mix.has("handler beyond its deadline")

    def report(self, invariant: str, text: str) -> None:
        """Raise Violation, unless the invariant is no longer guaranteed in this world."""
        if not self.lease_was_deleted or invariant in ALWAYS:
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

    def attempt_of(self, invocation: InvocationRecord) -> AttemptRecord | None:
        return self.attempts.get(invocation.holder)

    # -- queries -------------------------------------------------------------------------------------------------------
    def needs_no_lease(self, run: RunRecord) -> bool:
        """Return whether the run does not share a lease with other occurrences."""
        return self.without_lease or is_planned(run.occurrence)

    def is_final(self, run: RunRecord) -> bool:
        """Return whether the run is final. A dead or missed run is final when its letter was sent."""
        if self.is_replanned(run):
            return self.key(run.occurrence).now.kind in ("cancelled", "skipped", "none")
        if is_planned(run.occurrence) and run.ended is None and run.claims == 0:
            return self.key(run.occurrence).now.kind == "skipped"
        return run.ended in FINISHED or (run.ended in FAILED and run.letters[run.death] > 0)

    def is_replanned(self, run: RunRecord) -> bool:
        """Return whether its key was missed and planned again since. Then that plan decides how the key ends."""
        if run.ended != "missed" or not is_planned(run.occurrence):
            return False
        return self.key(run.occurrence).now.revision > run.death[1]

    def has_row(self, run: RunRecord) -> bool:
        """Return whether the ledger has the run's item."""
        return bool(self.row(run))

    def row(self, run: RunRecord) -> Mapping[str, Any]:
        """Return the run's item; empty if it does not exist."""
        return self.world.store.items.get((run_partition("stats", run.occurrence), f"run#{run.occurrence}"), {})

    def is_buffered(self, run: RunRecord) -> bool:
        item = self.world.store.items.get((LEASE[0], f"run#{run.occurrence}"), {})
        return "status" in item and item["status"]["S"] == "buffered"

    def next_limit(self, run: RunRecord) -> int:
        """Return the number of attempts that a claim allows. A redrive starts the count again."""
        return run.claims + self.limit if run.claims == 0 or run.ended in FAILED else run.limit

    def must_become_final(self, run: RunRecord, event: QueuedEvent | None = None) -> bool:
        """Return whether events must bring the run back until it is final. A plan that was never reported need not run.

        ``event``: ask for this event only. It need not bring back a run that another plan's event has started.
        """
        if not is_planned(run.occurrence):
            return True
        key = self.key(run.occurrence)
        if key.tampered and run.ended == "missed":
            return False  # the intruder may plan the missed key again, which withdraws the redrive
        if key.run_plan is not None and not self.is_replanned(run):
            return not key.created_late and (event is None or self.is_of_run(event))
        if key.tampered:
            return False
        if key.now.kind in STARTED_KINDS:
            return event is None or event.body.get("revision") == key.now.revision
        return key.now.kind == "planned" and key.is_relied_on

    def is_of_run(self, event: QueuedEvent) -> bool:
        """Return whether this event, or an equal one, has created the run of its key."""
        plan = (event.body.get("revision"), event.due)
        return event.occurrence in self.keys and self.key(event.occurrence).run_plan == plan

    def can_replace(self, carrier: QueuedEvent, event: QueuedEvent) -> bool:
        """Return whether a carrier requests the same as its occurrence's event. Each plan has its own input."""
        return is_planned(event.occurrence) or carrier.body.get("input") == event.body.get("input")

    def unfinished(self) -> list[str]:
        """Return the occurrences that were requested and are not final."""
        return [
            run.occurrence
            for run in self.runs.values()
            if (is_planned(run.occurrence) or not all(event.refused or event.forged for event in run.events))
            and not self._is_refused_for_good(run)
            and not self._left_no_trace(run)
            and not self.is_final(run)
            and self.must_become_final(run)
        ]

    def _is_refused_for_good(self, run: RunRecord) -> bool:
        """Return whether a letter has refused the run because its row is gone: then no redrive can help."""
        refused = {event.refused for event in run.events}
        if self.has_row(run):
            return False
        kind = self.key(run.occurrence).now.kind if is_planned(run.occurrence) else ""
        # The plan of a miss outlives its run. Without this plan its redrive is refused.
        gone = {"none": "Forgotten", "missed": "BadPlan"}.get(kind)
        return "TooOld" in refused or gone in refused

    def _left_no_trace(self, run: RunRecord) -> bool:
        """Return whether an outage has lost the whole run: it has never started and has no row.

        Only monitoring of the schedules, or the operator who has requested it, can notice this. The same holds for a
        run whose event is in no row, because the ledger did not answer when its schedule was made.
        """
        never = run.claims == 0 and run.ended is None and not is_planned(run.occurrence)
        listed = "event" in (row := self.row(run)) and "listed" in row
        return run.lost and ((never and not row) or (run.not_in_ledger and not listed))

    def share(self) -> tuple[int, int]:
        """Return how many occurrences succeeded, and how many should have run.

        Not counted are those that a policy or a person keeps from running: skipped because another one ran, cancelled,
        never planned in the end, refused for another input, sent by an intruder. A missed or dead occurrence counts as
        one that should have run, also where its handler never succeeds.
        """
        ran = expected = 0
        for run in self.runs.values():
            if is_planned(run.occurrence):
                key = self.key(run.occurrence)
                not_expected = key.tampered or (
                    key.run_plan is None and key.now.kind not in ("planned", *STARTED_KINDS)
                )
            else:
                not_expected = all(event.refused or event.forged for event in run.events)
            if not not_expected and run.ended != "skipped":
                expected += 1
                ran += run.ended == "succeeded"
        return ran, expected

    def unfinished_plans(self) -> list[str]:
        """Return the plans that are not final, reported or not. A sweep must repair them."""
        return [name for name, key in self.keys.items() if key.now.kind == "planned" and not key.tampered]

    # -- copies --------------------------------------------------------------------------------------------------------
    def fork(self, copies: Copies) -> Self:
        """Return an independent copy. ``copies`` already holds the world's copy."""
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
        """Return a value that is equal for logs with equal judgements from here on."""
        runs = tuple(run.digest() for _, run in sorted(self.runs.items()))
        lease_holder, working = self.job.lease_holder, sorted(attempt.holder for attempt in self.job.working)
        keys = tuple(key.digest() for _, key in sorted(self.keys.items()))
        job = (self.job.fence, lease_holder and lease_holder.holder, tuple(working), self.job.paused)
        return runs, job, self.lease_was_deleted, keys


def plain(item: Item | None) -> Mapping[str, Any]:
    """Return an item with plain values."""
    return {} if item is None else {name: decode(value) for name, value in item.items()}
