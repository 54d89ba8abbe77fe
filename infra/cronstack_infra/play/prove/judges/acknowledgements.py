"""Acknowledgements: no event is lost, and everything ends, also after a deploy that broke something (I8, I9, I25)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from cronstack.ledger.rows import FAILED
from cronstack.occurrence import is_planned, print_time
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Acknowledgement, Row
from cronstack_infra.play.prove.log.plans import STARTED_KINDS
from cronstack_infra.play.prove.log.records import InvocationRecord

HORIZON: Final = 15 * 86_400_000
"""Milliseconds after which the ledger may have deleted a run, by any clock."""


class Acknowledgements(Judge):
    """The judge of each acknowledgement, each carrier's event, and the end of a world."""

    def acknowledged(self, event: Acknowledgement) -> None:
        run = event.run
        self._check_plan_has_run(event)
        if event.final or event.carried or event.redriven:
            return
        if self.log.must_become_final(run, event.event):
            self.violated("I8", f"{event.invocation.name} acknowledged {run.occurrence}, which is {run.ended}")

    def _check_plan_has_run(self, event: Acknowledgement) -> None:
        """Check that the event of a started plan is not acknowledged because of another plan's run."""
        if not is_planned(event.run.occurrence):
            return
        key, revision = self.log.key(event.run.occurrence), event.event.body.get("revision")
        started = key.now.kind in STARTED_KINDS and key.now.revision == revision and not key.tampered
        if (
            started
            and key.run_plan is not None
            and key.run_plan[0] != revision
            and not self.log.is_replanned(event.run)
        ):
            self.violated("I8", f"{event.invocation.name} acknowledged {revision}, but only {key.run_plan} has a run")

    def event_refused(self, invocation: InvocationRecord, error: str) -> None:
        """Check that a plan which started within the horizon gets a run: the ledger cannot have deleted one yet."""
        if not is_planned(invocation.event.occurrence) or error not in ("TooOld", "Forgotten"):
            return
        key = self.log.key(invocation.event.occurrence)
        needs_run = (
            key.now.kind in STARTED_KINDS
            and key.now.revision == invocation.event.body.get("revision")
            and not key.tampered
        )
        if needs_run and key.run_plan is None and self.log.world.now - key.started_at < HORIZON:
            self.violated("I9", f"{invocation.name} refuses as {error} a started plan that has no run")

    def carrier_requested(self, invocation: InvocationRecord, body: Row) -> None:
        own = invocation.event.body
        if invocation.event.occurrence in self.log.keys and self.log.key(invocation.event.occurrence).tampered:
            return
        if body.get("revision") != own.get("revision"):
            self._check_planned(invocation, body)
        elif all(body.get(name) == own.get(name) for name in ("scheduled", "occurrence", "generation")):
            mark_answer = {name: value for name, value in own.items() if name != "carrier"}
            if {name: value for name, value in body.items() if name != "carrier"} != mark_answer:
                self.violated("I8", f"{invocation.name} makes a carrier for another event than its own")

    def _check_planned(self, invocation: InvocationRecord, body: Row) -> None:
        """Check that a carrier for another revision than the delivery's own brings that plan's event."""
        states = self.log.key(invocation.event.occurrence).states
        if all((state.revision, print_time(state.due)) != (body["revision"], body["scheduled"]) for state in states):
            self.violated("I8", f"{invocation.name} makes a carrier for an event that no call has planned: {body}")

    # -- the end -------------------------------------------------------------------------------------------------------
    def no_rest(self) -> None:
        self.violated("I9", f"events still follow events: {self.log.unfinished()}")

    def at_rest_after_repair(self, excused: Collection[str]) -> None:
        lost = [name for name in self.log.unfinished() if self.log.run(name).was_lost and name not in excused]
        if lost:
            self.violated("I25", f"after the repair by operators nothing brings {', '.join(lost)}")

    def at_rest(self, why: str, *, excused: Collection[str] = (), given_up: Iterable[str] = ()) -> None:
        unfinished = [name for name in self.log.unfinished() if self.log.run(name).ended not in FAILED]
        if left := [occurrence for occurrence in unfinished if occurrence not in excused]:
            self.violated("I9", f"{why}: {', '.join(left)}")
        for occurrence in given_up:
            if is_planned(occurrence) and self.log.key(occurrence).tampered and not self.log.key(occurrence).run_plan:
                continue  # an intruder has made its plan unreadable
            self.violated("I9", f"Lambda gave up {occurrence} without a fault")
