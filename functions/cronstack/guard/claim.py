"""From an event to a grant: claim the occurrence, or learn why not.

Each round sends one conditional write, and its refusal brings the old items back. ``decision`` says what they mean;
here it is carried out: claim by the state seen, take over a dead holder, skip, wait in the slot. At most six rounds in
a row, the third and later with jitter; what cannot be had now is left to a carrier. A clean run needs one request here,
the retry of a failed one two, a duplicate one.

    exp (lease end) = clock before the first send + time left + grace        fence = max(clock, highest seen + 1)

The first request goes out by this machine's own clock, and its answer tells the time (see ``timing.aws_clock``). So
nothing is taken over by the first request, and a lease that a slow clock has stored too short is lengthened (see
``protocol``).
"""

from __future__ import annotations

from cronstack.errors import EventError, Unavailable
from cronstack.guard.begin import begin, plan_ttl, worked_before
from cronstack.guard.decision import (
    Buffer,
    Claim,
    Decision,
    Duplicate,
    GiveWay,
    Mine,
    Mismatch,
    Overtaken,
    Seen,
    Skip,
    SlotFull,
    TakeOver,
    Time,
    Unreported,
    Wait,
    decide,
    decide_alone,
)
from cronstack.guard.deferral import defer_in_slot, wait_elsewhere
from cronstack.guard.delivery import FIRST_LOOK, ROUNDS, Delivery, Grant, Outcome
from cronstack.guard.due import is_late, sleep_or_defer, wait_until_due
from cronstack.guard.letters import missed, report_missed, see_to_letter
from cronstack.guard.slot import bring, enter, is_past, is_waived, leaves, look_at_waiting, miss_buffered, stand_aside
from cronstack.ledger import claim_requests, items, run_requests
from cronstack.ledger.rows import LeaseItem, RunItem
from cronstack.steps import Condition, Done, Refused, Sleep, Steps, send


def admit(delivery: Delivery) -> Steps[Grant | Outcome]:
    """Claim, or end this delivery. Raises EventError, OutOfTime, Unavailable."""
    occurrence = delivery.terms.occurrence
    if _is_aged(delivery):
        # Never waived. But what still has an item is not forgotten: it may have waited long, and must become final.
        yield from delivery.look_at_run()
        delivery.aged = _is_aged(delivery)  # again, now that an answer has told the time
    over = yield from wait_until_due(delivery)
    if over is not None:
        return over
    if occurrence.revision is None:
        over = None if _is_forgotten(delivery) else (yield from _miss_late(delivery))
    else:
        over = yield from _begin_own(delivery)
    if over is not None:
        return over
    while True:
        if _is_forgotten(delivery):
            raise too_old(delivery)
        decision = _decide(delivery)
        delivery.terms.on_decision(decision)
        ended = yield from _carry_out(delivery, decision)
        if ended is not None:
            return ended


def _is_aged(delivery: Delivery) -> bool:
    return delivery.host.now() - delivery.terms.occurrence.age_from > delivery.terms.knobs.horizon * 1000


def _is_forgotten(delivery: Delivery) -> bool:
    """Older than the horizon and without an item: it may have run, and its item may have expired since."""
    return delivery.aged and delivery.seen.run is None


def too_old(delivery: Delivery) -> EventError:
    occurrence, horizon = delivery.terms.occurrence, delivery.terms.knobs.horizon
    return EventError(
        "TooOld",
        f"{occurrence.id} of {occurrence.job} is older than {horizon // 86400} days: the ledger may have forgotten"
        " whether it ran",
        remedy=f"Run it as a new generation: cronstack backfill {occurrence.job} --from … --to … --again",
    )


def _begin_own(delivery: Delivery) -> Steps[Outcome | None]:
    """Begin the plan of a key, if this is its own event. Not None: it is overtaken, or missed.

    What a carrier or an operator brings has mostly begun: its claim finds out. One of a great age has no claim before.
    """
    occurrence = delivery.terms.occurrence
    own = occurrence.hop is None and not occurrence.by_operator
    return (yield from _begin(delivery)) if own or _is_forgotten(delivery) else None


