"""Attempts: they are counted right, and each begins at its time (I11)."""

from __future__ import annotations

from typing import Final

from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import RunChange
from cronstack_infra.play.prove.log.records import Attempt, Invoked, RunRecord

FIRST_REST: Final = 60_000
"""Milliseconds of back-off after the first failed attempt at least: doubled each time, up to the longest."""
LONGEST_REST: Final = 3_600_000
UNSURE: Final = 3_000
"""Milliseconds by which what a sandbox has learnt of the time may be ahead, besides the ways of a request."""
LONGEST: Final = 900
"""Seconds of a timeout at most."""
OLD: Final = 15 * 86_400_000
"""Milliseconds of age beyond which a further attempt may come too late to be judged: the run is dead early."""


class Attempts(Judge):
    """Judges the number of an attempt, its limit, and the back-off before it."""

    def claimed(self, change: RunChange) -> None:
        run, before, item = change.run, change.before, change.after
        number, limit = run.claims + 1, self.log.next_limit(run)
        early = before.get("after", 0) - self.log.world.now
        if before.get("status") == "retrying" and early > UNSURE + self._ways():
            self.violated("I11", f"attempt {number} of {run.occurrence} begins {early} ms before its time")
        if item["attempt"] != number:
            self.violated("I11", f"{run.occurrence} was claimed {number} times, its attempt is {item['attempt']}")
        if item["limit"] != limit:
            self.violated("I11", f"{run.occurrence} may have {limit} attempts, but {item['limit']} is stored")

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        run = attempt.run
        if attempt.number > run.limit:
            self.violated("I11", f"{invoked.name} runs attempt {attempt.number} of {run.limit}")
        excused = invoked.scheduler_failed or invoked.frozen
        if attempt.after_crash and not (excused or self._is_brought(run, invoked)):
            self.violated("I11", f"{invoked.name} runs attempt {attempt.number} after a crash; nothing brings the next")

    def _is_brought(self, run: RunRecord, invoked: Invoked) -> bool:
        return run.lost or run.recorded or any(event is not invoked.event for event in run.carriers)

    def _ways(self) -> int:
        """Milliseconds that a request and its answer take at most: so long may a clock be ahead of the last answer."""
        return 2 * self.log.mix.latency

    def settled(self, change: RunChange, attempt: Attempt) -> None:
        run, item = change.run, change.after
        early = change.new == "dead" and item.get("reason") == "RetriesExhausted" and attempt.number < run.limit
        if early and item["ended"] - change.invoked.event.due < OLD:
            self.violated("I11", f"{run.occurrence} has no attempts left after {attempt.number} of {run.limit}")
        if item["limit"] != run.limit:
            self._is_given_back(change, attempt)
            return
        self._is_worked(change, attempt)
        if change.new == "retrying":
            self._rests(change, attempt)

    def _is_worked(self, change: RunChange, attempt: Attempt) -> None:
        """The handler runs in each attempt that has the time for it, whatever lease a clock has stored."""
        invoked, mix = change.invoked, self.log.mix
        if attempt.how is not None or attempt.number > attempt.run.limit or invoked.excused or invoked.frozen:
            return
        if 0 < invoked.told < invoked.timeout * 0.9:
            return  # a context that says too little is believed, unless it says 0
        passed = self.log.world.now - invoked.began
        if passed < min(invoked.timeout, (mix.lease or LONGEST) * 1000) / 3 and not mix.has("clock steps"):
            self.violated("I11", f"{invoked.name} ends attempt {attempt.number} after {passed} ms, without its handler")

    def _is_given_back(self, change: RunChange, attempt: Attempt) -> None:
        """An attempt that does not count: claimed by a clock that is ahead, before the occurrence is due."""
        run, item, early = change.run, change.after, change.invoked.event.due - self.log.world.now
        if change.new != "retrying" or item["limit"] != run.limit + 1 or attempt.how is not None:
            self.violated("I11", f"{run.occurrence} has {item['limit']} attempts from now on, not {run.limit}")
        if early < -change.invoked.timeout and not change.invoked.given_up:
            self.violated("I11", f"{change.invoked.name} gives {run.occurrence} back as early, {-early} ms late")

    def _rests(self, change: RunChange, attempt: Attempt) -> None:
        run, item, asked_for = change.run, change.after, change.invoked.rests
        if attempt.number >= run.limit:
            self.violated("I11", f"{run.occurrence} wants a further attempt after {attempt.number} of {run.limit}")
        since_redrive = attempt.number - (run.limit - self.log.limit)
        least = min(LONGEST_REST, FIRST_REST * 2 ** (since_redrive - 1))
        if asked_for is not None or attempt.how is None:
            least = asked_for or 0
        if item["after"] - item["ended"] < least:
            rest = item["after"] - item["ended"]
            self.violated("I11", f"{run.occurrence} rests {rest} ms after attempt {attempt.number}, not {least}")
