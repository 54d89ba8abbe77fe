"""Later: a carrier is made, and only then the event is acknowledged.

Crash points: before the carrier exists nothing is acknowledged, and Lambda delivers the event again; after it exists,
the same carrier made again is one carrier, because its name is taken. A carrier that comes too early looks, makes the
next one under the next name, and goes.

Scheduler answers with a conflict when the name is taken, but also when it is changing something of that name. So a
conflict is looked at. Where no such schedule exists, it has fired, or was never made, or Scheduler does not show it
yet: it is made once more under its name. In the first case two events come. That is harmless: both name the same
occurrence and hop, and the ledger decides as for an event that Lambda delivers twice.

A schedule that exists counts only while its time is still to come. Once that is past, it may have fired and not be
deleted yet, or it may never fire: a request that was held up on its way can make a schedule for a time that is past,
and AWS does not say what becomes of it. So another one is made under another name. Again, one event too many is
harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from cronstack.errors import Unavailable
from cronstack.guard import carrier
from cronstack.guard.decision import Wait
from cronstack.guard.delivery import FIRST_LOOK, LONGEST_PAUSE, TIME_TO_CARRY, TIME_TO_TELL, Delivery, Grant, Outcome
from cronstack.ledger import run_requests
from cronstack.ledger.rows import RunItem
from cronstack.steps import DELIVERED_AGAIN, Done, Sleep, Steps, send

SECOND: Final = 1000
OUTAGE: Final = "outage"
"""The reason of a delivery that the ledger did not answer."""
OUTAGE_LOOKS: Final = (60, 900)
"""Seconds after which the ledger is asked again in an outage, at first and in the end."""
BEFORE_DEADLINE: Final = 120
"""Seconds before the start deadline: a carrier may come a minute late."""


def defer(delivery: Delivery, holder: str, due: int, why: str, status: str = "deferred") -> Steps[Outcome]:
    """Come back at ``due`` (epoch ms) for what ``holder`` stands in the way of, and acknowledge."""
    run, terms = delivery.seen.run, delivery.terms
    if run is not None and (run.status == "running" or (run.status == "crashed" and not run.event)):
        # A clean run keeps no event. This one is acknowledged before it ends: if the carrier is lost, the row has it.
        call = run_requests.keep_event(terms.table, terms.occurrence, carrier.kept_text(terms.event))
        yield from send(call, delivery.host, reserve=delivery.reserve)  # refused: it went on meanwhile
    yield from arm(delivery, holder, due)
    return Outcome(status, reason=why)


def wait_elsewhere(delivery: Delivery, decision: Wait) -> Steps[Outcome]:
    """What cannot be decided now, by the reason for it."""
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
            # It looks before the lease has ended, too: most holders settle long before.
            due = min(after_lease(delivery, lease.expires), look(delivery))
            return (yield from defer(delivery, lease.holder or "", due, "held"))
        case "running":
            return (yield from after_holder(delivery, run, "running"))


def after_holder(delivery: Delivery, run: RunItem | None, why: str) -> Steps[Outcome]:
    """Look when the one that works the occurrence must have ended: if it settles, that look finds a duplicate."""
    lease = delivery.seen.lease
    own = lease.occurrence == delivery.asking.occurrence
    holder = run.holder if run is not None else lease.holder or ""
    ends = [lease.expires if own else 0, run.expires if run is not None else 0]
    return (yield from defer(delivery, holder, after_lease(delivery, max(ends)), why))


def obstacle_of_plan(delivery: Delivery, why: str) -> str:
    """Return the obstacle for the name of a carrier that is made before the ledger has answered.

    Each plan of a key has a carrier of its own.
    """
    of = delivery.terms.occurrence
    if of.revision is None:  # not planned by code
        return why
    return f"{why} {of.revision} {of.due}"


def arm(delivery: Delivery, holder: str, due: int, *, reserve: float = TIME_TO_TELL) -> Steps[None]:
    """Make the carrier of this delivery's occurrence. Raises Unavailable.

    An event with another input has a carrier of its own: only the ledger can refuse it, with a dead letter.

    ``reserve``: seconds before the deadline at which it gives up.
    """
    of, terms = delivery.terms.occurrence, delivery.terms
    hop = 0 if of.hop is None else of.hop + 1
    name = carrier.name(of.job, of.id, f"{carrier.kind_of(terms.event)} {of.payload}", holder, hop)
    yield from make_carrier(delivery, name, carrier.event_text(terms.event, hop), due, reserve=reserve)


def defer_in_slot(delivery: Delivery, why: str, status: str = "deferred") -> Steps[Outcome]:
    """Come back at the next look of this occurrence, which is buffered, and acknowledge."""
    of = delivery.terms.occurrence
    yield from arm_slot(delivery, of.id, delivery.terms.event, of.hop)
    return Outcome(status, reason=why)


def arm_slot(delivery: Delivery, occurrence: str, event: Mapping[str, Any], hop: int | None) -> Steps[None]:
    """Make the next carrier of a buffered occurrence of this job, the delivery's own or another one.

    Of all who do so before the same look only the first makes one: the others find its name taken.
    """
    look, job = delivery.terms.knobs.look, delivery.terms.occurrence.job
    number = carrier.next_look(hop, delivery.host.now(), look)
    name = carrier.name(job, occurrence, carrier.kind_of(event), carrier.SLOT, number)
    yield from make_carrier(delivery, name, carrier.event_text(event, number), number * look * SECOND)


def make_carrier(delivery: Delivery, name: str, event: str, due: int, *, reserve: float = TIME_TO_TELL) -> Steps[None]:
    """Make a carrier, or make sure that the one of this name exists. Raises Unavailable."""
    way, host = delivery.terms.way, delivery.host
    pause, again = FIRST_LOOK, 0
    while True:
        named = carrier.renamed(name, again)
        build = carrier.Building(way, named, event, due, host.now)
        made = yield from send(build, host, reserve=reserve)
        if isinstance(made, Done) and build.is_ahead:
            return
        found = yield from send(carrier.get(way, named), host, reserve=reserve, absent=True)
        if isinstance(found, Done):
            if carrier.is_ahead(found.fields, host.now()):
                return
            again, pause = again + 1, FIRST_LOOK  # another name, which is free
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
    """The ledger does not answer: come back later, ever less often, because an outage may last for hours.

    A carrier needs no ledger. Lambda would deliver the event only twice more, within three minutes. Raises ``fault``
    where it does not pass by itself (a missing right or table needs an operator now), Unavailable.
    """
    if not fault.passing:
        raise fault
    yield from arm(delivery, obstacle_of_plan(delivery, OUTAGE), _next_look(delivery))
    return Outcome("deferred", reason=OUTAGE, note=str(fault))


def _next_look(delivery: Delivery) -> int:
    """When the ledger is asked again. One look comes shortly before the start deadline, while it can still start."""
    of, now = delivery.terms.occurrence, delivery.host.now()
    waited = now - (of.due if of.requested is None else of.requested)
    first, longest = (seconds * SECOND for seconds in OUTAGE_LOOKS)
    look = now + min(max(waited // 2, first), longest)
    last = of.due + (delivery.terms.start_deadline - BEFORE_DEADLINE) * SECOND
    in_time = not of.by_operator and now + carrier.lead() < last
    return min(look, last) if in_time else look


def arm_next_attempt(delivery: Delivery, grant: Grant) -> Steps[None]:
    """Before an attempt that follows a crash: make the carrier of the one after it, due when its lease has ended.

    Lambda delivers an event three times. A handler that is killed each time would be given up then, whatever its
    retries are. Where Scheduler fails, the handler runs all the same: it may end well.
    """
    reserve = max(delivery.enough, delivery.host.left() - TIME_TO_CARRY)
    with suppress(Unavailable):
        due = after_lease(delivery, grant.expires)
        yield from arm(delivery, f"after {delivery.holder}", due, reserve=reserve)


def soon(delivery: Delivery) -> int:
    """The earliest time for which a carrier is made."""
    return delivery.host.now() + carrier.lead()


def after_look(delivery: Delivery) -> int:
    """Shortly after the next look of what waits in the slot, so that it has left the slot by then."""
    seconds = delivery.terms.knobs.look
    return carrier.next_look(None, delivery.host.now(), seconds) * seconds * SECOND + carrier.lead()


def look(delivery: Delivery) -> int:
    return delivery.host.now() + delivery.terms.knobs.look * SECOND


def after_lease(delivery: Delivery, expires: int) -> int:
    """When a lease is past on every clock."""
    return max(expires + delivery.asking.margin + SECOND, soon(delivery))
