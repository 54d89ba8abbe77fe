"""From an event to a grant: claim the occurrence, or find out why that is impossible.

Each round sends one conditional write, and its refusal returns the old items. ``decision`` decides by them; this module
carries the decision out: claim by the state seen, take over a dead holder, skip, wait in the slot. There are at most
six rounds, the third and later with jitter; after these, a carrier brings the occurrence back. A clean run needs one
request here, the retry of a failed run two, a duplicate one.

    exp (lease end) = clock before the first send + time left + grace        fence = max(clock, highest seen + 1)

The first request is based on this machine's clock, and its answer shows the time at AWS (see ``timing.aws_clock``). So
the first request takes nothing over, and a lease that a slow clock has stored too short is extended (see ``protocol``).
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
    PassOver,
    Seen,
    Skip,
    SlotFull,
    TakeOver,
    Time,
    Unreported,
    Wait,
    decide,
    decide_without_lease,
)
from cronstack.guard.deferral import defer_in_slot, defer_until_resumed, defer_waiting
from cronstack.guard.delivery import FIRST_PAUSE, ROUNDS, Delivery, Grant, Outcome
from cronstack.guard.due import is_late, sleep_or_defer, wait_until_due
from cronstack.guard.letters import ensure_letter, missed, report_missed
from cronstack.guard.slot import (
    ensure_carrier,
    enter,
    give_way,
    is_past,
    is_waived,
    leaving,
    look_at_waiting,
    miss_buffered,
    runs_while_paused,
    skip_buffered,
)
from cronstack.ledger import claim_requests, items, run_requests
from cronstack.ledger.rows import PAUSED, LeaseItem, RunItem
from cronstack.steps import Condition, Done, Refused, Sleep, Steps, send


def admit(delivery: Delivery) -> Steps[Grant | Outcome]:
    """Claim the occurrence, or end this delivery. Raise EventError, OutOfTime, Unavailable."""
    occurrence = delivery.terms.occurrence
    if _is_aged(delivery):
        # The horizon holds for operators, too. But a run that still has an item may have waited long, and must end.
        yield from delivery.look_at_run()
        delivery.aged = _is_aged(delivery)  # again, because an answer has shown the time at AWS
    outcome = yield from wait_until_due(delivery)
    if outcome is not None:
        return outcome
    if occurrence.revision is None:
        outcome = None if _may_have_expired(delivery) else (yield from _miss_late(delivery))
    else:
        outcome = yield from _begin_own(delivery)
    if outcome is not None:
        return outcome
    while True:
        if _may_have_expired(delivery):
            raise too_old(delivery)
        decision = _decide(delivery)
        delivery.terms.on_decision(decision)
        ended = yield from _carry_out(delivery, decision)
        if ended is not None:
            return ended


def _is_aged(delivery: Delivery) -> bool:
    return delivery.host.now() - delivery.terms.occurrence.age_from > delivery.terms.knobs.horizon * 1000


def _may_have_expired(delivery: Delivery) -> bool:
    """Return whether the occurrence may have run before: it is older than the horizon, and has no item any more."""
    return delivery.aged and delivery.seen.run is None


def too_old(delivery: Delivery) -> EventError:
    occurrence, horizon = delivery.terms.occurrence, delivery.terms.knobs.horizon
    return EventError(
        "TooOld",
        f"{occurrence.id} of {occurrence.job} is older than {horizon // 86400} days: its row in the ledger may have"
        " expired, so it is unknown whether it ran",
        remedy=f"Run it as a new generation: cronstack backfill {occurrence.job} all --from … --to …",
    )


def _begin_own(delivery: Delivery) -> Steps[Outcome | None]:
    """Start the plan of a key, if this is its own event. Not None: it is overtaken, or missed.

    For an event of a carrier or an operator, the plan was mostly started before, and the claim shows it. An aged event
    without a run starts its plan before the claim.
    """
    occurrence = delivery.terms.occurrence
    own = occurrence.hop is None and not occurrence.by_operator
    return (yield from _begin(delivery)) if own or _may_have_expired(delivery) else None


def _begin(delivery: Delivery) -> Steps[Outcome | None]:
    overtaken = yield from begin(delivery)
    if overtaken is not None or _may_have_expired(delivery):
        return overtaken
    return (yield from _miss_late(delivery))


def _miss_late(delivery: Delivery) -> Steps[Outcome | None]:
    """Record an occurrence that is too late as missed. None: it is in time, or was started before: claim it."""
    if not (yield from is_late(delivery)):
        return None
    while delivery.rounds > 0 and ((run := delivery.seen.run) is None or _is_of_earlier_plan(delivery, run)):
        ended = yield from _miss(delivery, run)
        if ended is not None:
            return ended
    run = delivery.seen.run
    # If an operator's event has put the occurrence into the slot, a late event of the schedule must not miss it.
    if run is None or run.status != "buffered" or is_waived(run):
        return None
    return (yield from miss_buffered(delivery))


def _miss(delivery: Delivery, before: RunItem | None) -> Steps[Outcome | None]:
    """Record that it is too late to start, and send its dead letter. None: refused, and its state was read.

    ``before``: the missed run of an earlier plan of the key.
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
        return (yield from begin(delivery))  # the plan has changed since it was started
    return None


