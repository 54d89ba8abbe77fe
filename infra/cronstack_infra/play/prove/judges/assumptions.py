"""Assumptions: an invocation acts on values that match the stored ones (I6, I10)."""

from __future__ import annotations

from typing import Final

from cronstack.errors import LeaseLost, OutOfTime, Unavailable
from cronstack.steps import Call, Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row, RunChange
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord

GRACE: Final = 1_000
"""Milliseconds before the end of a lease from which on no handler may start. Of the guard's grace of five seconds, a
date that is two seconds old and a slow answer may use up four."""
MOST_PAST_REFUSALS: Final = 6
"""Most refusals of a schedule because its time is past, in one invocation. Each next request has a later time."""
PASSING: Final = (
    *("create-throttled", "role-delay", "past-at=refused", "past-at=ignored"),
    *("clock-skew=600", "hanging", "dynamodb-down"),
)
"""Switches whose refusals pass: the same request, sent again, may be carried out. With "past-at=ignored" it needs a new
name, because the schedule that keeps the old name does not fire."""
NOT_TO_LEDGER: Final = ("CreateSchedule", "GetSchedule", "SendMessage")
"""Requests to other services than the ledger. If the ledger does not answer, a carrier or a letter follows."""
NEAR_DEADLINE: Final = 0.1
"""Most seconds that an invocation computes as left when it knows that its deadline is near."""
LONGEST_TRY: Final = 45_000
"""Milliseconds for which an invocation may retry an unanswered request to the ledger before its handler."""
CONTEXT_ERROR: Final = 1_000
"""Milliseconds that may be missing from a handler's time, where the context returns 0 and only the timeout is known."""
RESENDING: Final = 3_100
"""Milliseconds before the deadline within which an invocation may stop resending a request."""


