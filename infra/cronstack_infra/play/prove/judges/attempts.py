"""Attempts: their count is right, and none starts before its time (I11)."""

from __future__ import annotations

from typing import Final

from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import RunChange
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord, RunRecord

FIRST_BACKOFF: Final = 60_000
"""Shortest back-off after the first failed attempt, in milliseconds: doubled each time, up to the longest."""
LONGEST_BACKOFF: Final = 3_600_000
CLOCK_ERROR: Final = 3_000
"""Milliseconds by which a sandbox's corrected time may be ahead, without the latency of a request."""
LONGEST_TIMEOUT: Final = 900
"""Longest timeout, in seconds."""
OLD: Final = 15 * 86_400_000
"""Age in milliseconds from which the next attempt may be too old to run: the run may be dead early."""


class Attempts(Judge):
    """The judge of an attempt's number, its limit, and the back-off before it."""

    def claimed(self, change: RunChange) -> None:
        run, before, item = change.run, change.before, change.after
        number, limit = run.claims + 1, self.log.next_limit(run)
        early = before.get("after", 0) - self.log.world.now
        if before.get("status") == "retrying" and early > CLOCK_ERROR + self._longest_round_trip():
            self.violated("I11", f"attempt {number} of {run.occurrence} starts {early} ms before its time")
        if item["attempt"] != number:
            self.violated("I11", f"{run.occurrence} was claimed {number} times, its attempt is {item['attempt']}")
        if item["limit"] != limit:
            self.violated("I11", f"{run.occurrence} may have {limit} attempts, but {item['limit']} is stored")

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        run = attempt.run
        if attempt.number > run.limit:
            self.violated("I11", f"{invocation.name} runs attempt {attempt.number} of {run.limit}")
        excused = invocation.scheduler_failed or invocation.frozen
        if attempt.after_crash and not (excused or self._is_delivered_again(run, invocation)):
            self.violated(
                "I11", f"{invocation.name} runs attempt {attempt.number} after a crash; nothing brings the next"
            )

    def _is_delivered_again(self, run: RunRecord, invocation: InvocationRecord) -> bool:
        return run.lost or run.recorded or any(event is not invocation.event for event in run.carriers)

    def _longest_round_trip(self) -> int:
        """Return the longest round trip in milliseconds. A clock may be ahead of the last answer by that."""
        return 2 * self.log.mix.latency

    def settled(self, change: RunChange, attempt: AttemptRecord) -> None:
        run, item = change.run, change.after
        early = change.new == "dead" and item.get("reason") == "RetriesExhausted" and attempt.number < run.limit
        if early and item["ended"] - change.invocation.event.due < OLD:
            self.violated("I11", f"{run.occurrence} has no attempts left after {attempt.number} of {run.limit}")
        if item["limit"] != run.limit:
            self._check_given_back(change, attempt)
            return
        self._check_handler_ran(change, attempt)
        if change.new == "retrying":
            self._check_backoff(change, attempt)

    def _check_handler_ran(self, change: RunChange, attempt: AttemptRecord) -> None:
        """Check that the handler runs in each attempt that has the time for it, whatever lease a clock has stored."""
        invocation, mix = change.invocation, self.log.mix
        if (
            attempt.handler_state is not None
            or attempt.number > attempt.run.limit
            or invocation.excused
            or invocation.frozen
        ):
            return
        if 0 < invocation.context_left < invocation.timeout * 0.9:
            return  # the runtime uses a context that returns too little, unless it returns 0
        passed = self.log.world.now - invocation.began
        if passed < min(invocation.timeout, (mix.lease or LONGEST_TIMEOUT) * 1000) / 3 and not mix.has("clock steps"):
            self.violated(
                "I11", f"{invocation.name} ends attempt {attempt.number} after {passed} ms, without its handler"
            )

    def _check_given_back(self, change: RunChange, attempt: AttemptRecord) -> None:
        """Check an attempt that does not count: a clock that is ahead has claimed it before the occurrence is due."""
        run, item, early = change.run, change.after, change.invocation.event.due - self.log.world.now
        if change.new != "retrying" or item["limit"] != run.limit + 1 or attempt.handler_state is not None:
            self.violated("I11", f"{run.occurrence} now has {item['limit']} attempts, not {run.limit}")
        if early < -change.invocation.timeout and not change.invocation.given_up:
            self.violated("I11", f"{change.invocation.name} gives {run.occurrence} back as early, {-early} ms late")

    def _check_backoff(self, change: RunChange, attempt: AttemptRecord) -> None:
        run, item, asked_for = change.run, change.after, change.invocation.retry_after
        if attempt.number >= run.limit:
            self.violated("I11", f"{run.occurrence} plans a further attempt after {attempt.number} of {run.limit}")
        since_redrive = attempt.number - (run.limit - self.log.limit)
        least = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (since_redrive - 1))
        if asked_for is not None or attempt.handler_state is None:
            least = asked_for or 0
        if item["after"] - item["ended"] < least:
            rest = item["after"] - item["ended"]
            self.violated("I11", f"{run.occurrence} waits {rest} ms after attempt {attempt.number}, not {least}")
