"""The observer: a log of what was really committed and done, and the invariants judged on it (see the package)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cronstack.errors import LeaseLost, Unavailable
from cronstack.occurrence import is_planned
from cronstack.seam import Work
from cronstack_infra.play.prove.commits import Commits
from cronstack_infra.play.prove.costs import excess
from cronstack_infra.play.prove.records import Attempt, Invoked
from cronstack_infra.play.prove.world import NOON, Violation

if TYPE_CHECKING:
    from cronstack_infra.play.prove.deliveries import Asked

GRACE: Final = 5_000
SOON: Final = 8_000
"""Milliseconds before its time within which a carrier may stand beside the next one: the guard makes none that is due
within 5 s, and two clocks differ by the margin."""
FIRST_LOOK: Final = NOON // 60_000
"""The looks of what waits in the slot are numbered by epoch minutes; other carriers are counted from 0."""
TELLING: Final = 3_100
"""Milliseconds before its end within which a sandbox may give up resending."""


class Observer(Commits):
    """What handlers did, and how deliveries ended; what was committed is judged by ``Commits``."""

    # -- handlers ------------------------------------------------------------------------------------------------------
    def handler_begins(self, invoked: Invoked, work: Work) -> None:
        self.handlers += 1
        attempt = self.attempt_of(invoked)
        if attempt is None:
            self.violated("I6", f"{invoked.name} runs the handler without a claim")
            return
        run = attempt.run
        if (work.fence, work.attempt, work.limit) != (attempt.fence, attempt.number, run.limit):
            self.violated("I6", f"{invoked.name} believes {work}, stored is {attempt.fence}, {attempt.number}")
        if invoked.clock() >= attempt.expires - GRACE:
            self.violated("I6", f"{invoked.name} runs the handler when its lease is nearly past")
        if self.clocks_agree and (run.open is not attempt or attempt.lost):
            self.violated("I6", f"{invoked.name} runs the handler though its lease is gone")
        if attempt.number > run.limit:
            self.violated("I11", f"{invoked.name} runs attempt {attempt.number} of {run.limit}")
        if work.resume not in attempt.kept:
            self.violated("I4", f"{invoked.name} resumes {work.resume!r}; kept was {sorted(attempt.kept)}")
        if self.clocks_agree and self.deadlines_hold:
            self._alone_with_it(attempt)
        for earlier in run.attempts:
            if earlier.how == "succeeded" and not self._is_excused(earlier):
                self.violated("I15", f"{run.occurrence} is worked again, though nothing happened to the first time")
        if work.resume:
            self.world.count("handler", "resumed")
        if is_planned(run.occurrence):
            self.plan_works(invoked, run)
        attempt.how = "works"
        run.attempts.append(attempt)
        self.job.working.append(attempt)

    def _alone_with_it(self, attempt: Attempt) -> None:
        for other in self.job.working:
            # A handler that should have renewed its lease in time, and did not, has left the promise.
            outlived = self.mix.lease is not None and other.sandbox.clock() > other.expires
            outlived = outlived or (other.sandbox.given_up and not other.sandbox.overruns)  # frozen in a request
            apart = self.touched or self.is_alone(attempt.run) or self.is_alone(other.run)
            if (other.run is attempt.run or not apart) and not outlived:
                raise Violation("I7", f"{attempt.sandbox.name} and {other.sandbox.name} run handlers at once")

    def handler_ends(self, invoked: Invoked, *, failed: bool) -> None:
        attempt = self.attempt_of(invoked)
        if attempt is not None and attempt in self.job.working:
            attempt.how = "failed" if failed else "succeeded"
            self.job.working.remove(attempt)

    def _is_excused(self, attempt: Attempt) -> bool:
        of = attempt.sandbox
        return of.killed or of.given_up or of.gave_up or of.clock() > attempt.expires or not self.clocks_agree

    def killed(self, invoked: Invoked) -> None:
        invoked.killed = self.run(invoked.asked.occurrence).hampered = True
        attempt = self.attempt_of(invoked)
        if attempt is not None and attempt in self.job.working:
            attempt.how = "crashed"
            self.job.working.remove(attempt)

    # -- carriers ------------------------------------------------------------------------------------------------------
    def made(self, asked: Asked) -> None:
        """A carrier was made. An occurrence in the slot has one at a time, by whichever deliveries it is asked for."""
        run = self.run(asked.occurrence)
        run.carriers.add(asked)
        # One that a delivery had asked for before its occurrence was buffered is that delivery's own, however late.
        asked.to_slot = self.waits(run) and asked.event["carrier"] >= FIRST_LOOK
        if not asked.to_slot or not self.clocks_agree or self.mix.has("clock steps"):
            return
        soon, kind = self.world.now + SOON, (asked.by_operator, asked.redrive)
        pending = [
            one for one in run.carriers if one.to_slot and one.at > soon and (one.by_operator, one.redrive) == kind
        ]
        if len(pending) > 1:
            self.violated("I22", f"{len(pending)} carriers at once wait to bring {run.occurrence} out of the slot")

    # -- deliveries ----------------------------------------------------------------------------------------------------
    def discharged(self, asked: Asked) -> None:
        """Lambda takes it for done."""
        self.run(asked.occurrence).carriers.discard(asked)

    def recorded(self, asked: Asked) -> None:
        """Lambda has given it up."""
        run = self.run(asked.occurrence)
        run.carriers.discard(asked)
        run.recorded = run.recorded or asked.carrier

    def ended(self, invoked: Invoked, answer: Mapping[str, Any], raised: BaseException | None) -> None:
        """It has returned or raised; whether that was right is told by what was committed."""
        invoked.gave_up = isinstance(raised, Unavailable)
        self.run(invoked.asked.occurrence).hampered |= raised is not None
        attempt = self.attempt_of(invoked)
        if attempt is not None:
            self._recognised(invoked, attempt, answer, raised)
        if raised is None and self.costs_count and (attempt is None or attempt.settled is not None):
            wrong = excess(str(answer.get("cronstack")), invoked.spent, alone=not invoked.met)
            if wrong:
                self.violated("I14", f"{invoked.name}: {wrong}")
        if raised is None and answer.get("reason") == "slot":
            self.makes_way(invoked.asked.occurrence)
        if raised is None and not invoked.given_up:  # else Lambda listens no more, and has delivered again
            self._acknowledged(invoked, invoked.asked)

    def _recognised(
        self, invoked: Invoked, attempt: Attempt, answer: Mapping[str, Any], raised: BaseException | None
    ) -> None:
        holds = attempt.run.open is attempt and not attempt.lost
        if holds and not invoked.excused:
            left = invoked.get_remaining_time_in_millis()
            if not isinstance(raised, Unavailable) or left > TELLING:
                how = raised or answer
                self.violated("I10", f"{invoked.name} ended with {left} ms left, though it holds the lease: {how}")
        if attempt.settled == "succeeded" and (
            answer.get("cronstack") != "succeeded" if raised is None else isinstance(raised, LeaseLost)
        ):
            self.violated("I10", f"{invoked.name} did not recognise its own settlement: {raised or answer}")

    def _acknowledged(self, invoked: Invoked, asked: Asked) -> None:
        if asked.refused:
            return
        run, own = self.run(asked.occurrence), self.attempt_of(invoked)
        if own is not None and own.settled == "dead" and run.letters[own.number]:
            return  # it died here and was told; what a redrive has made of it since is the redrive's
        # Final when its last request was carried out: what a redrive has made of it since is the redrive's, too.
        told = invoked.saw_end or self.is_told(run)
        carried = run.recorded or any(one is not asked for one in run.carriers)
        worked_on = asked.redrive is not None and run.claims > asked.redrive
        if not (told or carried or worked_on) and self.is_owed(run, asked.event.get("revision")):
            self.violated("I8", f"{invoked.name} acknowledged {run.occurrence}, which is {run.ended}")
        if run.ended == "dead" and not (run.letters[run.claims] or told or carried):
            self.violated("I16", f"{invoked.name} acknowledged {run.occurrence}, whose death nobody has told")
        if asked.acts and not worked_on:
            again = run.recorded or any(one is not asked and one.redrive == asked.redrive for one in run.carriers)
            if not again:
                self.violated("I17", f"the redrive of attempt {asked.redrive} of {run.occurrence} was lost")

    # -- the end -------------------------------------------------------------------------------------------------------
    def unfinished(self) -> list[str]:
        """Occurrences that somebody asked for and that are not final."""
        return [
            run.occurrence
            for run in self.runs.values()
            if (is_planned(run.occurrence) or not all(asked.refused for asked in run.asked))
            and not any(asked.refused == "TooOld" for asked in run.asked)  # no redrive can help, and it is told
            and not self.is_told(run)
            and self.is_owed(run)
        ]
