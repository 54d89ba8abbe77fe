"""One delivery of one event: its terms, what it has seen so far, and how it reads items and waits.

The modules above (``letters``, ``claim``, ``protocol``) are the protocol's chapters. Their functions take a
``Delivery``.
Nothing here acts by itself: a method that needs the outside returns steps (see ``steps``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from cronstack.defaults import DEFAULTS, Defaults, Overlap
from cronstack.entropy import ulid
from cronstack.errors import OutOfTime, Unavailable
from cronstack.guard import carrier
from cronstack.guard.decision import Asking, Decision, Seen
from cronstack.ledger import items, run_requests
from cronstack.ledger.rows import FINAL, LeaseItem, RunItem
from cronstack.occurrence import Occurrence, is_planned
from cronstack.steps import Call, Done, Host, Sleep, Steps, send

ROUNDS: Final = 6
"""Claims, skips and takeovers in a row before a delivery sits back."""
FIRST_LOOK: Final = 0.25
"""Seconds before the first look at what is waited for; the next come ever later."""
LONGEST_PAUSE: Final = 5.0
TIME_TO_TELL: Final = 0.2
"""Seconds before the own deadline at which a request is given up: time to say why."""
TIME_TO_CARRY: Final = 5.0
"""Seconds kept before the handler: time to make a carrier, should the ledger not answer."""
LONGEST_TRY: Final = 20.0
"""Seconds for which a request before the handler is repeated."""


def ignore_decision(decision: Decision) -> None:
    """The default of ``Terms.on_decision``."""


class Terms(NamedTuple):
    """The occurrence and the terms of its delivery. All policy comes from the deployed code."""

    occurrence: Occurrence
    overlap: Overlap
    limit: int
    """Attempts, the first included."""
    start_deadline: int
    table: str
    dead_letters: str
    letter: Callable[[str, int, str], str]
    """Returns a dead letter's body, given a condition, an attempt and an error (see ``letters``)."""
    way: carrier.Way
    """How a carrier reaches this function."""
    event: Mapping[str, Any]
    """The event as it was delivered. A carrier delivers it again."""
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
        "asking",
        "claims",
        "enough",
        "floor",
        "handler_started",
        "holder",
        "host",
        "in_slot",
        "may_begin",
        "opened",
        "patience",
        "rounds",
        "seen",
        "settles",
        "span",
        "stale",
        "stood_aside",
        "terms",
        "unmarked",
    )

    def __init__(self, terms: Terms, host: Host) -> None:
        self.terms, self.host = terms, host
        # New for every attempt: Lambda's request id is the same on all its retries.
        self.holder = ulid(host.now(), host.randomness)
        of, margin = terms.occurrence, int(terms.knobs.skew_margin * 1000)
        self.asking = Asking(self.holder, of.id, of.payload, terms.overlap, margin, of.redrive, of.revision, of.due)
        self.enough = min(1.0, host.left() / 2)
        """Seconds without which a handler is not started, and a claim not tried."""
        self.seen = Seen()
        self.aged = False
        """Older than the horizon: worked only while its item shows that it is not forgotten."""
        self.floor = 0
        """The next fence must not be lower."""
        self.rounds = ROUNDS
        self.unmarked: str | None = None
        """A dead holder whose own run is not there to be marked as crashed."""
        self.in_slot = True
        """The slot names this occurrence, as far as is known; it matters for a buffered one only."""
        self.may_begin = of.revision is None
        """The occurrence may get its first attempt. A key may not before its plan is known to be begun."""
        self.stale: str | None = None
        """An occurrence that the slot names though it waits no more: what comes next may take its place."""
        self.stood_aside = False
        """It has waited a moment for the occurrence in the slot."""
        # What a carrier brings has waited already: it looks and goes again.
        self.patience = terms.knobs.patience if of.hop is None else 0.0
        """Seconds it may still wait in here for another delivery."""
        self.opened, self.span = host.clock.reading(), 0
        """When the last claim was made, and the milliseconds that it made its lease last."""
        self.claims = self.settles = 0
        self.after_crash = False
        """The attempt that it has claimed follows one that ended without a result."""
        self.handler_started = False
        """A request may now take all the time that is left."""

    @property
    def reserve(self) -> float:
        """Seconds before the deadline at which a request gives up.

        Before the handler, so much is kept that a carrier can still be made, and no request is repeated for longer than
        ``LONGEST_TRY``: an outage of the ledger may last for hours.
        """
        if self.handler_started:
            return TIME_TO_TELL
        left = self.host.left()
        return max(self.enough, min(TIME_TO_CARRY, left / 4), left - LONGEST_TRY)

    @property
    def alone(self) -> bool:
        """Whether other occurrences share no lease with this one: overlap "allow", or code has scheduled it."""
        return self.terms.overlap == "allow" or is_planned(self.terms.occurrence.id)

    def lease_end(self, now: int) -> int:
        """Lambda kills this attempt at its deadline; the lease outlives it by the grace and needs no renewal.

        A job that asks for a shorter lease renews it, and is missed the sooner when it dies. ``now``: the latest time
        that it can be, for a lease that is not to end too early.
        """
        left, lease = self.host.left_at_most(), self.terms.lease
        return now + int(((left if lease is None else min(left, lease)) + self.terms.knobs.grace) * 1000)

    def has_passed(self, instant: int) -> bool:
        """Return whether ``instant`` has passed by AWS's time. False before the first answer of this invocation."""
        return self.host.clock.earliest() > instant + self.asking.margin

    @property
    def is_late(self) -> bool:
        """Whether its start deadline has passed. An operator's event has none."""
        of = self.terms.occurrence
        return not of.by_operator and self._time_passed() - of.due > self.terms.start_deadline * 1000

    def early(self) -> int:
        """Return the milliseconds until it may start. An operator's event may start at once."""
        of = self.terms.occurrence
        return 0 if of.by_operator else max(0, of.due - self.asking.margin - self._time_passed())

    def _time_passed(self) -> int:
        """The time that has come for sure. Where no answer has told it (yet), the wall clock has to do."""
        clock = self.host.clock
        return clock.earliest() if clock.is_known else clock.now()

    def rested(self) -> int:
        """Return the latest ``after`` of a failed attempt whose pause counts as over."""
        return self._time_passed() + (self.asking.margin if self.host.clock.is_known else 0)

    def learn_time(self) -> Steps[None]:
        """Have an answer of this invocation tell the time: whatever this clock says may be wrong."""
        if not self.host.clock.is_known:
            yield from self.look_at_run()

    def closing(self, status: str, reason: str = "", *, error: str = "", result: str = "") -> run_requests.Closing:
        now, terms = self.host.now(), self.terms
        kept = "" if status == "succeeded" else carrier.kept_text(terms.event)
        ttl = self.ttl(now, terms.knobs.retention if status in FINAL else terms.knobs.last_resort)
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
        """Epoch seconds: so long after now, or after the due time where that is later."""
        return max(now, self.terms.occurrence.due) // 1000 + seconds

    def next_claim(self) -> str:
        """The token of a further request before the handler runs."""
        self.claims += 1
        return f"{self.holder}-c{self.claims}"

    def next_settle(self) -> str:
        """The token of a further request that may end the attempt."""
        self.settles += 1
        return f"{self.holder}-s{self.settles}"

    # -- wait ----------------------------------------------------------------------------------------------------------
    def may_wait(self) -> bool:
        """Whether patience and time are left; what cannot be waited for here is a carrier's."""
        return self.patience > 0 and self.host.left() > self.terms.knobs.grace

    def pause(self, seconds: float) -> Steps[float]:
        """Sleep about so long and return the next pause."""
        span = min(self.patience, seconds * (0.75 + self.host.randomness.random() / 2))
        self.patience -= span
        yield Sleep(span)
        return min(LONGEST_PAUSE, seconds * 1.5)

    def out_of_time(self) -> OutOfTime:
        return OutOfTime(
            f"{self.asking.occurrence} of {self.terms.occurrence.job}: no time is left to start it",
            remedy="Nothing is lost: Lambda delivers the event again.",
        )

    # -- look ----------------------------------------------------------------------------------------------------------
    def look_at_run(self) -> Steps[RunItem | None]:
        call = run_requests.get_run(self.terms.table, self.terms.occurrence.job, self.asking.occurrence)
        run = self.known_run((yield from self.get(call)))
        self.seen = self.seen._replace(run=run)
        return run

    def look_at_lease(self) -> Steps[LeaseItem]:
        call = run_requests.get_lease(self.terms.table, self.terms.occurrence.job)
        return self._learnt((yield from self.get(call)))

    def shown_run(self, item: Mapping[str, Any] | None) -> Steps[RunItem | None]:
        """The run that a refusal brought back; where it brought none, one consistent read."""
        if item is None:
            return (yield from self.look_at_run())
        return self.known_run(item)

    def shown_lease(self, item: Mapping[str, Any] | None) -> Steps[LeaseItem]:
        if item is None:
            return (yield from self.look_at_lease())
        return self._learnt(item)

    def get(self, call: Call) -> Steps[Mapping[str, Any] | None]:
        """Read one row. Return it in DynamoDB's form; None for none."""
        answer = yield from send(call, self.host, reserve=self.reserve)
        assert isinstance(answer, Done), "a read has no condition"
        item: Mapping[str, Any] | None = answer.fields.get("Item")
        return item

    def _learnt(self, item: Mapping[str, Any] | None) -> LeaseItem:
        self.refuse_newer(item)
        lease = items.read_lease(item)
        self.floor = max(self.floor, lease.fence + 1)
        self.stale = None  # whatever the slot names now has not been looked at
        return lease

    def known_run(self, item: Mapping[str, Any] | None) -> RunItem | None:
        """Read a run. Raise Unavailable for one that a newer version of Cronstack wrote."""
        self.refuse_newer(item)
        return items.read_run(item)

    def refuse_newer(self, item: Mapping[str, Any] | None) -> None:
        """Raise Unavailable for a row that a newer version of Cronstack wrote."""
        if (version := items.version_of(item)) > items.VERSION:
            raise Unavailable(
                f"the ledger's item for {self.terms.occurrence.job} was written by version {version}; this code"
                f" reads up to {items.VERSION}",
                remedy="Deploy the function again with the newer Cronstack; the event is kept until then.",
            )
