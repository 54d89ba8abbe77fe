"""Handlers: they never overlap, none runs again without a cause (I7, I15), and none starts before it is due (I23)."""

from __future__ import annotations

from typing import Final

from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row, RunChange
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord

MARGIN: Final = 2_000
"""Milliseconds by which two clocks of AWS may differ, as the guard assumes."""
DATE_ERROR: Final = 1_000
"""Most milliseconds by which the date of an answer is ahead."""


class Handlers(Judge):
    """The judge of each handler against those that run now, and those that have run for its occurrence."""

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        log, run = self.log, attempt.run
        if log.deadlines_hold:
            self._check_overlap(attempt)
        for earlier in run.attempts:
            if earlier.handler_state == "succeeded" and not self._is_excused(earlier):
                self.violated("I15", f"{run.occurrence} runs again, though its first attempt had no fault")

    def _check_overlap(self, attempt: AttemptRecord) -> None:
        log, run = self.log, attempt.run
        for other in log.job.working:
            # The guarantee does not cover a handler that failed to renew its lease in time.
            outlived = log.mix.lease is not None and log.world.now > other.expires
            outlived = outlived or (other.sandbox.given_up and not other.sandbox.overruns)  # frozen in a request
            apart = log.lease_was_deleted or log.needs_no_lease(run) or log.needs_no_lease(other.run)
            if (other.run is run or not apart) and not outlived:
                self.violated("I7", f"{attempt.sandbox.name} and {other.sandbox.name} run handlers at the same time")

    def _is_excused(self, attempt: AttemptRecord) -> bool:
        of = attempt.sandbox
        return of.killed or of.given_up or of.gave_up or self.log.world.now > attempt.expires


class Times(Judge):
    """The judge of due times. It uses the true time, whatever the clock of the sandbox shows."""

    def ended(
        self, invocation: InvocationRecord, attempt: AttemptRecord | None, answer: Row, raised: BaseException | None
    ) -> None:
        if invocation.event.by_operator and raised is None and answer.get("reason") == "early":
            self.violated("I23", f"{invocation.name} defers an operator's event until it is due")

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        self._check_due(invocation, "runs the handler")

    def skipped_or_missed(self, change: RunChange) -> None:
        self._check_due(change.invocation, f"records as {change.new}")

    def buffered(self, change: RunChange) -> None:
        self._check_due(change.invocation, "buffers")

    def _check_due(self, invocation: InvocationRecord, action: str) -> None:
        event, early = invocation.event, invocation.event.due - self.log.world.now
        if early > MARGIN + DATE_ERROR and not event.by_operator:
            self.violated("I23", f"{invocation.name} {action} {early} ms before {event.occurrence} is due")
