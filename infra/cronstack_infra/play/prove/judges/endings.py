"""Endings: an occurrence ends once, and what has ended stays so (I1, I2, I5, I12)."""

from __future__ import annotations

from typing import Final

from cronstack.ledger.rows import FINISHED
from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import RunChange
from cronstack_infra.play.prove.log.records import Attempt, Invoked, RunRecord

UNSURE: Final = 1_000
"""Milliseconds by which the date of an answer may be ahead."""


class Endings(Judge):
    """Judges what is final, what a success writes, and what never starts."""

    def run_changed(self, change: RunChange) -> None:
        run = change.run
        if run.ended in FINISHED and change.before != change.after:
            new = change.after.get("status")
            broken = "I12" if run.ended == "skipped" else "I2" if new == "running" else "I1"
            self.violated(broken, f"{run.occurrence} had {run.ended}, and became {new}")

    def claimed(self, change: RunChange) -> None:
        run, event = change.run, change.invoked.event
        if run.ended == "skipped" or (run.ended == "missed" and not change.creates and event.redrive != 0):
            self.violated("I12", f"{run.occurrence} was {run.ended} and started")

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        """Only a clock that is behind lets an occurrence start late: its first request goes out by that clock."""
        run, log, late = attempt.run, self.log, self.log.world.now - invoked.event.due
        bounded = attempt.number == 1 and not (invoked.event.by_operator or run.waived or invoked.given_up)
        if bounded and late > (log.start_deadline + log.mix.timeout) * 1000 + invoked.behind:
            self.violated("I12", f"{run.occurrence} began {late} ms after it was due")

    def passed_over(self, change: RunChange) -> None:
        log, run, event, status = self.log, change.run, change.invoked.event, change.new
        if run.claims:
            self.violated("I12", f"{run.occurrence} has started and was {status}")
        by = change.after.get("by")
        if status == "skipped" and (log.is_alone(run) or by not in log.attempts):
            self.violated("I12", f"{run.occurrence} was skipped for {by}, which never held the lease")
        late = log.world.now + UNSURE - event.due > log.start_deadline * 1000
        waived = event.by_operator or run.waived
        if status == "missed" and (waived or not late):
            self.violated("I12", f"{run.occurrence} was missed {log.world.now - event.due} ms after its time")

    def effect_written(self, invoked: Invoked, run: RunRecord) -> None:
        run.effects += 1
        if run.ended != "succeeded" or run.effects != 1 or invoked.event.occurrence != run.occurrence:
            self.violated("I5", f"{run.occurrence} is {run.ended}, and its effect was written {run.effects} times")
