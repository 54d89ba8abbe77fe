"""Breakages of what is known of the time: clocks that are off, deadlines, what comes early and what comes late.

Not among them, because other protections hide them or the proof has no judge of its own: that a context which says 0
in the middle counts as no time left (the invocation gives up, and Lambda delivers again); that a lease is lengthened
once more after a sleep (it is short only where a job asks for that); that the upper bound of the time counts the way of
the request (the grace of a lease covers it); that after a sleep it is asked again whether the time has come (it is
asked before the handler, too); that of two clocks which disagree the slower one tells what is sure (one must be set in
the seconds in which an early event sleeps).
"""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

_WALL = "delivery.host.clock.reading().wall"
_EARLY = "0 if of.by_operator else max(0, of.due - self.asking.margin - self._time_passed())"

_CLOCKS: tuple[Mutant, ...] = (
    Mutant(
        "no answer tells the time",
        "AwsClock.learn",
        Code("date is not None", "False"),
        ("I3", "I9", "I10", "I23"),
    ),
    Mutant(
        "before the first answer the wall clock tells which leases have ended",
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
        "_try",
        Code("clock.earliest() - delivery.asking.margin", "opening.now - delivery.asking.margin"),
        ("I3", "I7"),
    ),
    Mutant(
        "a dead letter is claimed by the wall clock",
        "see_to_letter",
        Code("not delivery.has_passed(found.expires)", f"{_WALL} < found.expires"),
        ("I16",),
    ),
    Mutant(
        "without a lease: a pause is over by the wall clock",
        "_try",
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
        Code("needed - self.grant.expires > delivery.asking.margin + MAX_DATE_LAG", "False"),
        ("I11", "I7"),
    ),
    Mutant(
        "a lease that a slow clock has stored is lengthened by that clock",
        "Attempt.extend",
        Code("delivery.host.clock.latest()", _WALL),
        ("I11", "I7"),
    ),
    Mutant(
        "each clean run lengthens its lease",
        "Attempt.is_short",
        Code("needed - self.grant.expires > delivery.asking.margin + MAX_DATE_LAG", "True"),
        ("I14",),
    ),
    Mutant(
        "a carrier is made for a time by the wall clock",
        "make_carrier",
        Code(
            "build = carrier.Building(way, named, event, due, host.now)",
            "build = carrier.Building(way, named, event, due, lambda: host.clock.reading().wall)",
        ),
        ("I8", "I9", "I10", "I13"),
        "past-at=ignored",
    ),
)

_DEADLINES: tuple[Mutant, ...] = (
    Mutant(
        "the context alone says how long a lease must last",
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
        "a context that says 0 is believed",
        "Deadline.__init__",
        Code("min(self._given, timeout) if self._given > 0 else timeout", "min(self._given, timeout)"),
        ("I6", "I10"),
    ),
)

_EARLY_AND_LATE: tuple[Mutant, ...] = (
    Mutant("an early event starts", "Delivery.early", Code(_EARLY, "0"), ("I23",)),
    Mutant(
        "an operator's event waits until it is due",
        "Delivery.early",
        Code(_EARLY, "max(0, of.due - self.asking.margin - self._time_passed())"),
        ("I23",),
    ),
    Mutant(
        "what is early by the wall clock alone is early",
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
        "what is given back has no carrier",
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
        "what is not due yet is skipped or buffered",
        "_carry_out",
        Code("isinstance(decision, Skip | Buffer | SlotFull | GiveWay) and delivery.early() > 0", "False"),
        ("I23",),
        "clock-skew=600",
    ),
    Mutant(
        "an early event is carried, whatever its plan says",
        "wait_until_due",
        Code("of.revision is not None and of.hop is None", "False"),
        ("I26",),
    ),
    Mutant(
        "what looks too late is not asked again",
        "is_late",
        Code("yield from delivery.learn_time()", "yield from ()"),
        ("I12",),
    ),
)

MUTANTS: tuple[Mutant, ...] = (*_CLOCKS, *_DEADLINES, *_EARLY_AND_LATE)
