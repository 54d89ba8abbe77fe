"""The slot of ``buffer_one``: it names the waiting occurrence, which starts next and has a carrier (I13, I22)."""

from __future__ import annotations

from typing import Final

from cronstack.guard import carrier
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row, RunChange, Standing
from cronstack_infra.play.prove.log.records import Attempt, Invoked
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.world import NOON

SOON: Final = carrier.lead() + 3_000
"""Milliseconds before its time within which a carrier may stand beside the next one: the guard makes none that is due
within its lead, and two clocks differ by the margin."""
FIRST_LOOK: Final = NOON // 60_000
"""Carriers for the slot are numbered by epoch minutes, others from 0."""


class Slot(Judge):
    """Judges which occurrence waits, which ones start meanwhile, and the carriers of the waiting one."""

    def buffered(self, change: RunChange) -> None:
        by = change.after.get("by")
        if by not in self.log.attempts:
            self.violated("I13", f"{change.run.occurrence} waits for {by}, which never held the lease")

    def committed(self, standing: Standing) -> None:
        if standing.waiting != ([] if standing.slot is None else [standing.slot]):
            self.violated("I13", f"the slot names {standing.slot}, buffered is {standing.waiting}")

    def passed_over(self, change: RunChange) -> None:
        if change.after.get("reason") == "slot_full":
            self._makes_way(change.run.occurrence)

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        if raised is None and answer.get("reason") == "slot":
            self._makes_way(invoked.event.occurrence)

    def _makes_way(self, occurrence: str) -> None:
        """It ends, or comes later, for the sake of the occurrence in the slot."""
        for other in self.log.runs.values():
            placing = other.placed is not None and (not other.placed.ended or other.placed.killed)
            if self.log.is_buffered(other) and not (other.carriers or other.recorded or other.lost or placing):
                self.violated("I13", f"{occurrence} makes way for {other.occurrence}, but nothing brings that")

    def claimed(self, change: RunChange) -> None:
        run = change.run
        if run.claims or self.log.is_alone(run):
            return
        for other in self.log.runs.values():
            if other is not run and self.log.is_buffered(other):
                self.violated("I22", f"{run.occurrence} starts, though {other.occurrence} waits in the slot")

    def carrier_made(self, event: QueuedEvent) -> None:
        log, run = self.log, self.log.run(event.occurrence)
        # A delivery may have asked for its own carrier before its occurrence was buffered: that one does not count.
        # Nor does one that was made because the ledger did not answer: it has a name of its own.
        event.to_slot = log.is_buffered(run) and event.body["carrier"] >= FIRST_LOOK and not event.unwritten
        if not event.to_slot or event.doubtful or log.mix.has("clock steps"):
            return
        soon, kind = log.world.now + SOON, (event.by_operator, event.redrive)
        pending = [
            one
            for one in (*run.carriers, event)
            if one.to_slot
            and not one.doubtful
            and one.at > soon
            and one.fires not in range(1, log.world.now + 1)
            and (one.by_operator, one.redrive) == kind
        ]
        if len(pending) > 1:
            self.violated("I22", f"{len(pending)} carriers at once wait to bring {run.occurrence} out of the slot")
