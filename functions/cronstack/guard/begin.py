"""The start of a key's run: two writes to two rows, because planners may write the plan but must not write the run.

    1  plan   planned ──▶ "begun"      only the revision of this event; excludes later moves and cancels
    2  run    (none)  ──▶ running      only if no run of the key exists; excludes every other delivery

So a planner's write to the plan can only prevent or cause the start of a key that has not started. After the start, a
run never depends on the plan.

If it is too late to start, one transaction records the run and the plan as missed. Then planners may plan the key
again, and an operator may redrive the miss. The first write to the plan decides:

    miss      run (none) ──▶ missed, and plan "begun" ──▶ missed
    redrive   plan missed ──▶ "begun", then run missed ──▶ running
    replace   plan missed ──▶ planned, next revision; its event: plan "begun", then run missed ──▶ running

    source of the event                 requests
    the plan's own schedule             1, then 2
    a carrier, or an operator           2 if the run exists; else 1, then 2

Crash points
  between 1 and 2   the plan is "begun", and the key has no run. Lambda delivers the event again: it finds the plan
                    "begun" with its own revision and continues with 2. An event of another revision is overtaken.
  a redrive that has written the plan and not the run: the miss stays, the plan is "begun". Lambda delivers it again.

A key can be planned again after its plan has expired in the ledger. If its run still exists (a redrive has prolonged
it), the new plan is started, and its event is refused with a dead letter: no key runs twice.
"""

from __future__ import annotations

from cronstack.errors import EventError, Unavailable
from cronstack.event import parse_event, planned_event
from cronstack.guard import carrier
from cronstack.guard.deferral import make_carrier
from cronstack.guard.delivery import Delivery, Outcome
from cronstack.ledger import plan_requests
from cronstack.ledger.items import VERSION, read_plan, version_of
from cronstack.ledger.rows import PAUSED, PlanItem, RunItem
from cronstack.occurrence import Occurrence
from cronstack.steps import Done, Steps, send


def begin(delivery: Delivery) -> Steps[Outcome | None]:
    """Start the plan of this delivery's key, or check that it was started. Not None: the event ends here.

    It is overtaken, or the job is paused and the plan becomes skipped.

    Raise EventError for a key with neither a plan nor a run in the ledger, Unavailable.
    """
    terms, of, now = delivery.terms, delivery.terms.occurrence, delivery.host.now()
    reopens = of.redrive is not None
    passes_over = (yield from delivery.look_at_pause()) and not reopens
    if passes_over:
        call = plan_requests.skip(terms.table, of, ttl=plan_ttl(delivery))
    else:
        call = plan_requests.begin(terms.table, of, reopens=reopens, now=now, ttl=plan_ttl(delivery))
    try:
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
    except Unavailable as fault:
        # A planner can make the row so large that no write fits. That must not stop a run that exists.
        if fault.certain and _has_started((yield from delivery.look_at_run())):
            return None
        raise
    if isinstance(answer, Done):
        if passes_over:
            return Outcome("skipped", reason=PAUSED)
        delivery.may_begin = True
        delivery.aged = False  # its plan was still planned, so no run of it can have expired
        return None
    item = answer.conditions[0].item
    if item is None:
        item = yield from delivery.get(plan_requests.get(terms.table, of.job, of.key))
    plan = read_plan(item)
    readable = version_of(item) <= VERSION
    own = plan is not None and readable and _is_of(plan, of)
    if plan is not None and own and plan.status == "begun":
        delivery.may_begin = True
        # Within the horizon no run can have expired. A delivery killed between the two writes leaves no run.
        delivery.aged = delivery.aged and now - plan.begun > terms.knobs.horizon * 1000
        return None
    run = yield from delivery.look_at_run()
    if own and run is not None and run.status == "missed" and run.revision == of.revision:
        delivery.may_begin = True  # the handler does not start: the run is missed
        return None
    if _has_started(run):
        return None  # the run decides, whatever the plan contains now
    delivery.refuse_newer(item)  # before it counts as expired: a newer version may have other statuses
    if plan is None:
        raise expired(delivery)
    if own and plan.status == "skipped":
        return Outcome("duplicate", reason=plan.status)
    if plan.revision == of.revision and plan.status in ("planned", "missed"):
        raise _bad_plan(delivery)  # a plan by Cronstack could be started here, or its run would be missed, too
    yield from arm_plan(delivery, plan)
    return Outcome("overtaken", reason=plan.status)


