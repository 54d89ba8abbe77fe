"""Deferral: make a carrier, and only then acknowledge the event.

Crash points: before the carrier exists, the event is not acknowledged, and Lambda delivers it again. After it exists,
making it again has no effect, because its name is taken. A carrier that comes too early checks the ledger, makes the
next one under the next name, and ends.

Scheduler answers with a conflict when the name is taken, but also when it is changing a schedule of that name. So a
conflict is followed by GetSchedule. If the schedule does not exist, it has fired, or was never created, or Scheduler
does not show it yet: it is created again under its name. In the first case two events come. That is harmless: both have
the same occurrence and hop, and the ledger decides as for an event that Lambda delivers twice.

An existing schedule counts only while its time is in the future. After its time, it may have fired and not be deleted
yet, or it may never fire: a delayed request can create a schedule for a past time, and AWS does not document what
happens then. So another one is created under another name. A second event is harmless here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from cronstack.errors import Unavailable
from cronstack.guard import carrier
from cronstack.guard.decision import Wait
from cronstack.guard.delivery import FIRST_PAUSE, LONGEST_PAUSE, TIME_TO_CARRY, TIME_TO_RAISE, Delivery, Grant, Outcome
from cronstack.ledger import run_requests
from cronstack.ledger.rows import PAUSED, RunItem
from cronstack.steps import DELIVERED_AGAIN, Done, Sleep, Steps, send

SECOND: Final = 1000
OUTAGE: Final = "outage"
"""The reason of a delivery to which the ledger did not answer."""
OUTAGE_PAUSES: Final = (60, 900)
"""The first and the longest pause, in seconds, between two deliveries of an event during an outage."""
PAUSE_CHECK: Final = 300
"""Seconds between two checks of an occurrence that waits until its job is resumed."""
BEFORE_DEADLINE: Final = 120
"""Seconds before the start deadline for the last check: a carrier may come a minute late."""


def defer(delivery: Delivery, holder: str, due: int, why: str, status: str = "deferred") -> Steps[Outcome]:
    """Make a carrier for ``due`` (epoch ms), and acknowledge. ``holder``: the attempt that is in the way."""
    run, terms = delivery.seen.run, delivery.terms
    if run is not None and (run.status == "running" or (run.status == "crashed" and not run.event)):
        # A running run stores no event. If the carrier is lost, operators find this event in the row.
        call = run_requests.keep_event(terms.table, terms.occurrence, carrier.stored_text(terms.event))
        yield from send(call, delivery.host, reserve=delivery.reserve)  # refused: its status has changed meanwhile
    yield from arm(delivery, holder, due)
    return Outcome(status, reason=why)


def defer_waiting(delivery: Delivery, decision: Wait) -> Steps[Outcome]:
    """Defer an occurrence that cannot be decided now, by the reason."""
    lease, run = delivery.seen
    if run is not None and run.status == "buffered":
        return (yield from defer_in_slot(delivery, decision.why))
    match decision.why:
        case "backoff":
            assert run is not None
            return (yield from defer(delivery, run.holder, run.after, "backoff"))
        case "contention":
            chance = delivery.host.randomness.random()
            return (
                yield from defer(delivery, delivery.holder, soon(delivery) + int(2 * SECOND * chance), "contention")
            )
        case "held":
            # Check also before the lease has ended: most holders settle long before.
            due = min(after_lease(delivery, lease.expires), in_a_minute(delivery))
            return (yield from defer(delivery, lease.holder or "", due, "held"))
        case "paused":
            return (yield from defer_until_resumed(delivery))
        case "running":
            return (yield from after_holder(delivery, run, "running"))


def defer_until_resumed(delivery: Delivery) -> Steps[Outcome]:
    """Defer an occurrence that had begun before its job was paused. Its carrier checks every ``PAUSE_CHECK`` seconds.

    ``resume`` makes no carrier. So an operator who is stopped after that write leaves nothing behind.
    """
    due = delivery.host.now() + PAUSE_CHECK * SECOND
    return (yield from defer(delivery, obstacle_of_plan(delivery, PAUSED), due, PAUSED))


def after_holder(delivery: Delivery, run: RunItem | None, why: str) -> Steps[Outcome]:
    """Defer until the occurrence's running attempt must have ended. If it settles, the carrier finds a duplicate."""
    lease = delivery.seen.lease
    own = lease.occurrence == delivery.claimant.occurrence
    holder = run.holder if run is not None else lease.holder or ""
    ends = [lease.expires if own else 0, run.expires if run is not None else 0]
    return (yield from defer(delivery, holder, after_lease(delivery, max(ends)), why))


def obstacle_of_plan(delivery: Delivery, why: str) -> str:
    """Return the obstacle in the name of a carrier that is made before the ledger has answered.

    Each plan of a key has its own carrier.
    """
    of = delivery.terms.occurrence
    if of.revision is None:  # not planned by code
        return why
    return f"{why} {of.revision} {of.due}"


