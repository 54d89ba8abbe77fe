"""Handlers: they never overlap, none runs again without a cause (I7, I15), and none begins before it is due (I23)."""

from __future__ import annotations

from typing import Final

from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row, RunChange
from cronstack_infra.play.prove.log.records import Attempt, Invoked

MARGIN: Final = 2_000
"""Milliseconds that two clocks of AWS may differ, as the guard takes it."""
UNSURE: Final = 1_000
"""Milliseconds by which the date of an answer is ahead at most."""


class Handlers(Judge):
    """Judges each handler against those that run now, and those that have run for its occurrence."""

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        log, run = self.log, attempt.run
        if log.deadlines_hold:
            self._overlaps(attempt)
        for earlier in run.attempts:
            if earlier.how == "succeeded" and not self._is_excused(earlier):
                self.violated("I15", f"{run.occurrence} is worked again, though nothing happened to the first time")

    def _overlaps(self, attempt: Attempt) -> None:
        log, run = self.log, attempt.run
        for other in log.job.working:
            # The guarantee does not cover a handler that failed to renew its lease in time.
            outlived = log.mix.lease is not None and log.world.now > other.expires
            outlived = outlived or (other.sandbox.given_up and not other.sandbox.overruns)  # frozen in a request
            apart = log.touched or log.is_alone(run) or log.is_alone(other.run)
            if (other.run is run or not apart) and not outlived:
                self.violated("I7", f"{attempt.sandbox.name} and {other.sandbox.name} run handlers at once")

    def _is_excused(self, attempt: Attempt) -> bool:
        of = attempt.sandbox
        return of.killed or of.given_up or of.gave_up or self.log.world.now > attempt.expires


class Times(Judge):
    """Judges by the true time, whatever the clock of the sandbox says."""

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        if invoked.event.by_operator and raised is None and answer.get("reason") == "early":
            self.violated("I23", f"{invoked.name} lets an operator's event wait until it is due")

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        self._is_due(invoked, "runs the handler")

    def passed_over(self, change: RunChange) -> None:
        self._is_due(change.invoked, f"records as {change.new}")

    def buffered(self, change: RunChange) -> None:
        self._is_due(change.invoked, "buffers")

    def _is_due(self, invoked: Invoked, does: str) -> None:
        event, early = invoked.event, invoked.event.due - self.log.world.now
        if early > MARGIN + UNSURE and not event.by_operator:
            self.violated("I23", f"{invoked.name} {does} {early} ms before {event.occurrence} is due")
