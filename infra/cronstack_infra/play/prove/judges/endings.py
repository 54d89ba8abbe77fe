"""Endings: an occurrence ends once, and what has ended stays so (I1, I2, I5, I12)."""

from __future__ import annotations

from cronstack.ledger.rows import FINISHED
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import RunChange
from cronstack_infra.play.prove.log.records import Invoked, RunRecord


class Endings(Judge):
    """Judges what is final, what a success writes, and what never starts."""

    def run_changed(self, change: RunChange) -> None:
        run = change.run
        if run.ended in FINISHED and change.before != change.after:
            new = change.after.get("status")
            broken = {"succeeded": "I2" if new == "running" else "I1"}.get(run.ended, "I12")
            self.violated(broken, f"{run.occurrence} had {run.ended}, and became {new}")

    def claimed(self, change: RunChange) -> None:
        run, event, started = change.run, change.invoked.event, change.after["started"]
        if run.ended in ("skipped", "missed"):
            self.violated("I12", f"{run.occurrence} was {run.ended} and started")
        late = started - event.due > (self.log.start_deadline + self.log.mix.timeout) * 1000
        bounded = run.claims == 0 and not (event.by_operator or run.waived) and not self.log.mix.has("clock steps")
        if late and bounded:
            self.violated("I12", f"{run.occurrence} began {started - event.due} ms after it was due")

    def passed_over(self, change: RunChange) -> None:
        log, run, event, status = self.log, change.run, change.invoked.event, change.new
        if run.claims:
            self.violated("I12", f"{run.occurrence} has started and was {status}")
        by = change.after.get("by")
        if status == "skipped" and (log.is_alone(run) or by not in log.attempts):
            self.violated("I12", f"{run.occurrence} was skipped for {by}, which never held the lease")
        late = log.world.now + 1000 - event.due > log.start_deadline * 1000
        waived = event.by_operator or run.waived
        if status == "missed" and (waived or not (late or not log.clocks_agree)):
            self.violated("I12", f"{run.occurrence} was missed {log.world.now - event.due} ms after its time")

    def effect_written(self, invoked: Invoked, run: RunRecord) -> None:
        run.effects += 1
        if run.ended != "succeeded" or run.effects != 1 or invoked.event.occurrence != run.occurrence:
            self.violated("I5", f"{run.occurrence} is {run.ended}, and its effect was written {run.effects} times")
