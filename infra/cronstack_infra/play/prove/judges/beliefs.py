"""Beliefs: what an invocation takes for true is what is stored (I6, I10)."""

from __future__ import annotations

from typing import Final

from cronstack.errors import LeaseLost, OutOfTime, Unavailable
from cronstack.steps import Call, Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row, RunChange
from cronstack_infra.play.prove.log.records import Attempt, Invoked

GRACE: Final = 1_000
"""Milliseconds before the end of its lease from which on no handler may begin. Of the guard's grace of five seconds,
four may have gone to a date that is two seconds old and to a slow answer."""
MOST_PAST: Final = 6
"""Times that an invocation may be refused a schedule because its time is past: each time it asks for a later one."""
PASSING: Final = (
    *("create-throttled", "role-delay", "past-at=refused", "past-at=ignored"),
    *("clock-skew=600", "hanging", "dynamodb-down"),
)
"""Switches whose refusals pass: the same request, sent again, may be carried out. Of "past-at=ignored": under a new
name, since the schedule that keeps the old one does not fire."""
CARRYING: Final = ("CreateSchedule", "GetSchedule", "SendMessage")
"""Requests to others than the ledger. What the ledger does not answer is carried, or was refused with a letter."""
SURE: Final = 0.1
"""Seconds that an invocation takes to be left at most, where it knows that its deadline is near."""
LONGEST_TRY: Final = 45_000
"""Milliseconds for which an invocation may ask the ledger in vain before its handler."""
TOLD: Final = 1_000
"""Milliseconds that a handler may be told too few, where the context says 0 and only the timeout is known."""
RESENDING: Final = 3_100
"""Milliseconds before its end within which an invocation may stop resending a request."""


class Beliefs(Judge):
    """Judges on which claim a handler or a letter relies, and whether an invocation recognises its own writes."""

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        run = attempt.run
        if (work.fence, work.attempt, work.limit) != (attempt.fence, attempt.number, run.limit):
            self.violated("I6", f"{invoked.name} believes {work}, stored is {attempt.fence}, {attempt.number}")
        if self.log.world.now >= attempt.expires - GRACE:
            self.violated("I6", f"{invoked.name} runs the handler when its lease is nearly past")
        if run.open is not attempt or attempt.lost:
            self.violated("I6", f"{invoked.name} runs the handler though its lease is gone")
        self._has_time(invoked, attempt)

    def _has_time(self, invoked: Invoked, attempt: Attempt) -> None:
        """The lease outlives the handler, which Lambda ends; and the handler is told how much time it has."""
        if invoked.given_up:
            return
        if self.log.mix.lease is None and (short := invoked.deadline - attempt.expires) > 0:
            self.violated(
                "I6", f"{invoked.name} runs the handler by a lease that ends {short} ms before Lambda ends it"
            )
        missing = invoked.left() - invoked.believed_left() * 1000
        if not invoked.told and missing > TOLD and not (invoked.frozen or self.log.mix.has("clock steps")):
            self.violated("I6", f"{invoked.name} runs the handler with {missing:.0f} ms less than there are")

    def handler_begins_unclaimed(self, invoked: Invoked) -> None:
        self.violated("I6", f"{invoked.name} runs the handler without a claim")

    def lease_renewed(self, invoked: Invoked, held: Attempt, expires: int) -> None:
        if expires < held.expires:
            self.violated("I6", f"{invoked.name} shortened its lease by {held.expires - expires} ms")

    def settled(self, change: RunChange, attempt: Attempt) -> None:
        status = change.new
        worked = {"succeeded": "succeeded", "retrying": "failed"}.get(status)
        unfit = worked is not None and attempt.how != worked and not (status == "retrying" and attempt.how is None)
        if unfit and not (change.commits and status == "succeeded"):
            self.violated("I6", f"{change.run.occurrence} was recorded as {status}, but its handler {attempt.how}")

    def request_leaves(self, invoked: Invoked, call: Call, attempt: Attempt | None) -> None:
        if call.operation == "CreateSchedule" and invoked.before == "ledger":
            self._is_patient(invoked, attempt)
        if call.operation == "SendMessage" and attempt is not None and attempt.settled == "dead":
            invoked.letters += 1
            if invoked.letters == 1 and self.log.world.now >= attempt.expires:
                self.violated("I6", f"{invoked.name} sends the letter when its lease is past")

    def answer_changed(self, invoked: Invoked, switch: str) -> None:
        invoked.past_times += switch == "past-at=refused"
        if invoked.past_times > MOST_PAST:
            self.violated("I10", f"{invoked.name} asks again and again for a schedule whose time is past")

    def hung(self, invoked: Invoked) -> None:
        if invoked.believed_left() < SURE:  # else no clock has told that the deadline is near
            self.violated("I10", f"{invoked.name} waits for an answer until its deadline")

    def killed(self, invoked: Invoked) -> None:
        if invoked.asked not in CARRYING:
            self._is_patient(invoked, self.log.attempt_of(invoked))

    def _is_patient(self, invoked: Invoked, attempt: Attempt | None) -> None:
        """Before its handler, an invocation keeps time for a carrier while the ledger does not answer."""
        handler_has_begun = attempt is not None and attempt.how is not None
        if invoked.silent_since is None or handler_has_begun or not self._sees_time_left(invoked):
            return
        if (silent := self.log.world.now - invoked.silent_since) > LONGEST_TRY:
            self.violated("I10", f"{invoked.name} has asked the ledger for {silent} ms, and it does not answer")

    def _sees_time_left(self, invoked: Invoked) -> bool:
        """Return whether its clocks and its context show the time that is left."""
        if invoked.frozen or self.log.mix.has("clock steps"):
            return False
        ends_within_one_request = 0 < invoked.told < LONGEST_TRY  # after that end, only the timeout counts
        return not ends_within_one_request

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        left = int(min(invoked.left(), invoked.believed_left() * 1000))
        lasts = left > RESENDING and invoked.asked != "SendMessage"  # the letter has the time of its lease only
        if isinstance(raised, Unavailable) and invoked.passing in PASSING and lasts:
            self.violated("I10", f"{invoked.name} gives up with {left} ms left, though {invoked.passing} passes")
        if isinstance(raised, OutOfTime) and not invoked.told and invoked.left() > invoked.timeout / 2:
            self.violated("I10", f"{invoked.name} ends with {invoked.left()} ms left, because its context says 0")
        if attempt is None:
            if isinstance(raised, Unavailable) and invoked.outage and invoked.asked not in CARRYING:
                self.violated("I10", f"{invoked.name} leaves it to Lambda that {invoked.asked} was not answered")
            return
        holds = attempt.run.open is attempt and not attempt.lost
        carried = answer.get("reason") == "outage"
        unanswered = carried or (isinstance(raised, Unavailable) and left <= RESENDING)
        if holds and not invoked.excused and not unanswered:
            how = raised or answer
            self.violated("I10", f"{invoked.name} ended with {left} ms left, though it holds the lease: {how}")
        if attempt.settled == "succeeded" and (
            answer.get("cronstack") != "succeeded" if raised is None else isinstance(raised, LeaseLost)
        ):
            self.violated("I10", f"{invoked.name} did not recognise its own settlement: {raised or answer}")