def arm(delivery: Delivery, holder: str, due: int, *, reserve: float = TIME_TO_RAISE) -> Steps[None]:
    """Make the carrier of this delivery's occurrence. Raise Unavailable.

    An event with another input has its own carrier: only the ledger can refuse it, with a dead letter.

    ``reserve``: seconds before the deadline at which it gives up.
    """
    of, terms = delivery.terms.occurrence, delivery.terms
    hop = 0 if of.hop is None else of.hop + 1
    name = carrier.name(of.job, of.id, f"{carrier.kind_of(terms.event)} {of.payload}", holder, hop)
    yield from make_carrier(delivery, name, carrier.event_text(terms.event, hop), due, reserve=reserve)


def defer_in_slot(delivery: Delivery, why: str, status: str = "deferred") -> Steps[Outcome]:
    """Make a carrier for the next check of this buffered occurrence, and acknowledge."""
    of = delivery.terms.occurrence
    yield from arm_slot(delivery, of.id, delivery.terms.event, of.hop)
    return Outcome(status, reason=why)


def arm_slot(delivery: Delivery, occurrence: str, event: Mapping[str, Any], hop: int | None) -> Steps[None]:
    """Make the next carrier of a buffered occurrence of this job, the delivery's own or another one.

    Of all deliveries that call this before the same check, only the first one makes it: then its name is taken.
    """
    interval, job = delivery.terms.knobs.look, delivery.terms.occurrence.job
    number = carrier.next_check(hop, delivery.host.now(), interval)
    name = carrier.name(job, occurrence, carrier.kind_of(event), carrier.SLOT, number)
    yield from make_carrier(delivery, name, carrier.event_text(event, number), number * interval * SECOND)


def make_carrier(delivery: Delivery, name: str, event: str, due: int, *, reserve: float = TIME_TO_RAISE) -> Steps[None]:
    """Make a carrier, or ensure that the carrier of this name exists. Raise Unavailable."""
    way, host = delivery.terms.way, delivery.host
    pause, again = FIRST_PAUSE, 0
    while True:
        named = carrier.renamed(name, again)
        build = carrier.ScheduleBuilder(way, named, event, due, host.now)
        made = yield from send(build, host, reserve=reserve)
        if isinstance(made, Done) and build.is_ahead:
            return
        existing = yield from send(carrier.get(way, named), host, reserve=reserve, absent=True)
        if isinstance(existing, Done):
            if carrier.is_ahead(existing.fields, host.now()):
                return
            again, pause = again + 1, FIRST_PAUSE  # another name, which is free
        rest = pause * (0.5 + host.randomness.random() / 2)
        if pause > LONGEST_PAUSE or host.left() - rest <= reserve:
            raise Unavailable(
                f"EventBridge Scheduler reports a conflict for the schedule {name} of the group {way.group}, and shows"
                " no such schedule",
                remedy=DELIVERED_AGAIN,
            )
        yield Sleep(rest)
        pause *= 2


def defer_for_outage(delivery: Delivery, fault: Unavailable) -> Steps[Outcome]:
    """Defer because the ledger does not answer, with growing pauses, because an outage may last for hours.

    A carrier needs no ledger. Lambda would deliver the event only twice again, within three minutes. Raise ``fault``
    if it is not temporary (a missing permission or table needs an operator now), Unavailable.
    """
    if not fault.passing:
        raise fault
    yield from arm(delivery, obstacle_of_plan(delivery, OUTAGE), _next_check(delivery))
    return Outcome("deferred", reason=OUTAGE, note=str(fault))


def _next_check(delivery: Delivery) -> int:
    """Return the time of the next check. One check comes shortly before the start deadline, to start in time."""
    of, now = delivery.terms.occurrence, delivery.host.now()
    waited = now - (of.due if of.requested is None else of.requested)
    first, longest = (seconds * SECOND for seconds in OUTAGE_PAUSES)
    check = now + min(max(waited // 2, first), longest)
    last = of.due + (delivery.terms.start_deadline - BEFORE_DEADLINE) * SECOND
    in_time = not of.by_operator and now + carrier.lead() < last
    return min(check, last) if in_time else check


def arm_next_attempt(delivery: Delivery, grant: Grant) -> Steps[None]:
    """Make the carrier of the attempt after this one, due when this lease has ended. Called after a crash.

    Lambda delivers an event three times. If the handler is killed each time, Lambda gives up, although retries are
    left. If Scheduler fails, the handler runs without a carrier: it may succeed.
    """
    reserve = max(delivery.least_time, delivery.host.left() - TIME_TO_CARRY)
    with suppress(Unavailable):
        due = after_lease(delivery, grant.expires)
        yield from arm(delivery, f"after {delivery.holder}", due, reserve=reserve)


def soon(delivery: Delivery) -> int:
    """Return the earliest time for which a carrier is made."""
    return delivery.host.now() + carrier.lead()


def after_next_check(delivery: Delivery) -> int:
    """Return a time shortly after the next check of the occurrence in the slot, when it has left the slot."""
    seconds = delivery.terms.knobs.look
    return carrier.next_check(None, delivery.host.now(), seconds) * seconds * SECOND + carrier.lead()


def in_a_minute(delivery: Delivery) -> int:
    """Return the time after one check interval, by default a minute."""
    return delivery.host.now() + delivery.terms.knobs.look * SECOND


def after_lease(delivery: Delivery, expires: int) -> int:
    """Return the time at which a lease has ended by every clock."""
    return max(expires + delivery.claimant.margin + SECOND, soon(delivery))
