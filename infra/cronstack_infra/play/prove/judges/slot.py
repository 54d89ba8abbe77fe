"""The slot of ``buffer_one``: it names the waiting occurrence, which starts next and has a carrier (I13, I22)."""

from __future__ import annotations

from typing import Final

from cronstack.guard import carrier
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import LedgerState, Row, RunChange
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.world import NOON

SOON: Final = carrier.lead() + 3_000
"""Milliseconds before its time within which a carrier may coexist with the next one: the guard makes no carrier that is
due within its lead, and two clocks differ by the margin."""
FIRST_LOOK: Final = NOON // 60_000
"""Carriers for the slot are numbered by epoch minutes, others from 0."""


class Slot(Judge):
    """The judge of which occurrence waits, which ones start meanwhile, and of the waiting one's carriers."""

    def buffered(self, change: RunChange) -> None:
        by = change.after.get("by")
        if by not in self.log.attempts:
            self.violated("I13", f"{change.run.occurrence} waits for {by}, which never held the lease")

    def committed(self, ledger_state: LedgerState) -> None:
        if ledger_state.waiting != ([] if ledger_state.slot is None else [ledger_state.slot]):
            self.violated("I13", f"the slot names {ledger_state.slot}, but {ledger_state.waiting} is buffered")

    def skipped_or_missed(self, change: RunChange) -> None:
        if change.after.get("reason") == "slot_full":
            self._check_slot_delivered(change.run.occurrence)

    def ended(
        self, invocation: InvocationRecord, attempt: AttemptRecord | None, answer: Row, raised: BaseException | None
    ) -> None:
        if raised is None and answer.get("reason") == "slot":
            self._check_slot_delivered(invocation.event.occurrence)

    def _check_slot_delivered(self, occurrence: str) -> None:
        """Check that an event brings the occurrence in the slot, for which ``occurrence`` ends or is deferred."""
        for other in self.log.runs.values():
            placing = other.placed_by is not None and (not other.placed_by.ended or other.placed_by.killed)
            if self.log.is_buffered(other) and not (other.carriers or other.recorded or other.lost or placing):
                self.violated("I13", f"{occurrence} makes way for {other.occurrence}, but nothing brings it")

    def claimed(self, change: RunChange) -> None:
        run = change.run
        if run.claims or self.log.needs_no_lease(run):
            return
        for other in self.log.runs.values():
            if other is not run and self.log.is_buffered(other):
                self.violated("I22", f"{run.occurrence} starts, though {other.occurrence} waits in the slot")

    def carrier_made(self, event: QueuedEvent) -> None:
        log, run = self.log, self.log.run(event.occurrence)
        # Not counted: a carrier that a delivery has requested before its occurrence was buffered, and a carrier that
        # was made because the ledger did not answer. The latter has its own name.
        event.to_slot = log.is_buffered(run) and event.body["carrier"] >= FIRST_LOOK and not event.not_in_ledger
        if not event.to_slot or event.time_uncertain or log.mix.has("clock steps"):
            return
        soon, kind = log.world.now + SOON, (event.by_operator, event.redrive)
        pending = [
            made
            for made in (*run.carriers, event)
            if made.to_slot
            and not made.time_uncertain
            and made.at > soon
            and made.fires not in range(1, log.world.now + 1)
            and (made.by_operator, made.redrive) == kind
        ]
        if len(pending) > 1:
            self.violated("I22", f"{len(pending)} carriers at once wait to bring {run.occurrence} out of the slot")