def _begin(delivery: Delivery) -> Steps[Outcome | None]:
    overtaken = yield from begin(delivery)
    if overtaken is not None or _is_forgotten(delivery):
        return overtaken
    return (yield from _miss_late(delivery))


def _miss_late(delivery: Delivery) -> Steps[Outcome | None]:
    """Miss what is too late, which bounds the first start only. None: it is in time, or was started: claim it."""
    if not (yield from is_late(delivery)):
        return None
    while delivery.rounds > 0 and ((run := delivery.seen.run) is None or _is_of_earlier_plan(delivery, run)):
        ended = yield from _miss(delivery, run)
        if ended is not None:
            return ended
    run = delivery.seen.run
    # What an operator had put into the slot is not undone by a late event of the schedule.
    if run is None or run.status != "buffered" or is_waived(run):
        return None
    return (yield from miss_buffered(delivery))


def _miss(delivery: Delivery, before: RunItem | None) -> Steps[Outcome | None]:
    """Record that it is too late to start, and send its letter. None: refused, and how it stands is seen.

    ``before``: the run that an earlier plan of its key has missed.
    """
    closing = missed(delivery)
    if delivery.terms.occurrence.revision is None:
        call = run_requests.miss(closing)
    else:
        call = run_requests.miss_key(closing, delivery.next_claim(), plan_ttl=plan_ttl(delivery), before=before)
    answer = yield from send(call, delivery.host, reserve=delivery.reserve)
    if not isinstance(answer, Refused) or (yield from _is_own(delivery, answer.conditions[0], "missed")):
        return (yield from report_missed(delivery, closing))
    delivery.rounds -= 1
    if not all(condition.held for condition in answer.conditions[1:]):
        return (yield from begin(delivery))  # the plan has changed since it was begun
    return None


def _is_own(delivery: Delivery, refused: Condition, status: str) -> Steps[bool]:
    """Whether a refusal shows what this delivery has written itself, because an answer was lost."""
    if refused.held:
        return False
    run = yield from delivery.shown_run(refused.item)
    delivery.seen = delivery.seen._replace(run=run)
    return run is not None and run.holder == delivery.holder and run.status == status


def _is_of_earlier_plan(delivery: Delivery, run: RunItem) -> bool:
    """Whether the key of this plan was missed, and then planned anew."""
    return run.status == "missed" and run.revision < (delivery.terms.occurrence.revision or 0)


def _decide(delivery: Delivery) -> Decision:
    time = Time(delivery.rested(), delivery.host.clock.earliest())
    if delivery.alone:
        return decide_alone(delivery.asking, delivery.seen.run, time, rounds_left=delivery.rounds)
    return decide(delivery.asking, delivery.seen, time, rounds_left=delivery.rounds)


