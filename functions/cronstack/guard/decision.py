"""What a delivery does next, by what it has seen of the ledger. Pure: two items and a clock reading in, a decision out.

Before its first write a delivery has seen nothing, and the decision is Claim. A refused write brings the items. Then
``decide`` reads from top to bottom, and the order is part of the protocol:

    1  the lease is mine              Mine          an answer was lost; take the values over from the items
    2  another input than the run's   Mismatch      one id stands for two things
       succeeded, skipped             Duplicate     it is finished; acknowledge
       dead or missed, and told       Duplicate
       its letter not sent            Unreported    see to the letter, then acknowledge
       and I redrive it               go on
    3  too many rounds                Wait          contention
       failed, its pause is not over  Wait          back-off, in whatever state the lease is
    4  held, but expired for sure     TakeOver      the holder is dead
       but another holder works mine  Wait          (items were deleted by hand) until that one expires
    5  held by my own occurrence      Wait          for its outcome
    6  held by another, mine started  Wait          for the lease: what has started is never skipped
    7  held by another, mine did not  Skip          overlap "skip"
                                      Buffer        overlap "buffer_one": into the one slot, if it is free
                                      SlotFull      else skip, once the slot's occurrence is sure to come back
    8  free                           Claim         by the state seen; with a higher fence if that was too low
       but running                    Wait          (the lease was deleted by hand) until it expires
       but another one waits for it   GiveWay       mine did not start, so the one in the slot goes first

``TakeOver`` (4) gives way like ``Claim`` (8): an expired lease belongs to the waiting occurrence, too.

The run of a key shares no lease (``decide_alone``). There, an event of another plan than the run's comes before 2:
Overtaken; but a later plan goes on over a run that was missed, and its letter is not needed any more. (Before the key
has a run that has started, its plan decides: see ``begin``.)

An overlap, a duplicate, a miss are values, not exceptions.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from cronstack.defaults import Overlap
from cronstack.ledger.rows import FAILED, FINISHED, LeaseItem, RunItem


class Asking(NamedTuple):
    """This delivery: who it is and what it wants."""

    holder: str
    occurrence: str
    payload: str
    overlap: Overlap
    margin: int
    """Milliseconds that two hosts' clocks may differ."""
    redrive: int | None = None
    revision: int | None = None
    """Of the plan that the event was made for; None for an occurrence without a key."""
    due: int = 0
    """The plan's. An event that names the revision with another time was forged."""


class Time(NamedTuple):
    """What a delivery knows of the time, in epoch milliseconds (see ``timing.aws_clock``)."""

    now: int
    """It is about that late: a pause that ends before is over."""
    earliest: int
    """It is at least that late; 0 as long as nothing is known. Only this clock shows that another's lease has ended."""


class Seen(NamedTuple):
    """What is known after some rounds: the lease (free until shown otherwise) and the run (None: never started)."""

    lease: LeaseItem = LeaseItem()
    run: RunItem | None = None


class Mine(NamedTuple):
    """This delivery holds the lease."""


class Duplicate(NamedTuple):
    """Somebody finished the occurrence."""

    status: str


class Unreported(NamedTuple):
    """The occurrence is dead or missed, but its letter may not have been sent."""

    run: RunItem


class Overtaken(NamedTuple):
    """The event was made for another revision than the one that the run has begun."""

    run: RunItem


class TakeOver(NamedTuple):
    """The holder has outlived its lease: claim over its head."""


class Claim(NamedTuple):
    """Claim by the state seen."""


class Skip(NamedTuple):
    """Another occurrence runs: record that this one does not."""

    by: str


class Buffer(NamedTuple):
    """Another occurrence runs: wait in the slot."""

    by: str


class SlotFull(NamedTuple):
    """Another occurrence runs and yet another one waits already."""

    by: str
    waits: str
    """The occurrence in the slot."""


class GiveWay(NamedTuple):
    """No other occurrence runs, but one waits in the slot and goes first."""

    waits: str
    """The occurrence in the slot."""


class Mismatch(NamedTuple):
    """The occurrence was claimed with another input."""


Why = Literal["running", "held", "contention", "backoff"]


class Wait(NamedTuple):
    """Nothing to decide yet. running: the occurrence itself is worked; held: another one has the lease."""

    why: Why


Decision = (
    Mine | Duplicate | Unreported | Overtaken | TakeOver | Claim | Skip | Buffer | SlotFull | GiveWay | Mismatch | Wait
)


def decide(asking: Asking, seen: Seen, time: Time, *, rounds_left: int) -> Decision:
    """What follows from what was seen, for a job whose occurrences share one lease."""
    lease, run = seen
    if lease.holder == asking.holder:
        return Mine()
    if (ended := _ended(asking, run)) is not None:
        return ended
    if rounds_left <= 0:
        return Wait("contention")
    if _rests(run, time):
        return Wait("backoff")
    if lease.holder is not None:
        if time.earliest > lease.expires + asking.margin:
            # A run of another holder than the lease's: somebody deleted items by hand. It has its time, too.
            stray = run is not None and run.holder != lease.holder and _is_alive(run, asking, time)
            return Wait("running") if stray else _first_in_line(asking, seen) or TakeOver()
        if lease.occurrence == asking.occurrence:
            return Wait("running")
        if run is not None:
            return Wait("held")
        return _met(asking, lease, lease.holder)
    if run is not None and _is_alive(run, asking, time):
        return Wait("running")
    return _first_in_line(asking, seen) or Claim()


def _first_in_line(asking: Asking, seen: Seen) -> GiveWay | None:
    """What has never started lets the occurrence in the slot go first. What has started owes it nothing."""
    waits, run = seen.lease.buffered, seen.run
    never_started = run is None or run.status == "missed"
    return GiveWay(waits) if never_started and waits not in (None, asking.occurrence) else None


def decide_alone(asking: Asking, run: RunItem | None, time: Time, *, rounds_left: int) -> Decision:
    """The same for overlap "allow", and for what code has scheduled: there is no lease but the run's own."""
    if run is not None and run.status == "running" and run.holder == asking.holder:
        return Mine()
    if run is not None and asking.revision is not None and (run.revision, run.due) != (asking.revision, asking.due):
        if run.status != "missed" or asking.revision <= run.revision:
            return Overtaken(run)
    elif (ended := _ended(asking, run)) is not None:
        return ended
    if rounds_left <= 0:
        return Wait("contention")
    if _rests(run, time):
        return Wait("backoff")
    return Wait("running") if run is not None and _is_alive(run, asking, time) else Claim()


def _met(asking: Asking, lease: LeaseItem, holder: str) -> Decision:
    if asking.overlap != "buffer_one":
        return Skip(by=holder)
    if lease.buffered in (None, asking.occurrence):  # it names us only where our item was deleted by hand
        return Buffer(by=holder)
    return SlotFull(by=holder, waits=lease.buffered)


def _ended(asking: Asking, run: RunItem | None) -> Decision | None:
    if run is None:
        return None
    if run.payload and run.payload != asking.payload:
        return Mismatch()
    if run.status in FINISHED:
        return Duplicate(run.status)
    if run.status in FAILED and run.attempt != asking.redrive:
        return Duplicate(run.status) if run.reported else Unreported(run)
    return None


def _rests(run: RunItem | None, time: Time) -> bool:
    return run is not None and run.status == "retrying" and time.now < run.after


def _is_alive(run: RunItem, asking: Asking, time: Time) -> bool:
    return run.status == "running" and time.earliest <= run.expires + asking.margin