class Assumptions(Judge):
    """The judge of the claim behind a handler or a letter, and of whether an invocation recognises its own writes."""

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        run = attempt.run
        if (work.fence, work.attempt, work.limit) != (attempt.fence, attempt.number, run.limit):
            self.violated("I6", f"{invocation.name} has {work}, but {attempt.fence}, {attempt.number} is stored")
        if self.log.world.now >= attempt.expires - GRACE:
            self.violated("I6", f"{invocation.name} runs the handler shortly before the end of its lease")
        if run.open is not attempt or attempt.lost:
            self.violated("I6", f"{invocation.name} runs the handler without holding its lease")
        self._check_time(invocation, attempt)

    def _check_time(self, invocation: InvocationRecord, attempt: AttemptRecord) -> None:
        """Check that the lease outlives the invocation, and that the handler gets the right remaining time."""
        if invocation.given_up:
            return
        if self.log.mix.lease is None and (short := invocation.deadline - attempt.expires) > 0:
            self.violated(
                "I6",
                f"{invocation.name} runs the handler with a lease that ends {short} ms before Lambda's deadline",
            )
        missing = invocation.left() - invocation.estimated_left() * 1000
        if (
            not invocation.context_left
            and missing > CONTEXT_ERROR
            and not (invocation.frozen or self.log.mix.has("clock steps"))
        ):
            self.violated(
                "I6", f"{invocation.name} runs the handler with {missing:.0f} ms less than the time that is left"
            )

    def handler_begins_unclaimed(self, invocation: InvocationRecord) -> None:
        self.violated("I6", f"{invocation.name} runs the handler without a claim")

    def lease_renewed(self, invocation: InvocationRecord, lease_holder: AttemptRecord, expires: int) -> None:
        if expires < lease_holder.expires:
            self.violated("I6", f"{invocation.name} shortened its lease by {lease_holder.expires - expires} ms")

    def settled(self, change: RunChange, attempt: AttemptRecord) -> None:
        status = change.new
        handler_state = {"succeeded": "succeeded", "retrying": "failed"}.get(status)
        unfit = (
            handler_state is not None
            and attempt.handler_state != handler_state
            and not (status == "retrying" and attempt.handler_state is None)
        )
        if unfit and not (change.commits and status == "succeeded"):
            self.violated(
                "I6",
                f"{change.run.occurrence} was recorded as {status}, but its handler state is {attempt.handler_state}",
            )

    def request_sent(self, invocation: InvocationRecord, call: Call, attempt: AttemptRecord | None) -> None:
        if call.operation == "CreateSchedule" and invocation.previous_service == "ledger":
            self._check_ledger_wait(invocation, attempt)
        if call.operation == "SendMessage" and attempt is not None and attempt.settled == "dead":
            invocation.letters += 1
            if invocation.letters == 1 and self.log.world.now >= attempt.expires:
                self.violated("I6", f"{invocation.name} sends the letter after the end of its lease")

    def answer_changed(self, invocation: InvocationRecord, switch: str) -> None:
        invocation.past_time_refusals += switch == "past-at=refused"
        if invocation.past_time_refusals > MOST_PAST_REFUSALS:
            self.violated(
                "I10", f"{invocation.name} requests a schedule whose time is past more than {MOST_PAST_REFUSALS} times"
            )

    def hung(self, invocation: InvocationRecord) -> None:
        if invocation.estimated_left() < NEAR_DEADLINE:  # else no clock shows that the deadline is near
            self.violated("I10", f"{invocation.name} waits for an answer until its deadline")

    def killed(self, invocation: InvocationRecord) -> None:
        if invocation.last_operation not in NOT_TO_LEDGER:
            self._check_ledger_wait(invocation, self.log.attempt_of(invocation))

    def _check_ledger_wait(self, invocation: InvocationRecord, attempt: AttemptRecord | None) -> None:
        """Check that an invocation keeps time for a carrier while the ledger does not answer before its handler."""
        handler_has_started = attempt is not None and attempt.handler_state is not None
        if invocation.silent_since is None or handler_has_started or not self._knows_time_left(invocation):
            return
        if (silent := self.log.world.now - invocation.silent_since) > LONGEST_TRY:
            self.violated(
                "I10", f"{invocation.name} has sent requests to the ledger for {silent} ms, without an answer"
            )

    def _knows_time_left(self, invocation: InvocationRecord) -> bool:
        """Return whether the invocation's clocks and context show the time that is left."""
        if invocation.frozen or self.log.mix.has("clock steps"):
            return False
        ends_within_one_request = 0 < invocation.context_left < LONGEST_TRY  # after that end, only the timeout counts
        return not ends_within_one_request

    def ended(
        self, invocation: InvocationRecord, attempt: AttemptRecord | None, answer: Row, raised: BaseException | None
    ) -> None:
        left = int(min(invocation.left(), invocation.estimated_left() * 1000))
        lasts = (
            left > RESENDING and invocation.last_operation != "SendMessage"
        )  # a letter may be sent only until the end of its lease
        if isinstance(raised, Unavailable) and invocation.last_switch in PASSING and lasts:
            self.violated(
                "I10", f"{invocation.name} gives up with {left} ms left, though {invocation.last_switch} passes"
            )
        if isinstance(raised, OutOfTime) and not invocation.context_left and invocation.left() > invocation.timeout / 2:
            self.violated(
                "I10", f"{invocation.name} ends with {invocation.left()} ms left, because its context returns 0"
            )
        if attempt is None:
            if isinstance(raised, Unavailable) and invocation.outage and invocation.last_operation not in NOT_TO_LEDGER:
                self.violated(
                    "I10", f"{invocation.name} leaves the unanswered {invocation.last_operation} to Lambda's retry"
                )
            return
        holds = attempt.run.open is attempt and not attempt.lost
        carried = answer.get("reason") == "outage"
        unanswered = carried or (isinstance(raised, Unavailable) and left <= RESENDING)
        if holds and not invocation.excused and not unanswered:
            how = raised or answer
            self.violated("I10", f"{invocation.name} ended with {left} ms left, though it holds the lease: {how}")
        if attempt.settled == "succeeded" and (
            answer.get("cronstack") != "succeeded" if raised is None else isinstance(raised, LeaseLost)
        ):
            self.violated("I10", f"{invocation.name} did not recognise its own settlement: {raised or answer}")
