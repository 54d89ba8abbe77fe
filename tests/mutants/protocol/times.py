"""Breakages of times: wrong clocks, deadlines, early and late events.

Some breakages are not in the list, because another check protects the same, or the proof has no judge for them:

  - a context that returns 0 in the middle counts as no time left (the invocation gives up, and Lambda delivers again)
  - the lease is not extended again after a sleep (only a declared short lease needs it)
  - the upper bound of the time ignores the time of the request (the grace of a lease covers it)
  - after a sleep the due time is not checked again (it is checked before the handler, too)
  - if two clocks disagree, the faster one counts (one must be set in the seconds in which an early event sleeps)
"""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

_WALL = "delivery.host.clock.reading().wall"
_EARLY = "0 if of.by_operator else max(0, of.due - self.claimant.margin - self._time_passed())"

_CLOCKS: tuple[Mutant, ...] = (
    Mutant(
        "no answer shows the time",
        "AwsClock.learn",
        Code("date is not None", "False"),
        ("I3", "I9", "I10", "I23"),
    ),
    Mutant(
        "before the first answer, leases end by the wall clock",
        "AwsClock._bounds",
        Code("(0, here.wall)", "(here.wall, here.wall)"),
        ("I3",),
    ),
    Mutant(
        "the date of an answer counts from the request",
        "AwsClock._bounds",
        Code("_passed(self._received, here)", "_passed(self._sent, here)"),
        ("I3", "I23", "I12"),
    ),
    Mutant(
        "a takeover is decided by the wall clock",
        "_decide",
        Code(
            "Time(delivery.rested(), delivery.host.clock.earliest())",
            f"Time(delivery.rested(), max(delivery.host.clock.earliest(), {_WALL}))",
        ),
        ("I3", "I7"),
    ),
    Mutant(
        "without a lease: a takeover is decided by the wall clock",
        "_send_claim",
        Code("clock.earliest() - delivery.claimant.margin", "opening.now - delivery.claimant.margin"),
        ("I3", "I7"),
    ),
    Mutant(
        "a dead letter is claimed by the wall clock",
        "ensure_letter",
        Code("not delivery.has_passed(current.expires)", f"{_WALL} < current.expires"),
        ("I16",),
    ),
    Mutant(
        "without a lease: a pause is over by the wall clock",
        "_send_claim",
        Code("delivery.rested() if clock.is_known or run is not None else 0", "opening.now"),
        ("I11",),
    ),
    Mutant(
        "a pause is over by the wall clock",
        "Delivery.rested",
        Code("self._time_passed()", "self.host.clock.reading().wall"),
        ("I11",),
    ),
    Mutant(
        "a lease that a slow clock has stored stays short",
        "Attempt.is_short",
        Code("needed - self.grant.expires > delivery.claimant.margin + MAX_DATE_LAG", "False"),
        ("I11", "I7"),
    ),
    Mutant(
        "a lease that a slow clock has stored is extended by that clock",
        "Attempt.extend",
        Code("delivery.host.clock.latest()", _WALL),
        ("I11", "I7"),
    ),
    Mutant(
        "each clean run extends its lease",
        "Attempt.is_short",
        Code("needed - self.grant.expires > delivery.claimant.margin + MAX_DATE_LAG", "True"),
        ("I14",),
    ),
    Mutant(
        "a carrier is made for a time by the wall clock",
        "make_carrier",
        Code(
            "build = carrier.ScheduleBuilder(way, named, event, due, host.now)",
            "build = carrier.ScheduleBuilder(way, named, event, due, lambda: host.clock.reading().wall)",
        ),
        ("I8", "I9", "I10", "I13"),
        "past-at=ignored",
    ),
)

_DEADLINES: tuple[Mutant, ...] = (
    Mutant(
        "only the context decides how long a lease lasts",
        "Deadline.left_at_most",
        Code("max(0.0, self._timeout - passed, by_context)", "self._remaining()"),
        ("I3", "I6", "I7"),
    ),
    Mutant(
        "a lease lasts as long as is left at least",
        "Deadline.left_at_most",
        Code("max(0.0, self._timeout - passed, by_context)", "self.left()"),
        ("I3", "I6", "I7"),
    ),
    Mutant(
        "a context that returns 0 is trusted",
        "Deadline.__init__",
        Code(
            "min(self._context_left, timeout) if self._context_left > 0 else timeout",
            "min(self._context_left, timeout)",
        ),
        ("I6", "I10"),
    ),
)

_EARLY_AND_LATE: tuple[Mutant, ...] = (
    Mutant("an early event starts", "Delivery.early", Code(_EARLY, "0"), ("I23",)),
    Mutant(
        "an operator's event waits until it is due",
        "Delivery.early",
        Code(_EARLY, "max(0, of.due - self.claimant.margin - self._time_passed())"),
        ("I23",),
    ),
    Mutant(
        "early and late are decided by the wall clock",
        "Delivery._time_passed",
        Code("clock.earliest() if clock.is_known else clock.now()", "self.host.clock.reading().wall"),
        ("I23", "I12"),
    ),
    Mutant(
        "claimed by a clock that is ahead, it starts early",
        "_prepare",
        Code("(early := delivery.early()) > 0", "(early := 0) > 0"),
        ("I23",),
    ),
    Mutant(
        "an attempt that is given back counts",
        "_give_back",
        Code("attempt.grant.limit + 1", "attempt.grant.limit"),
        ("I11",),
    ),
    Mutant(
        "an attempt that is given back has no carrier",
        "_give_back",
        Code("yield from arm(delivery, delivery.holder, due)", ""),
        ("I8",),
    ),
    Mutant(
        "an early event is acknowledged without a carrier",
        "sleep_or_defer",
        Code("yield from arm(delivery, obstacle_of_plan(delivery, EARLY), delivery.terms.occurrence.due)", ""),
        ("I8",),
    ),
    Mutant(
        "an occurrence that is not due yet is skipped or buffered",
        "_carry_out",
        Code("isinstance(decision, Skip | Buffer | SlotFull | GiveWay | PassOver) and delivery.early() > 0", "False"),
        ("I23",),
        "clock-skew=600",
    ),
    Mutant(
        "an early event has a carrier, whatever its plan contains",
        "wait_until_due",
        Code("of.revision is not None and of.hop is None", "False"),
        ("I26",),
    ),
    Mutant(
        "an occurrence that seems too late is not checked again",
        "is_late",
        Code("yield from delivery.learn_time()", "yield from ()"),
        ("I12",),
    ),
)

MUTANTS: tuple[Mutant, ...] = (*_CLOCKS, *_DEADLINES, *_EARLY_AND_LATE)
