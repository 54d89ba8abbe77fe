"""One delivery of one event: its terms, the items it has seen, and how it reads items and waits. Pure.

``letters``, ``claim`` and ``protocol`` are the parts of the protocol. Their functions take a ``Delivery``. A method
that sends requests returns steps (see ``steps``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from cronstack.defaults import DEFAULTS, Defaults, Overlap
from cronstack.entropy import ulid
from cronstack.errors import OutOfTime, Unavailable
from cronstack.guard import carrier
from cronstack.guard.decision import Claimant, Decision, Seen
from cronstack.ledger import items, run_requests
from cronstack.ledger.rows import FINAL, LeaseItem, RunItem
from cronstack.occurrence import Occurrence, is_planned
from cronstack.steps import Call, Done, Host, Sleep, Steps, send

ROUNDS: Final = 6
"""Most refused claims, skips and takeovers of a delivery before it makes a carrier."""
FIRST_PAUSE: Final = 0.25
"""Seconds before the first check of a row that is waited for. Further pauses grow."""
LONGEST_PAUSE: Final = 5.0
TIME_TO_RAISE: Final = 0.2
"""Seconds before the deadline at which a request gives up: time to raise and to log."""
TIME_TO_CARRY: Final = 5.0
"""Seconds kept before the handler: time to make a carrier if the ledger does not answer."""
LONGEST_TRY: Final = 20.0
"""Most seconds for which a request before the handler is repeated."""


def ignore_decision(decision: Decision) -> None:
    """Do nothing: the default of ``Terms.on_decision``."""


class Terms(NamedTuple):
    """The occurrence and the terms of its delivery. All policy comes from the deployed code."""

    occurrence: Occurrence
    overlap: Overlap
    limit: int
    """Most attempts, including the first."""
    start_deadline: int
    table: str
    dead_letters: str
    letter: Callable[[str, int, str], str]
    """Returns a dead letter's body, given a condition, an attempt and an error (see ``letters``)."""
    way: carrier.Way
    """The names with which a carrier invokes this function."""
    event: Mapping[str, Any]
    """The event as it was delivered. A carrier sends it again."""
    lease: int | None = None
    """Seconds of the lease, which the handler renews. Defaults to the time until Lambda's deadline."""
    knobs: Defaults = DEFAULTS
    on_decision: Callable[[Decision], None] = ignore_decision
    """Called with each decision; used to measure coverage."""


class Grant(NamedTuple):
    """A claim that was stored."""

    attempt: int
    limit: int
    fence: int
    expires: int
    checkpoint: str = ""
    saves: int = 0


class Outcome(NamedTuple):
    """The end of a delivery that is acknowledged: one of ``rows.OUTCOMES``."""

    status: str
    attempt: int = 0
    fence: int = 0
    reason: str = ""
    note: str = ""


