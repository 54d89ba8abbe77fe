"""Endings: an occurrence ends once, and its end never changes (I1, I2, I5, I12)."""

from __future__ import annotations

from typing import Final

from cronstack.ledger.rows import FINISHED, PAUSED
from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import RunChange
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord, RunRecord

DATE_ERROR: Final = 1_000
"""Milliseconds by which the date of an answer may be ahead."""


class Endings(Judge):
    """The judge of final statuses, of what a success writes, and of what never starts."""

    def run_changed(self, change: RunChange) -> None:
        run = change.run
        if run.ended in FINISHED and change.before != change.after:
            new = change.after.get("status")
            broken = "I12" if run.ended == "skipped" else "I2" if new == "running" else "I1"
            self.violated(broken, f"{run.occurrence} was {run.ended}, and became {new}")

    def claimed(self, change: RunChange) -> None:
        run, event = change.run, change.invocation.event
        if run.ended == "skipped" or (run.ended == "missed" and not change.creates and event.redrive != 0):
            self.violated("I12", f"{run.occurrence} was {run.ended} and started")

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        """Check that an occurrence starts late only if a clock is behind: its first request uses that clock."""
        run, log, late = attempt.run, self.log, self.log.world.now - invocation.event.due
        bounded = attempt.number == 1 and not (
            invocation.event.by_operator or run.no_start_deadline or invocation.given_up
        )
        if bounded and late > (log.start_deadline + log.mix.timeout) * 1000 + invocation.behind:
            self.violated("I12", f"{run.occurrence} started {late} ms after it was due")

    def skipped_or_missed(self, change: RunChange) -> None:
        log, run, event, status = self.log, change.run, change.invocation.event, change.new
        if run.claims:
            self.violated("I12", f"{run.occurrence} has started and was {status}")
        by, paused = change.after.get("by"), change.after.get("reason") == PAUSED
        if status == "skipped" and not paused and (log.needs_no_lease(run) or by not in log.attempts):
            self.violated("I12", f"{run.occurrence} was skipped for {by}, which never held the lease")
        late = log.world.now + DATE_ERROR - event.due > log.start_deadline * 1000
        no_start_deadline = event.by_operator or run.no_start_deadline
        if status == "missed" and (no_start_deadline or not late):
            self.violated("I12", f"{run.occurrence} was missed {log.world.now - event.due} ms after its time")

    def effect_written(self, invocation: InvocationRecord, run: RunRecord) -> None:
        run.effects += 1
        if run.ended != "succeeded" or run.effects != 1 or invocation.event.occurrence != run.occurrence:
            self.violated("I5", f"{run.occurrence} is {run.ended}, and its effect was written {run.effects} times")
