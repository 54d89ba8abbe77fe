"""Acknowledgements: no event is lost, and everything ends, also after a deploy that broke something (I8, I9, I25)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from cronstack.ledger.rows import FAILED
from cronstack.occurrence import is_planned, print_time
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Acknowledgement, Row
from cronstack_infra.play.prove.log.plans import BEGUN
from cronstack_infra.play.prove.log.records import Invoked

HORIZON: Final = 15 * 86_400_000
"""Milliseconds after which the ledger may have forgotten a run, as far as clocks can tell."""


class Acknowledgements(Judge):
    """Judges each acknowledgement, each carrier's event, and the end of a world."""

    def acknowledged(self, event: Acknowledgement) -> None:
        run = event.run
        self._is_worked(event)
        if event.over or event.carried or event.redriven:
            return
        if self.log.is_owed(run, event.event):
            self.violated("I8", f"{event.invoked.name} acknowledged {run.occurrence}, which is {run.ended}")

    def _is_worked(self, event: Acknowledgement) -> None:
        """A plan that was begun is not acknowledged for a run by another plan."""
        if not is_planned(event.run.occurrence):
            return
        key, revision = self.log.key(event.run.occurrence), event.event.body.get("revision")
        begun = key.now.kind in BEGUN and key.now.revision == revision and not key.tampered
        if begun and key.worked is not None and key.worked[0] != revision and not self.log.is_planned_anew(event.run):
            self.violated("I8", f"{event.invoked.name} acknowledged {revision}, and only {key.worked} was worked")

    def event_refused(self, invoked: Invoked, error: str) -> None:
        """What was begun within the horizon has no run that was forgotten: it must get one."""
        if not is_planned(invoked.event.occurrence) or error not in ("TooOld", "Forgotten"):
            return
        key = self.log.key(invoked.event.occurrence)
        owed = key.now.kind in BEGUN and key.now.revision == invoked.event.body.get("revision") and not key.tampered
        if owed and key.worked is None and self.log.world.now - key.begun < HORIZON:
            self.violated("I9", f"{invoked.name} refuses as {error} what was begun and has no run")

    def carrier_requested(self, invoked: Invoked, body: Row) -> None:
        own = invoked.event.body
        if invoked.event.occurrence in self.log.keys and self.log.key(invoked.event.occurrence).tampered:
            return
        if body.get("revision") != own.get("revision"):
            self._is_planned(invoked, body)
        elif all(body.get(name) == own.get(name) for name in ("scheduled", "occurrence", "generation")):
            marked = {name: value for name, value in own.items() if name != "carrier"}
            if {name: value for name, value in body.items() if name != "carrier"} != marked:
                self.violated("I8", f"{invoked.name} has another event carried than it was given")

    def _is_planned(self, invoked: Invoked, body: Row) -> None:
        """A carrier for another revision than the delivery's own must bring that plan's event."""
        states = self.log.key(invoked.event.occurrence).states
        if all((one.revision, print_time(one.due)) != (body["revision"], body["scheduled"]) for one in states):
            self.violated("I8", f"{invoked.name} has an event carried that no call has planned: {body}")

    # -- the end -------------------------------------------------------------------------------------------------------
    def no_rest(self) -> None:
        self.violated("I9", f"it does not come to rest: {self.log.unfinished()}")

    def at_rest_after_mending(self, excused: Collection[str]) -> None:
        swallowed = [name for name in self.log.unfinished() if self.log.run(name).swallowed and name not in excused]
        if swallowed:
            self.violated("I25", f"operators have repaired, and nothing brings {', '.join(swallowed)}")

    def at_rest(self, why: str, *, excused: Collection[str] = (), given_up: Iterable[str] = ()) -> None:
        unfinished = [name for name in self.log.unfinished() if self.log.run(name).ended not in FAILED]
        if left := [occurrence for occurrence in unfinished if occurrence not in excused]:
            self.violated("I9", f"{why}: {', '.join(left)}")
        for occurrence in given_up:
            if is_planned(occurrence) and self.log.key(occurrence).tampered and not self.log.key(occurrence).worked:
                continue  # an intruder has made its plan one that this code cannot read
            self.violated("I9", f"without a fault, Lambda gave {occurrence} up")
