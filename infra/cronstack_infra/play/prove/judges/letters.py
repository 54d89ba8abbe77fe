"""Letters: a death and a miss have a dead letter, and a redrive that was accepted acts (I16, I17, I24)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cronstack.ledger.rows import FAILED
from cronstack.occurrence import is_planned
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Acknowledgement, RunChange
from cronstack_infra.play.prove.log.records import Death, Invoked, RunRecord
from cronstack_infra.play.prove.models.queued import QueuedEvent


class Letters(Judge):
    """Judges which invocation sends a letter, how many letters there are, and which redrives act."""

    def letter_sent(self, invoked: Invoked, run: RunRecord, death: Death, identity: str) -> None:
        if death not in run.deaths:
            self.violated("I16", f"a letter for {death} of {run.occurrence}, which did not die of it")
        if self.log.letter_ids.setdefault(identity, (run.occurrence, death)) != (run.occurrence, death):
            self.violated("I16", f"two deaths of {run.occurrence} have letters of one id, {identity}")
        letters = run.letters[death] + 1
        if self.log.one_letter and not run.hampered and letters > 1:
            self.violated("I16", f"{letters} letters for {death} of {run.occurrence}")

    def letter_claimed(self, change: RunChange) -> None:
        invoked, run, after = change.invoked, change.run, change.after
        if change.before.get("holder") != after["holder"]:
            if run.letter_noted:
                self.violated("I16", f"{invoked.name} claims the letter of {run.occurrence}, which is out and noted")
            sender = run.sender
            if sender is not None and self.log.world.now <= sender.expires:
                self.violated("I16", f"{invoked.name} and {sender.sandbox.name} both may send the letter")
        if "reported" in after and not run.letters[run.death]:
            self.violated("I16", f"the letter of {run.occurrence} is noted as sent, but was not")

    def claimed(self, change: RunChange) -> None:
        run = change.run
        if run.ended == "dead" and change.invoked.event.redrive != run.claims:
            name = change.invoked.name
            self.violated("I17", f"{name} redrives attempt {run.claims} of {run.occurrence}, which was not asked for")

    def acknowledged(self, event: Acknowledgement) -> None:
        run, name = event.run, event.invoked.name
        others = is_planned(run.occurrence) and not self.log.is_of_run(event.event)
        owed = self.log.is_owed(run, event.event) and not others
        if run.ended in FAILED and owed and not (run.letters[run.death] or event.over or event.carried):
            self.violated("I16", f"{name} acknowledged {run.occurrence}, which is {run.ended} and has no letter")
        redrive = event.event.redrive
        if event.event.acts and not event.redriven and not self._is_withdrawn(run, event.event):
            others = any(one is not event.event and one.redrive == redrive for one in run.carriers)
            if not (run.recorded or run.lost or others):
                self.violated("I17", f"the redrive of attempt {redrive} of {run.occurrence} was lost")

    def _is_withdrawn(self, run: RunRecord, redrive: QueuedEvent) -> bool:
        """Whether a planner has planned the missed key anew, or an intruder has written its plan."""
        if run.ended != "missed" or not is_planned(run.occurrence):
            return False
        overtaken = redrive.body.get("revision") != run.death[1] or self.log.is_planned_anew(run)
        return overtaken or self.log.key(run.occurrence).tampered

    def at_rest(self, why: str, *, excused: Collection[str] = (), given_up: Iterable[str] = ()) -> None:
        for occurrence in self.log.unfinished():
            run = self.log.run(occurrence)
            if run.ended in FAILED and occurrence not in excused:
                self.violated("I24", f"{occurrence} is {run.ended}, and no letter tells of it")
