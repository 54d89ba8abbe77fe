"""The slot of a job's lease: where one occurrence waits (overlap "buffer_one"), and how others let it go first.

    newcomer ──lease held, slot free──▶ buffered ──look, once a minute──▶ lease free: running, and the slot is empty
             ──lease held, slot full──▶ skipped            └──▶ past its start deadline: missed, and the slot is empty
             ──lease free, slot full──▶ stands aside: waits a moment, then comes back after the next look

Invariants
  - At most one occurrence is buffered, and the slot names it.
  - Fair: no occurrence of the job starts for the first time while another one is buffered. The claim's own condition
    says so, so it holds whatever a delivery has seen. A further attempt of a started occurrence does not wait for it.
  - A delivery that is skipped or deferred because the slot is full first makes sure that the waiting occurrence has a
    carrier. A lost carrier therefore delays the job until the next event, and does not block it.
  - All carriers of a waiting occurrence that are made before the same look are one schedule (see ``carrier``).

Crash points
  1  slot taken, no carrier made      the event is delivered again, finds itself buffered, and makes the carrier
  2  carrier fired, no next one made  Lambda delivers the carrier again; given up, the next newcomer makes one
  3  the slot names an occurrence that does not wait (its row was deleted by hand, or it ran under another policy): the
     next newcomer takes its place
"""

from __future__ import annotations

from cronstack.guard.carrier import event_text, last_look, read_kept
from cronstack.guard.deferral import after_look, arm_slot, defer
from cronstack.guard.delivery import FIRST_LOOK, Delivery, Outcome
from cronstack.guard.letters import missed, report_missed
from cronstack.ledger import run_requests
from cronstack.ledger.rows import RunItem
from cronstack.steps import Call, Done, Refused, Steps, send


def enter(delivery: Delivery, by: str) -> Call:
    """Return the request that puts this occurrence into the slot, behind the holder ``by``."""
    event, met = event_text(delivery.terms.event), delivery.seen.lease.occurrence or ""
    return run_requests.buffer(delivery.closing("buffered"), event, by, leaves(delivery), delivery.next_claim(), met)


def leaves(delivery: Delivery) -> str | None:
    """Return the occurrence that leaves the slot when this one is claimed or enters: itself, or one that does not wait.

    None: the request leaves the slot as it is.
    """
    run, own = delivery.seen.run, delivery.asking.occurrence
    if run is not None and run.status != "missed":
        return own if run.status == "buffered" and delivery.in_slot else None
    return own if delivery.seen.lease.buffered == own else delivery.stale


def look_at_waiting(delivery: Delivery, occurrence: str) -> Steps[RunItem | None]:
    """Read the row of the other ``occurrence`` in the slot; only the row has its event.

    None: it does not wait, and the slot counts as empty when this delivery decides again.
    """
    terms = delivery.terms
    call = run_requests.get_run(terms.table, terms.occurrence.job, occurrence)
    answer = yield from send(call, delivery.host, reserve=delivery.reserve)
    run = delivery.known_run(answer.fields.get("Item")) if isinstance(answer, Done) else None
    if run is not None and run.status == "buffered":
        return run
    delivery.stale = occurrence
    delivery.seen = delivery.seen._replace(lease=delivery.seen.lease._replace(buffered=None))
    delivery.rounds -= 1
    return None


def bring(delivery: Delivery, waiting: RunItem) -> Steps[None]:
    """Make sure that the other occurrence in the slot has a carrier."""
    event = read_kept(waiting.event)
    yield from arm_slot(delivery, waiting.occurrence, event, event.get("carrier"))


def stand_aside(delivery: Delivery, waiting: RunItem) -> Steps[Outcome | None]:
    """Let the other occurrence in the slot go first, and come back after its next look. None: decide again.

    The two often come in one second, both by the minute. So this delivery first waits a moment, once: when the other
    one has started, or was missed, this one takes its place without the detour.
    """
    if delivery.may_wait() and not delivery.stood_aside:
        delivery.stood_aside = True
        yield from delivery.pause(FIRST_LOOK)
        lease = yield from delivery.look_at_lease()
        delivery.seen = delivery.seen._replace(lease=lease)
        return None
    yield from bring(delivery, waiting)
    return (yield from defer(delivery, waiting.occurrence, after_look(delivery), "slot"))


def is_past(delivery: Delivery, waiting: RunItem) -> bool:
    """Return whether the other occurrence in the slot is too late to start: its look of this minute records a miss."""
    late = last_look(delivery.host.now(), delivery.terms.knobs.look) - waiting.due
    return late > delivery.terms.start_deadline * 1000 and not is_waived(waiting)


def is_waived(run: RunItem) -> bool:
    """Return whether an operator's event put the run into the slot: then no start deadline applies."""
    return read_kept(run.event).get("by") == "operator"


def miss_buffered(delivery: Delivery) -> Steps[Outcome | None]:
    """Record that this occurrence waited until it was too late. None: another delivery has started it."""
    for in_slot in (True, False):  # the second time for a slot that does not name it
        closing = missed(delivery)
        call = run_requests.miss_buffered(closing, delivery.next_claim(), in_slot=in_slot)
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
        if not isinstance(answer, Refused):
            return (yield from report_missed(delivery, closing))
        if not answer.conditions[0].held:
            run = yield from delivery.shown_run(answer.conditions[0].item)
            delivery.seen = delivery.seen._replace(run=run)
            if run is None or run.holder != delivery.holder or run.status != "missed":
                return None
            return (yield from report_missed(delivery, closing))
    return None