def check_plan(delivery: Delivery) -> Steps[Outcome | None]:
    """Check that an early event belongs to the key's plan. Not None: it is overtaken.

    Code that may plan could send an event with any due time, and its carrier would exist until then. Raise EventError
    and Unavailable, as ``begin``.
    """
    terms, of = delivery.terms, delivery.terms.occurrence
    item = yield from delivery.get(plan_requests.get(terms.table, of.job, of.key))
    if delivery.early() == 0:
        return None  # the answer has shown the time: this clock is behind
    plan = read_plan(item)
    if plan is not None and version_of(item) <= VERSION and _is_of(plan, of):
        return None
    run = yield from delivery.look_at_run()
    if run is not None and run.status != "missed":  # the run decides, whatever the plan contains now
        return None if (run.revision, run.due) == (of.revision, of.due) else Outcome("overtaken", reason=run.status)
    delivery.refuse_newer(item)
    if plan is None:
        raise expired(delivery)
    if plan.revision == of.revision:
        raise _bad_plan(delivery)
    yield from arm_plan(delivery, plan)
    return Outcome("overtaken", reason=plan.status)


def plan_ttl(delivery: Delivery) -> int:
    """Return the plan's ttl, epoch seconds. It exceeds that of the run, whose retries end within the horizon."""
    knobs = delivery.terms.knobs
    return delivery.ttl(delivery.host.now(), knobs.retention + knobs.horizon)


def _has_started(run: RunItem | None) -> bool:
    return run is not None and run.status != "missed"


def _is_of(plan: PlanItem, of: Occurrence) -> bool:
    """Return whether the event is the plan's own. An event that has only its revision was forged."""
    return (plan.revision, plan.due, plan.payload) == (of.revision, of.due, of.payload)


def arm_plan(delivery: Delivery, plan: PlanItem) -> Steps[None]:
    """Make a carrier for the plan that has overtaken this event: its planner may have died before its CreateSchedule.

    Raise EventError for a plan without an event of its own key.
    """
    if plan.status != "planned":
        return
    of = delivery.terms.occurrence
    name = carrier.name(of.job, of.id, f"plan {plan.revision}", "", 0)
    yield from make_carrier(delivery, name, carrier.text_of(_event_of(delivery, plan), 0), plan.due)


def _event_of(delivery: Delivery, plan: PlanItem) -> str:
    """Return the plan's event, built again: carriers are trusted, but planners can write anything into a plan."""
    job = delivery.terms.occurrence.job
    try:
        stored = parse_event(carrier.read_stored(plan.event), job)
        if stored.key == plan.key:
            return planned_event(job, plan.key, plan.revision, due=plan.due, input=stored.input)
    except (ValueError, RecursionError, EventError):
        pass
    raise _bad_plan(delivery)


def _bad_plan(delivery: Delivery) -> EventError:
    of = delivery.terms.occurrence
    return EventError(
        "BadPlan",
        f"the plan of {of.key[:80]!r} of {of.job} has values that Cronstack never writes",
        remedy=f"Something other than Cronstack wrote this row. Plan it again: once.schedule({of.job!r}, key=…,"
        " replace=True).",
    )


def worked_before(delivery: Delivery, run: RunItem) -> EventError:
    """Return the error of a plan that this event has started, but whose key has a run by an earlier, expired plan."""
    of = delivery.terms.occurrence
    return EventError(
        "WorkedBefore",
        f"the key {of.key[:80]!r} of {of.job} has a run ({run.status}) by another plan, so this plan does not run",
        remedy=f"To run it, plan it under another key: once.schedule({of.job!r}, key=…).",
    )


def expired(delivery: Delivery) -> EventError:
    """Return the error of an event without a plan: the plan was run, moved or cancelled weeks ago."""
    of = delivery.terms.occurrence
    return EventError(
        "Forgotten",
        f"the ledger has no plan (any more) of the key {of.key[:80]!r} of {of.job}, from which this event comes",
        remedy=f"To run it, plan it again: once.schedule({of.job!r}, key=…).",
    )
