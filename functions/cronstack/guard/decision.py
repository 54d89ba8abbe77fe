"""The next step of a delivery, by the ledger's items that it has seen. Pure: takes two items and a clock reading.

Before its first write, a delivery has seen no item, and the decision is Claim. A refused write returns the items. Then
``decide`` checks these cases from top to bottom; the order is part of the protocol:

    1  this delivery has the lease    Mine          an answer was lost; take the values from the items
    2  another input than the run's   Mismatch      one id has two inputs
       succeeded, skipped             Duplicate     it is finished; acknowledge
       dead or missed, and reported   Duplicate
       its letter not sent            Unreported    send the letter, then acknowledge
       and this event redrives it     continue
    3  too many rounds                Wait          contention
       failed, its pause is not over  Wait          back-off, whatever the state of the lease
    4  held, but certainly expired    TakeOver      the holder is dead
       but the run has another holder Wait          (items were deleted by hand) until that lease expires
    5  held by the own occurrence     Wait          for its outcome
    6  held by another, own started   Wait          for the lease: a started occurrence is never skipped
    7  held by another, own did not   Skip          overlap "skip"
                                      Buffer        overlap "buffer_one": into the one slot, if it is free
                                      SlotFull      else skip, after the slot's occurrence has a carrier
    8  free                           Claim         by the state seen; with a higher fence if it was too low
       but running                    Wait          (the lease was deleted by hand) until it expires
       but another occurrence waits   GiveWay       the own did not start, so the one in the slot goes first
    9  the job is paused, and 4 to 8 would start, queue or skip it (not for an operator's event "while paused")
       it never started               PassOver      record it as skipped: paused
       it has started, or is redriven Wait          until the job is resumed

``TakeOver`` (4) gives way like ``Claim`` (8): an expired lease belongs to the waiting occurrence, too.

The run of a key shares no lease (``decide_without_lease``). There, a check for an event of another plan comes before 2:
Overtaken. But a later plan continues if the run was missed, and the letter of that miss is not needed any more. (Until
the key has a started run, its plan decides: see ``begin``.)

An overlap, a duplicate and a miss are values, not exceptions.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from cronstack.defaults import Overlap
from cronstack.ledger.rows import FAILED, FINISHED, LeaseItem, RunItem


class Claimant(NamedTuple):
    """This delivery: its holder, its occurrence and its policy."""

    holder: str
    occurrence: str
    payload: str
    overlap: Overlap
    margin: int
    """Most milliseconds by which two hosts' clocks differ."""
    redrive: int | None = None
    revision: int | None = None
    """The revision of the event's plan; None for an occurrence without a key."""
    due: int = 0
    """The plan's due time. An event with the plan's revision and another time was forged."""
    while_paused: bool = False
    """Whether the event runs although the job is paused."""


class Time(NamedTuple):
    """The time that a delivery knows, in epoch milliseconds (see ``timing.aws_clock``)."""

    now: int
    """An estimate of the time: a pause that ends before it is over."""
    earliest: int
    """A lower bound of the time; 0 until it is known. Only this bound shows that the lease of another has ended."""


class Seen(NamedTuple):
    """The items seen so far: the lease (free until one is seen) and the run (None: never started)."""

    lease: LeaseItem = LeaseItem()
    run: RunItem | None = None


class Mine(NamedTuple):
    """This delivery holds the lease."""


class Duplicate(NamedTuple):
    """The occurrence is finished."""

    status: str


class Unreported(NamedTuple):
    """The occurrence is dead or missed, but its letter may not have been sent."""

    run: RunItem


class Overtaken(NamedTuple):
    """The event belongs to another revision than the run."""

    run: RunItem


class TakeOver(NamedTuple):
    """The holder's lease has certainly expired: claim it although it is held."""


class Claim(NamedTuple):
    """Claim by the state seen."""


class Skip(NamedTuple):
    """Another occurrence runs: record this one as skipped."""

    by: str


class Buffer(NamedTuple):
    """Another occurrence runs: wait in the slot."""

    by: str


class SlotFull(NamedTuple):
    """Another occurrence runs, and a third one waits in the slot."""

    by: str
    waits: str
    """The occurrence in the slot."""


class GiveWay(NamedTuple):
    """No other occurrence runs, but one waits in the slot and goes first."""

    waits: str
    """The occurrence in the slot."""


class PassOver(NamedTuple):
    """The job is paused, and the occurrence never started: record it as skipped."""


class Mismatch(NamedTuple):
    """The occurrence was claimed with another input."""


Why = Literal["running", "held", "contention", "backoff", "paused"]


class Wait(NamedTuple):
    """It is too early to decide.

    running: the occurrence itself runs; held: another occurrence has the lease; paused: the job is paused.
    """

    why: Why


