"""Pauses: while the job is paused no attempt begins, and only then is an occurrence passed over (I27)."""

from __future__ import annotations

from cronstack.ledger.rows import PAUSED
from cronstack.steps import Call
from cronstack_infra.play.prove.judges.costs import is_read_of_pause
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import PlanStart, RunChange
from cronstack_infra.play.prove.log.plans import STARTED
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord


class Pauses(Judge):
    """The judge of what a pause stops, and of what is skipped because of it."""

    def request_done(
        self, invocation: InvocationRecord, call: Call, attempt: AttemptRecord | None, *, refused: bool
    ) -> None:
        if is_read_of_pause(call):
            # A lost read may be carried out late, after the answer to its repetition.
            invocation.knows_not_paused |= not self.log.job.paused

    def claimed(self, change: RunChange) -> None:
        """Check a claim. Without a lease, only the read before it must have come before the pause."""
        log, invocation, run = self.log, change.invocation, change.run
        if not log.job.paused or "while_paused" in invocation.event.body:
            return
        if not (log.needs_no_lease(run) and invocation.knows_not_paused):
            self.violated("I27", f"{invocation.name} starts attempt {run.claims + 1} of {run.occurrence}, paused")

    def skipped_or_missed(self, change: RunChange) -> None:
        if change.new == "skipped" and change.after.get("reason") == PAUSED:
            self._check_was_paused(change.invocation, change.run.occurrence)

    def plan_started(self, change: PlanStart) -> None:
        invocation, event = change.invocation, change.invocation.event
        if change.after["status"] == "skipped":
            self._check_was_paused(invocation, change.run.occurrence)
        elif (
            change.after["status"] == STARTED
            and self.log.job.paused
            and not (event.by_operator or invocation.knows_not_paused)
        ):
            self.violated("I27", f"{invocation.name} starts the plan of {change.run.occurrence}, paused")

    def _check_was_paused(self, invocation: InvocationRecord, occurrence: str) -> None:
        job = self.log.job
        if "while_paused" in invocation.event.body:
            self.violated("I27", f"{invocation.name} passes {occurrence} over, which was requested while paused")
        if not job.paused and job.resumed_at < invocation.began:
            self.violated("I27", f"{invocation.name} passes {occurrence} over, and the job was not paused")