class Delivery:
    """The state of one delivery."""

    __slots__ = (
        "after_crash",
        "aged",
        "claimant",
        "claims",
        "floor",
        "gave_way",
        "handler_started",
        "holder",
        "host",
        "in_slot",
        "least_time",
        "may_begin",
        "opened",
        "patience",
        "paused",
        "rounds",
        "seen",
        "settles",
        "span",
        "stale",
        "terms",
        "unmarked",
    )

    def __init__(self, terms: Terms, host: Host) -> None:
        self.terms, self.host = terms, host
        # New for every attempt: Lambda's request id is the same on all its retries.
        self.holder = ulid(host.now(), host.randomness)
        of, margin = terms.occurrence, int(terms.knobs.skew_margin * 1000)
        self.claimant = Claimant(
            self.holder,
            of.id,
            of.payload,
            terms.overlap,
            margin,
            of.redrive,
            of.revision,
            of.due,
            while_paused=of.while_paused,
        )
        self.least_time = min(1.0, host.left() / 2)
        """Seconds that must be left to start a handler, and to send a claim."""
        self.seen = Seen()
        self.aged = False
        """Whether it is older than the horizon: then it runs only if its run still has an item."""
        self.floor = 0
        """The lowest next fence."""
        self.rounds = ROUNDS
        self.unmarked: str | None = None
        """A dead holder whose own run does not exist, so it cannot be marked as crashed."""
        self.in_slot = True
        """Whether the slot names this occurrence, as far as is known. Relevant for a buffered occurrence only."""
        self.may_begin = of.revision is None
        """Whether the first attempt may start. For a key, only after its plan is known to be started."""
        self.paused: bool | None = False if of.while_paused else None
        """Whether the job is paused, for an occurrence without a lease; None before the lease row was read."""
        self.stale: str | None = None
        """An occurrence that the slot names although it no longer waits: the next newcomer may replace it."""
        self.gave_way = False
        """Whether it has waited a moment for the occurrence in the slot."""
        # An occurrence that a carrier brings has waited before: it checks once and makes the next carrier.
        self.patience = terms.knobs.patience if of.hop is None else 0.0
        """Seconds that it may still wait, in this invocation, for another delivery."""
        self.opened, self.span = host.clock.reading(), 0
        """The clocks at the last claim, and the milliseconds of its lease."""
        self.claims = self.settles = 0
        self.after_crash = False
        """Whether the claimed attempt follows one that ended without a result."""
        self.handler_started = False
        """Whether a request may take all the time that is left."""

    @property
    def reserve(self) -> float:
        """Seconds before the deadline at which a request gives up.

        Before the handler, enough time is kept to make a carrier, and no request is repeated for longer than
        ``LONGEST_TRY``: an outage of the ledger may last for hours.
        """
        if self.handler_started:
            return TIME_TO_RAISE
        left = self.host.left()
        return max(self.least_time, min(TIME_TO_CARRY, left / 4), left - LONGEST_TRY)

    @property
    def alone(self) -> bool:
        """Whether it shares no lease with other occurrences: overlap "allow", or a plan of code."""
        return self.terms.overlap == "allow" or is_planned(self.terms.occurrence.id)

    def lease_end(self, now: int) -> int:
        """Return the end of a lease from ``now``, the latest possible time, so that it does not end too early.

        Lambda kills this attempt at its deadline. The lease ends later by the grace, so it needs no renewal. A job with
        a shorter lease must renew it, and its death is detected earlier.
        """
        left, lease = self.host.left_at_most(), self.terms.lease
        return now + int(((left if lease is None else min(left, lease)) + self.terms.knobs.grace) * 1000)

    def has_passed(self, instant: int) -> bool:
        """Return whether ``instant`` has passed by AWS's time, plus the margin. False before the first answer."""
        return self.host.clock.earliest() > instant + self.claimant.margin

    @property
    def is_late(self) -> bool:
        """Whether its start deadline has passed. An operator's event has none."""
        of = self.terms.occurrence
        return not of.by_operator and self._time_passed() - of.due > self.terms.start_deadline * 1000

    def early(self) -> int:
        """Return the milliseconds until it may start. An operator's event may start at once."""
        of = self.terms.occurrence
        return 0 if of.by_operator else max(0, of.due - self.claimant.margin - self._time_passed())

    def _time_passed(self) -> int:
        """Return a time that has certainly been reached; the wall clock's if no answer has shown the time."""
        clock = self.host.clock
        return clock.earliest() if clock.is_known else clock.now()

    def rested(self) -> int:
        """Return the latest ``after`` of a failed attempt whose pause counts as over."""
        return self._time_passed() + (self.claimant.margin if self.host.clock.is_known else 0)

    def learn_time(self) -> Steps[None]:
        """Read the run if no answer of this invocation has shown the time: this machine's clock may be wrong."""
        if not self.host.clock.is_known:
            yield from self.look_at_run()

    def closing(self, status: str, reason: str = "", *, error: str = "", result: str = "") -> run_requests.Closing:
        now, terms = self.host.now(), self.terms
        kept = "" if status == "succeeded" else carrier.stored_text(terms.event)
        ttl = self.ttl(now, terms.knobs.retention if status in FINAL else terms.knobs.open_retention)
        return run_requests.Closing(
            terms.table,
            terms.occurrence,
            self.holder,
            status,
            now,
            ttl,
            reason,
            error,
            result,
            event=kept,
            alone=self.alone,
        )

    def ttl(self, now: int, seconds: int) -> int:
        """Return a ttl in epoch seconds: ``seconds`` after now, or after the due time if that is later."""
        return max(now, self.terms.occurrence.due) // 1000 + seconds

    def next_claim(self) -> str:
        """Return the token of the next request before the handler runs."""
        self.claims += 1
        return f"{self.holder}-c{self.claims}"

    def next_settle(self) -> str:
        """Return the token of the next request that may end the attempt."""
        self.settles += 1
        return f"{self.holder}-s{self.settles}"

    # -- wait ----------------------------------------------------------------------------------------------------------
    def may_wait(self) -> bool:
        """Return whether patience and time are left. If not, a carrier brings the occurrence back."""
        return self.patience > 0 and self.host.left() > self.terms.knobs.grace

    def pause(self, seconds: float) -> Steps[float]:
        """Sleep for about ``seconds``, and return the next pause."""
        span = min(self.patience, seconds * (0.75 + self.host.randomness.random() / 2))
        self.patience -= span
        yield Sleep(span)
        return min(LONGEST_PAUSE, seconds * 1.5)

    def out_of_time(self) -> OutOfTime:
        return OutOfTime(
            f"{self.claimant.occurrence} of {self.terms.occurrence.job}: this invocation has no time left to start it",
            remedy="Nothing is lost: Lambda delivers the event again.",
        )

    # -- read ----------------------------------------------------------------------------------------------------------
    def look_at_run(self) -> Steps[RunItem | None]:
        call = run_requests.get_run(self.terms.table, self.terms.occurrence.job, self.claimant.occurrence)
        run = self.known_run((yield from self.get(call)))
        self.seen = self.seen._replace(run=run)
        return run

    def look_at_lease(self) -> Steps[LeaseItem]:
        call = run_requests.get_lease(self.terms.table, self.terms.occurrence.job)
        return self._known_lease((yield from self.get(call)))

    def look_at_pause(self) -> Steps[bool]:
        """Return whether the job is paused, for an occurrence without a lease. It reads the lease row once.

        (A claim with a lease has a condition on the lease row instead, and its refusal shows the row.)
        """
        if self.paused is None:
            item = yield from self.get(run_requests.get_lease(self.terms.table, self.terms.occurrence.job))
            self.refuse_newer(item)
            self.paused = items.read_lease(item).paused > 0
        return self.paused

    def shown_run(self, item: Mapping[str, Any] | None) -> Steps[RunItem | None]:
        """Return the run that a refusal returned. If it returned none, read it consistently."""
        if item is None:
            return (yield from self.look_at_run())
        return self.known_run(item)

    def shown_lease(self, item: Mapping[str, Any] | None) -> Steps[LeaseItem]:
        if item is None:
            return (yield from self.look_at_lease())
        return self._known_lease(item)

    def get(self, call: Call) -> Steps[Mapping[str, Any] | None]:
        """Read one row. Return it in DynamoDB's form; None if it does not exist."""
        answer = yield from send(call, self.host, reserve=self.reserve)
        assert isinstance(answer, Done), "a read has no condition"
        item: Mapping[str, Any] | None = answer.fields.get("Item")
        return item

    def _known_lease(self, item: Mapping[str, Any] | None) -> LeaseItem:
        self.refuse_newer(item)
        lease = items.read_lease(item)
        self.floor = max(self.floor, lease.fence + 1)
        self.stale = None  # the run that the slot names now was not read
        return lease

    def known_run(self, item: Mapping[str, Any] | None) -> RunItem | None:
        """Read a run. Raise Unavailable if a newer version of Cronstack wrote it."""
        self.refuse_newer(item)
        return items.read_run(item)

    def refuse_newer(self, item: Mapping[str, Any] | None) -> None:
        """Raise Unavailable for a row that a newer version of Cronstack wrote."""
        if (version := items.version_of(item)) > items.VERSION:
            raise Unavailable(
                f"the ledger's item for {self.terms.occurrence.job} was written by version {version}; this code"
                f" reads up to {items.VERSION}",
                remedy="Deploy the function again with the newer Cronstack. Until then, the event is retried.",
            )