Decision = (
    Mine
    | Duplicate
    | Unreported
    | Overtaken
    | TakeOver
    | Claim
    | Skip
    | Buffer
    | SlotFull
    | GiveWay
    | PassOver
    | Mismatch
    | Wait
)


_STARTS: Final = (TakeOver, Claim, Skip, Buffer, SlotFull, GiveWay)
"""The decisions that start, queue or skip an occurrence. A pause replaces them."""


def decide(claimant: Claimant, seen: Seen, time: Time, *, rounds_left: int) -> Decision:
    """Decide by the items seen, for a job whose occurrences share one lease."""
    decision = _decide_by_lease(claimant, seen, time, rounds_left)
    return _hold_back(claimant, seen.run, decision) if seen.lease.paused else decision


def _decide_by_lease(claimant: Claimant, seen: Seen, time: Time, rounds_left: int) -> Decision:
    lease, run = seen
    if lease.holder == claimant.holder:
        return Mine()
    if (ended := _ended(claimant, run)) is not None:
        return ended
    if rounds_left <= 0:
        return Wait("contention")
    if _is_in_backoff(run, time):
        return Wait("backoff")
    if lease.holder is not None:
        if time.earliest > lease.expires + claimant.margin:
            # If the run has another holder than the lease, items were deleted by hand. Its lease must expire, too.
            stray = run is not None and run.holder != lease.holder and _is_alive(run, claimant, time)
            return Wait("running") if stray else _first_in_line(claimant, seen) or TakeOver()
        if lease.occurrence == claimant.occurrence:
            return Wait("running")
        if run is not None:
            return Wait("held")
        return _decide_overlap(claimant, lease, lease.holder)
    if run is not None and _is_alive(run, claimant, time):
        return Wait("running")
    return _first_in_line(claimant, seen) or Claim()


def _first_in_line(claimant: Claimant, seen: Seen) -> GiveWay | None:
    """Return GiveWay if another occurrence is in the slot, and this one never started. Else None."""
    waits, run = seen.lease.buffered, seen.run
    never_started = run is None or run.status == "missed"
    return GiveWay(waits) if never_started and waits not in (None, claimant.occurrence) else None


def _hold_back(claimant: Claimant, run: RunItem | None, decision: Decision) -> Decision:
    """Return the decision for a paused job."""
    if claimant.while_paused or not isinstance(decision, _STARTS):
        return decision
    has_started = run is not None and run.status not in ("buffered", "missed")
    return Wait("paused") if has_started or claimant.redrive is not None else PassOver()


def decide_without_lease(
    claimant: Claimant, run: RunItem | None, time: Time, *, rounds_left: int, paused: bool = False
) -> Decision:
    """Decide for overlap "allow" and for plans of code, which have only the run's own lease.

    ``paused``: the lease row shows that the job is paused.
    """
    decision = _decide_alone(claimant, run, time, rounds_left)
    return _hold_back(claimant, run, decision) if paused else decision


def _decide_alone(claimant: Claimant, run: RunItem | None, time: Time, rounds_left: int) -> Decision:
    if run is not None and run.status == "running" and run.holder == claimant.holder:
        return Mine()
    if (
        run is not None
        and claimant.revision is not None
        and (run.revision, run.due) != (claimant.revision, claimant.due)
    ):
        if run.status != "missed" or claimant.revision <= run.revision:
            return Overtaken(run)
    elif (ended := _ended(claimant, run)) is not None:
        return ended
    if rounds_left <= 0:
        return Wait("contention")
    if _is_in_backoff(run, time):
        return Wait("backoff")
    return Wait("running") if run is not None and _is_alive(run, claimant, time) else Claim()


def _decide_overlap(claimant: Claimant, lease: LeaseItem, holder: str) -> Decision:
    if claimant.overlap != "buffer_one":
        return Skip(by=holder)
    if lease.buffered in (None, claimant.occurrence):  # the own occurrence only if its run was deleted by hand
        return Buffer(by=holder)
    return SlotFull(by=holder, waits=lease.buffered)


def _ended(claimant: Claimant, run: RunItem | None) -> Decision | None:
    if run is None:
        return None
    if run.payload and run.payload != claimant.payload:
        return Mismatch()
    if run.status in FINISHED:
        return Duplicate(run.status)
    if run.status in FAILED and run.attempt != claimant.redrive:
        return Duplicate(run.status) if run.reported else Unreported(run)
    return None


def _is_in_backoff(run: RunItem | None, time: Time) -> bool:
    return run is not None and run.status == "retrying" and time.now < run.after


def _is_alive(run: RunItem, claimant: Claimant, time: Time) -> bool:
    return run.status == "running" and time.earliest <= run.expires + claimant.margin