def _is_own(delivery: Delivery, refused: Condition, status: str) -> Steps[bool]:
    """Return whether a refusal shows this delivery's own write, whose answer was lost."""
    if refused.held:
        return False
    run = yield from delivery.shown_run(refused.item)
    delivery.seen = delivery.seen._replace(run=run)
    return run is not None and run.holder == delivery.holder and run.status == status


def _is_of_earlier_plan(delivery: Delivery, run: RunItem) -> bool:
    """Return whether the run was missed, and its key was then planned again."""
    return run.status == "missed" and run.revision < (delivery.terms.occurrence.revision or 0)


def _decide(delivery: Delivery) -> Decision:
    time = Time(delivery.rested(), delivery.host.clock.earliest())
    if delivery.alone:
        paused = delivery.paused is True
        return decide_without_lease(
            delivery.claimant, delivery.seen.run, time, rounds_left=delivery.rounds, paused=paused
        )
    return decide(delivery.claimant, delivery.seen, time, rounds_left=delivery.rounds)


def _carry_out(delivery: Delivery, decision: Decision) -> Steps[Grant | Outcome | None]:
    """Carry out a decision. None: the items were read, so decide again."""
    if isinstance(decision, Skip | Buffer | SlotFull | GiveWay | PassOver) and delivery.early() > 0:
        # Its claim was sent by a clock that is ahead. The other occurrence may have ended by the due time.
        outcome = yield from sleep_or_defer(delivery)
        delivery.seen = Seen()
        return outcome
    match decision:
        case Claim():
            return (yield from _send_claim(delivery, takes_over=False))
        case TakeOver():
            return (yield from _send_claim(delivery, takes_over=True))
        case Mine():
            return (yield from _adopt(delivery))
        case Duplicate(status):
            return Outcome("duplicate", reason=status)
        case Unreported(run):
            deferred = yield from ensure_letter(delivery, run)
            if deferred is not None:
                return deferred
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
            yield from _read_refusal(delivery, answer, takes_over=True)
        case SlotFull(by, waits):
            waiting = yield from look_at_waiting(delivery, waits)
            if waiting is not None and is_past(delivery, waiting):
                return (yield from give_way(delivery, waiting))
            if waiting is not None:
                yield from ensure_carrier(delivery, waiting)
                return (yield from _skip(delivery, "slot_full", by))
        case GiveWay(waits):
            waiting = yield from look_at_waiting(delivery, waits)
            if waiting is not None:
                return (yield from give_way(delivery, waiting))
        case PassOver():
            return (yield from _pass_over(delivery))
        case Mismatch():
            of = delivery.terms.occurrence
            raise EventError(
                "PayloadMismatch",
                f"{of.id} of {of.job} was claimed with another input, so this event does not run",
                remedy=f"Trigger another run for this input: cronstack trigger {of.job} --input …",
            )
        case Wait(why):
            # A duplicate waits a moment for the outcome. In all other cases a carrier brings the occurrence back.
            if why != "running" or not (yield from _wait_for_run(delivery)):
                return (yield from defer_waiting(delivery, decision))
            delivery.rounds = ROUNDS
    return None


# -- claim -------------------------------------------------------------------------------------------------------------
def _send_claim(delivery: Delivery, *, takes_over: bool) -> Steps[Grant | Outcome | None]:
    """Send one claim, by the items seen. None: refused, and the items were read. An Outcome: the event is overtaken."""
    if delivery.host.left() < delivery.least_time:
        # This invocation was frozen past its end. A claim would count as an attempt, but no handler could start.
        raise delivery.out_of_time()
    if delivery.alone and delivery.paused is None and (yield from delivery.look_at_pause()):
        yield from delivery.look_at_run()
        return None
    if _is_closed(delivery):
        return (yield from _begin(delivery))
    done = ROUNDS - delivery.rounds
    if done > 1:  # the second round uses the items from the first; later rounds mean contention
        yield Sleep(delivery.host.randomness.random() * 0.05 * 2**done)
    opening, (lease, run), token = _opening(delivery), delivery.seen, delivery.next_claim()
    slot = leaving(delivery)
    if delivery.alone:
        clock = delivery.host.clock
        # Before the first answer, it is not certain that any lease or pause has ended.
        surely_past = clock.earliest() - delivery.claimant.margin
        rested = delivery.rested() if clock.is_known or run is not None else 0
        call = claim_requests.claim_without_lease(
            opening, run, surely_past, rested=rested, may_begin=delivery.may_begin
        )
    elif takes_over:
        unmarked = lease.holder != delivery.unmarked
        call = claim_requests.take_over(opening, run, lease, token, mark_crashed=unmarked, slot=slot)
    else:
        call = claim_requests.claim(opening, run, token, slot=slot)
    answer = yield from send(call, delivery.host, reserve=delivery.reserve)
    if isinstance(answer, Refused):
        delivery.rounds -= 1
        if delivery.alone:
            return (yield from _read_refusal_alone(delivery, answer))
        yield from _read_refusal(delivery, answer, takes_over=takes_over)
        return None
    return _granted(delivery, opening, run, answer)