def _carry_out(delivery: Delivery, decision: Decision) -> Steps[Grant | Outcome | None]:
    """None: decide again, more is seen."""
    if isinstance(decision, Skip | Buffer | SlotFull | GiveWay) and delivery.early() > 0:
        # Claimed by a clock that is ahead. Another occurrence is in the way now, and perhaps not at the due time.
        over = yield from sleep_or_defer(delivery)
        delivery.seen = Seen()
        return over
    match decision:
        case Claim():
            return (yield from _try(delivery, over=False))
        case TakeOver():
            return (yield from _try(delivery, over=True))
        case Mine():
            return (yield from _adopt(delivery))
        case Duplicate(status):
            return Outcome("duplicate", reason=status)
        case Unreported(run):
            put_off = yield from see_to_letter(delivery, run)
            if put_off is not None:
                return put_off
            yield from delivery.look_at_run()
        case Overtaken(run):
            if delivery.may_begin:
                raise worked_before(delivery, run)
            return Outcome("overtaken", reason=run.status)
        case Skip(by):
            return (yield from _skip(delivery, "overlap", by))
        case Buffer(by):
            answer = yield from send(enter(delivery, by), delivery.host, reserve=delivery.reserve)
            if not isinstance(answer, Refused):
                return (yield from defer_in_slot(delivery, "overlap", status="buffered"))
            delivery.rounds -= 1
            yield from _learn(delivery, answer, over=True)
        case SlotFull(by, waits):
            waiting = yield from look_at_waiting(delivery, waits)
            if waiting is not None and is_past(delivery, waiting):
                return (yield from stand_aside(delivery, waiting))
            if waiting is not None:
                yield from bring(delivery, waiting)
                return (yield from _skip(delivery, "slot_full", by))
        case GiveWay(waits):
            waiting = yield from look_at_waiting(delivery, waits)
            if waiting is not None:
                return (yield from stand_aside(delivery, waiting))
        case Mismatch():
            of = delivery.terms.occurrence
            raise EventError(
                "PayloadMismatch",
                f"{of.id} of {of.job} was claimed with another input; the first one stands",
                remedy=f"Trigger a run of its own for the other input: cronstack trigger {of.job} --input …",
            )
        case Wait(why):
            # A duplicate that comes at once waits a little for the outcome; everything else is a carrier's.
            if why != "running" or not (yield from _wait_for_run(delivery)):
                return (yield from wait_elsewhere(delivery, decision))
            delivery.rounds = ROUNDS
    return None


# -- claim -------------------------------------------------------------------------------------------------------------
def _try(delivery: Delivery, *, over: bool) -> Steps[Grant | Outcome | None]:
    """One claim by what was seen. None: refused, and more is seen. An Outcome: the plan of the key is another one."""
    if delivery.host.left() < delivery.enough:
        # Frozen and woken after its time: its claim could only count as a start that never was, and past the deadline.
        raise delivery.out_of_time()
    if _is_closed(delivery):
        return (yield from _begin(delivery))
    done = ROUNDS - delivery.rounds
    if done > 1:  # the second round only uses what the first has shown; after that others are in the way
        yield Sleep(delivery.host.randomness.random() * 0.05 * 2**done)
    opening, (lease, run), token = _opening(delivery), delivery.seen, delivery.next_claim()
    slot = leaves(delivery)
    if delivery.alone:
        clock = delivery.host.clock
        # Before the first answer, no lease has ended for sure, and no pause either.
        surely_past = clock.earliest() - delivery.asking.margin
        rested = delivery.rested() if clock.is_known or run is not None else 0
        call = claim_requests.claim_alone(opening, run, surely_past, rested=rested, may_begin=delivery.may_begin)
    elif over:
        unmarked = lease.holder != delivery.unmarked
        call = claim_requests.take_over(opening, run, lease, token, mark_crashed=unmarked, slot=slot)
    else:
        call = claim_requests.claim(opening, run, token, slot=slot)
    answer = yield from send(call, delivery.host, reserve=delivery.reserve)
    if isinstance(answer, Refused):
        delivery.rounds -= 1
        if delivery.alone:
            return (yield from _learn_alone(delivery, answer))
        yield from _learn(delivery, answer, over=over)
        return None
    return _granted(delivery, opening, run, answer)


def _is_closed(delivery: Delivery) -> bool:
    """Whether the key was missed, and its plan is not known to be begun (again)."""
    run = delivery.seen.run
    return run is not None and run.status == "missed" and not delivery.may_begin


def _opening(delivery: Delivery) -> claim_requests.Opening:
    now, terms = delivery.host.now(), delivery.terms
    delivery.opened, delivery.span = delivery.host.clock.reading(), delivery.lease_end(0)
    fence = max(now, delivery.floor)
    return claim_requests.Opening(
        terms.table,
        terms.occurrence,
        delivery.holder,
        fence,
        now,
        delivery.lease_end(delivery.host.clock.latest()),
        terms.limit,
        delivery.ttl(now, terms.knobs.last_resort),
    )


