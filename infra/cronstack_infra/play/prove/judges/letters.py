"""Letters: each death and each miss has a dead letter, and each accepted redrive acts (I16, I17, I24)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cronstack.ledger.rows import FAILED
from cronstack.occurrence import is_planned
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Acknowledgement, RunChange
from cronstack_infra.play.prove.log.records import Death, InvocationRecord, RunRecord
from cronstack_infra.play.prove.models.queued import QueuedEvent


class Letters(Judge):
    """The judge of which invocation sends a letter, of the number of letters, and of which redrives act."""

    def letter_sent(self, invocation: InvocationRecord, run: RunRecord, death: Death, identity: str) -> None:
        if death not in run.deaths:
            self.violated("I16", f"a letter for {death} of {run.occurrence}, which has no such death")
        if self.log.letter_ids.setdefault(identity, (run.occurrence, death)) != (run.occurrence, death):
            self.violated("I16", f"two deaths of {run.occurrence} have letters with the same id, {identity}")
        letters = run.letters[death] + 1
        if self.log.one_letter and not run.had_failed_delivery and letters > 1:
            self.violated("I16", f"{letters} letters for {death} of {run.occurrence}")

    def letter_claimed(self, change: RunChange) -> None:
        invocation, run, after = change.invocation, change.run, change.after
        if change.before.get("holder") != after["holder"]:
            if run.letter_noted:
                self.violated(
                    "I16", f"{invocation.name} claims the letter of {run.occurrence}, which is already noted as sent"
                )
            sender = run.sender
            if sender is not None and self.log.world.now <= sender.expires:
                self.violated("I16", f"{invocation.name} and {sender.sandbox.name} both may send the letter")
        if "reported" in after and not run.letters[run.death]:
            self.violated("I16", f"the letter of {run.occurrence} is noted as sent, but was not sent")

    def claimed(self, change: RunChange) -> None:
        run = change.run
        if run.ended == "dead" and change.invocation.event.redrive != run.claims:
            name = change.invocation.name
            self.violated(
                "I17", f"{name} redrives attempt {run.claims} of {run.occurrence}, but no redrive of it was requested"
            )

    def acknowledged(self, event: Acknowledgement) -> None:
        run, name = event.run, event.invocation.name
        others = is_planned(run.occurrence) and not self.log.is_of_run(event.event)
        must_end = self.log.must_become_final(run, event.event) and not others
        if run.ended in FAILED and must_end and not (run.letters[run.death] or event.final or event.carried):
            self.violated("I16", f"{name} acknowledged {run.occurrence}, which is {run.ended} and has no letter")
        redrive = event.event.redrive
        if event.event.redrives_death and not event.redriven and not self._is_withdrawn(run, event.event):
            others = any(carrier is not event.event and carrier.redrive == redrive for carrier in run.carriers)
            if not (run.recorded or run.lost or others):
                self.violated("I17", f"the redrive of attempt {redrive} of {run.occurrence} was lost")

    def _is_withdrawn(self, run: RunRecord, redrive: QueuedEvent) -> bool:
        """Return whether a call has planned the missed key again, or an intruder has written its plan."""
        if run.ended != "missed" or not is_planned(run.occurrence):
            return False
        overtaken = redrive.body.get("revision") != run.death[1] or self.log.is_replanned(run)
        return overtaken or self.log.key(run.occurrence).tampered

    def at_rest(self, why: str, *, excused: Collection[str] = (), given_up: Iterable[str] = ()) -> None:
        for occurrence in self.log.unfinished():
            run = self.log.run(occurrence)
            if run.ended in FAILED and occurrence not in excused:
                self.violated("I24", f"{occurrence} is {run.ended}, and has no letter")
