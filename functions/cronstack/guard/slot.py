"""The slot of a job's lease: one occurrence waits in it (overlap "buffer_one"), and later ones let it go first.

    newcomer ──lease held, slot free──▶ buffered ──check, once a minute──▶ lease free: running, and the slot is empty
             ──lease held, slot full──▶ skipped             ├──▶ past its start deadline: missed, and the slot is empty
             │                                                  └──▶ the job is paused: skipped, and the slot is empty
             ──lease free, slot full──▶ gives way: waits a moment, then comes back after the next check

Invariants
  - At most one occurrence is buffered, and the slot names it.
  - Fair: no occurrence of the job starts for the first time while another one is buffered. The condition of the claim
    ensures it, whatever items a delivery has seen. A further attempt of a started occurrence does not wait for it.
  - A delivery that is skipped or deferred because the slot is full first ensures that the waiting occurrence has a
    carrier. So a lost carrier delays the job until the next event, and does not block it.
  - All carriers of a waiting occurrence that are made before the same check are one schedule (see ``carrier``).

Crash points
  1  slot taken, no carrier made      the event is delivered again, finds itself buffered, and makes the carrier
  2  carrier fired, no next one made  Lambda delivers the carrier again; if it gives up, the next newcomer makes one
  3  the slot names an occurrence that does not wait (its row was deleted by hand, or it ran under another policy): the
     next newcomer replaces it
"""

from __future__ import annotations

from cronstack.guard.carrier import event_text, last_check, read_stored
from cronstack.guard.deferral import after_next_check, arm_slot, defer
from cronstack.guard.delivery import FIRST_PAUSE, Delivery, Outcome
from cronstack.guard.letters import missed, report_missed
from cronstack.ledger import run_requests
from cronstack.ledger.rows import PAUSED, RunItem
from cronstack.steps import Call, Done, Refused, Steps, send


def enter(delivery: Delivery, by: str) -> Call:
    """Return the request that puts this occurrence into the slot, behind the holder ``by``."""
    event, running = event_text(delivery.terms.event), delivery.seen.lease.occurrence or ""
    closing = delivery.closing("buffered")
    return run_requests.buffer(closing, event, by, leaving(delivery), delivery.next_claim(), running)


def leaving(delivery: Delivery) -> str | None:
    """Return the occurrence that leaves the slot when this one is claimed or enters: itself, or one that does not wait.

    None: the request does not change the slot.
    """
    run, own = delivery.seen.run, delivery.claimant.occurrence
    if run is not None and run.status != "missed":
        return own if run.status == "buffered" and delivery.in_slot else None
    return own if delivery.seen.lease.buffered == own else delivery.stale


def look_at_waiting(delivery: Delivery, occurrence: str) -> Steps[RunItem | None]:
    """Read the row of the other ``occurrence`` in the slot; only the row has its event.

    None: it does not wait, so the slot counts as empty when this delivery decides again.
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


def ensure_carrier(delivery: Delivery, waiting: RunItem) -> Steps[None]:
    """Ensure that the other occurrence in the slot has a carrier."""
    event = read_stored(waiting.event)
    yield from arm_slot(delivery, waiting.occurrence, event, event.get("carrier"))


def give_way(delivery: Delivery, waiting: RunItem) -> Steps[Outcome | None]:
    """Let the other occurrence in the slot go first, and come back after its next check. None: decide again.

    Both often come in the same second, at the full minute. So this delivery first waits a moment, once: if the other
    one then has started, or was missed, this one enters the slot without a carrier.
    """
    if delivery.may_wait() and not delivery.gave_way:
        delivery.gave_way = True
        yield from delivery.pause(FIRST_PAUSE)
        lease = yield from delivery.look_at_lease()
        delivery.seen = delivery.seen._replace(lease=lease)
        return None
    yield from ensure_carrier(delivery, waiting)
    return (yield from defer(delivery, waiting.occurrence, after_next_check(delivery), "slot"))


def is_past(delivery: Delivery, waiting: RunItem) -> bool:
    """Return whether the other occurrence in the slot is too late to start: its check of this minute records a miss."""
    late = last_check(delivery.host.now(), delivery.terms.knobs.look) - waiting.due
    return late > delivery.terms.start_deadline * 1000 and not is_waived(waiting)


def is_waived(run: RunItem) -> bool:
    """Return whether an operator's event put the run into the slot. Then it has no start deadline."""
    return read_stored(run.event).get("by") == "operator"


def runs_while_paused(run: RunItem) -> bool:
    """Return whether an operator's event, which runs although the job is paused, put the run into the slot."""
    return "while_paused" in read_stored(run.event)


def miss_buffered(delivery: Delivery) -> Steps[Outcome | None]:
    """Record this buffered occurrence as missed. None: another delivery has started it."""
    closing = missed(delivery)
    if not (yield from _leave(delivery, closing)):
        return None
    return (yield from report_missed(delivery, closing))


def skip_buffered(delivery: Delivery) -> Steps[Outcome | None]:
    """Record this buffered occurrence of a paused job as skipped. None: its state has changed, so decide again."""
    if (yield from _leave(delivery, delivery.closing("skipped", PAUSED))):
        return Outcome("skipped", reason=PAUSED)
    delivery.rounds -= 1
    return None


def _leave(delivery: Delivery, closing: run_requests.Closing) -> Steps[bool]:
    """End this buffered occurrence and empty the slot. False: another delivery has changed the run."""
    request = run_requests.miss_buffered if closing.status == "missed" else run_requests.skip_buffered
    for in_slot in (True, False):  # the second try: the slot does not name it
        call = request(closing, delivery.next_claim(), in_slot=in_slot)
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
        if not isinstance(answer, Refused):
            return True
        if not answer.conditions[0].held:
            run = yield from delivery.shown_run(answer.conditions[0].item)
            delivery.seen = delivery.seen._replace(run=run)
            return run is not None and run.holder == delivery.holder and run.status == closing.status
        if in_slot:  # raises Unavailable if a newer version wrote the lease row, whose slot may still name it
            yield from delivery.shown_lease(answer.conditions[1].item)
    return False