def _granted(delivery: Delivery, opening: claim_requests.Opening, run: RunItem | None, answer: Done) -> Grant:
    """A transaction returns no values: what is known of the past came with an earlier refusal."""
    if delivery.alone and (old := items.read_run(answer.fields.get("Attributes"))) is not None:
        delivery.seen = Seen(LeaseItem(), run := old)
    attempt, limit = claim_requests.attempt_of(run), claim_requests.limit_of(run, opening.limit)
    delivery.after_crash = run is not None and run.status in ("running", "crashed")
    kept = ("", 0) if run is None else (run.checkpoint, run.saves)
    return Grant(attempt, limit, opening.fence, opening.expires, *kept)


def _learn(delivery: Delivery, refused: Refused, *, over: bool) -> Steps[None]:
    lease, run = delivery.seen
    lease_part, run_part = refused.conditions[:2]
    if not lease_part.held:
        lease = yield from delivery.shown_lease(lease_part.item)
        delivery.in_slot = lease.buffered == delivery.asking.occurrence
    elif not over:
        lease = LeaseItem()  # the condition of a plain claim held: it is free
    if not run_part.held:
        if lease_part.held and run is None:  # then the slot is as this first start asked for it
            delivery.in_slot = leaves(delivery) == delivery.asking.occurrence
        run = yield from delivery.shown_run(run_part.item)
    if lease_part.held and run_part.held:  # only the crashed run's part failed: there is nothing to mark
        delivery.unmarked = lease.holder
    delivery.seen = Seen(lease, run)


def _learn_alone(delivery: Delivery, refused: Refused) -> Steps[Outcome | None]:
    run = yield from delivery.shown_run(refused.conditions[0].item)
    if run is not None:
        delivery.floor = max(delivery.floor, run.fence + 1)
    delivery.seen = Seen(LeaseItem(), run)
    if run is None and not delivery.may_begin:
        return (yield from _begin(delivery))
    return None


def _adopt(delivery: Delivery) -> Steps[Grant]:
    """The claim was stored and its answer lost. What is stored counts, not what was last asked for."""
    run = delivery.seen.run
    if run is None or run.holder != delivery.holder:
        run = yield from delivery.look_at_run()
    if run is None or run.holder != delivery.holder or run.status != "running":
        raise Unavailable(
            f"the lease of {delivery.asking.occurrence} is ours, but its run is not",
            remedy="Somebody changed items of the ledger by hand; the lease ends by itself.",
        )
    delivery.after_crash = run.attempt > 1  # perhaps: how the one before ended is not seen any more
    of: LeaseItem | RunItem = run if delivery.alone else delivery.seen.lease
    return Grant(run.attempt, run.limit, of.fence, of.expires, run.checkpoint, run.saves)


def _skip(delivery: Delivery, reason: str, by: str) -> Steps[Outcome | None]:
    """Record that it does not run, because ``by`` holds the lease. None: refused, and how it stands is seen."""
    closing, met = delivery.closing("skipped", reason), delivery.seen.lease.occurrence or ""
    answer = yield from send(run_requests.skip(closing, by, met), delivery.host, reserve=delivery.reserve)
    if isinstance(answer, Refused) and not (yield from _is_own(delivery, answer.conditions[0], "skipped")):
        delivery.rounds -= 1
        return None
    return Outcome("skipped", reason=reason)


# -- wait --------------------------------------------------------------------------------------------------------------
def _wait_for_run(delivery: Delivery) -> Steps[bool]:
    """Until the other delivery's attempt has ended, or its holder has outlived its lease. False: no patience left."""
    pause, lease = FIRST_LOOK, delivery.seen.lease
    while True:
        run = delivery.seen.run
        ends = [lease.expires if lease.holder is not None else 0, run.expires if run is not None else 0]
        if delivery.has_passed(max(ends)):
            break
        if not delivery.may_wait():
            return False
        pause = yield from delivery.pause(pause)
        run = yield from delivery.look_at_run()
        if run is None or run.status != "running":
            break
    delivery.seen = Seen(LeaseItem(), delivery.seen.run)
    return True