def _is_closed(delivery: Delivery) -> bool:
    """Return whether the run of the key was missed, and its plan is not known to be started (again)."""
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
        delivery.ttl(now, terms.knobs.open_retention),
    )


def _granted(delivery: Delivery, opening: claim_requests.Opening, run: RunItem | None, answer: Done) -> Grant:
    """Return the grant of a claim. A transaction returns no items, so the items of an earlier refusal count."""
    if delivery.alone and (old := items.read_run(answer.fields.get("Attributes"))) is not None:
        delivery.seen = Seen(LeaseItem(), run := old)
    attempt, limit = claim_requests.attempt_of(run), claim_requests.limit_of(run, opening.limit)
    delivery.after_crash = run is not None and run.status in ("running", "crashed")
    kept = ("", 0) if run is None else (run.checkpoint, run.saves)
    return Grant(attempt, limit, opening.fence, opening.expires, *kept)


def _read_refusal(delivery: Delivery, refused: Refused, *, takes_over: bool) -> Steps[None]:
    lease, run = delivery.seen
    lease_part, run_part = refused.conditions[:2]
    if not lease_part.held:
        lease = yield from delivery.shown_lease(lease_part.item)
        delivery.in_slot = lease.buffered == delivery.claimant.occurrence
    elif not takes_over:
        lease = LeaseItem()  # the condition of a plain claim held: the lease is free
    if not run_part.held:
        if lease_part.held and run is None:  # the slot names the occurrence that this claim removes
            delivery.in_slot = leaving(delivery) == delivery.claimant.occurrence
        run = yield from delivery.shown_run(run_part.item)
    if lease_part.held and run_part.held:  # only the crashed run's part failed: no run can be marked
        delivery.unmarked = lease.holder
    delivery.seen = Seen(lease, run)


def _read_refusal_alone(delivery: Delivery, refused: Refused) -> Steps[Outcome | None]:
    run = yield from delivery.shown_run(refused.conditions[0].item)
    if run is not None:
        delivery.floor = max(delivery.floor, run.fence + 1)
    delivery.seen = Seen(LeaseItem(), run)
    if run is None and not delivery.may_begin:
        return (yield from _begin(delivery))
    return None


def _adopt(delivery: Delivery) -> Steps[Grant]:
    """Return the grant of an own claim whose answer was lost. The stored values count, not those of the request."""
    run = delivery.seen.run
    if run is None or run.holder != delivery.holder:
        run = yield from delivery.look_at_run()
    if run is None or run.holder != delivery.holder or run.status != "running":
        raise Unavailable(
            f"this attempt holds the lease of {delivery.claimant.occurrence}, but not its run",
            remedy="Items of the ledger were changed by hand. Wait until the lease has ended.",
        )
    delivery.after_crash = run.attempt > 1  # perhaps: the status of the attempt before is overwritten
    of: LeaseItem | RunItem = run if delivery.alone else delivery.seen.lease
    return Grant(run.attempt, run.limit, of.fence, of.expires, run.checkpoint, run.saves)


def _skip(delivery: Delivery, reason: str, by: str) -> Steps[Outcome | None]:
    """Record that it does not run: ``by`` holds the lease, or the job is paused. None: refused, state was read."""
    closing, running = delivery.closing("skipped", reason), (delivery.seen.lease.occurrence or "") if by else ""
    answer = yield from send(run_requests.skip(closing, by, running), delivery.host, reserve=delivery.reserve)
    if isinstance(answer, Refused) and not (yield from _is_own(delivery, answer.conditions[0], "skipped")):
        delivery.rounds -= 1
        return None
    return Outcome("skipped", reason=reason)


def _pass_over(delivery: Delivery) -> Steps[Outcome | None]:
    """Record that it does not run, because its job is paused. None: refused, and its state was read."""
    run = delivery.seen.run
    if run is not None and run.status == "buffered":
        if runs_while_paused(run):  # it waits by another event, for which the pause does not count
            return (yield from defer_in_slot(delivery, PAUSED))
        return (yield from skip_buffered(delivery))
    if delivery.terms.occurrence.revision is None:
        return (yield from _skip(delivery, PAUSED, ""))
    # A started plan without a run: its first attempt may be about to start, in another delivery.
    return (yield from (defer_until_resumed(delivery) if delivery.may_begin else _begin(delivery)))


# -- wait --------------------------------------------------------------------------------------------------------------
def _wait_for_run(delivery: Delivery) -> Steps[bool]:
    """Wait until the other delivery's attempt, or its lease, has ended. False: no patience is left."""
    pause, lease = FIRST_PAUSE, delivery.seen.lease
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
