"""How the run of a key begins: two writes to two rows, because planners may write the one and must not write the other.

    1  plan   planned ──▶ begun        only the revision of this event; decides against moves and cancels
    2  run    (none)  ──▶ running      only if no run of the key exists; decides against every other delivery

What a planner writes into the plan therefore decides, at most, whether a key begins that has not begun. A run that has
started never asks the plan again.

Too late to start, the run is recorded as missed and the plan, in the same transaction, too. Then planners may plan the
key anew, and an operator may redrive the miss. Whichever writes the plan first decides, as a move or the begin did:

    miss      run (none) ──▶ missed, and plan begun ──▶ missed
    redrive   plan missed ──▶ begun, then run missed ──▶ running
    replace   plan missed ──▶ planned, next revision; its event: begun, then run missed ──▶ running

    the event comes from …              first request
    the plan's own schedule             1, then 2
    a carrier, or an operator           2 for a run that exists; where none does, 1, then 2

Crash points
  between 1 and 2   the plan is begun, and the key has no run. Lambda delivers the event again, which finds the plan
                    begun by its own revision and goes on with 2. Another revision's event finds itself overtaken.
  a redrive that has written the plan and not the run: the miss stays, the plan is begun. Lambda delivers it again.

A key whose plan the ledger has forgotten can be planned anew. Where its run is still known (a redrive has prolonged
it), the new plan is begun, and its event refused with a dead letter: no key runs twice.
"""

from __future__ import annotations

from cronstack.errors import EventError, Unavailable
from cronstack.event import parse_event, planned_event
from cronstack.guard import carrier
from cronstack.guard.deferral import make_carrier
from cronstack.guard.delivery import Delivery, Outcome
from cronstack.ledger import plan_requests
from cronstack.ledger.items import VERSION, read_plan, version_of
from cronstack.ledger.rows import PlanItem, RunItem
from cronstack.occurrence import Occurrence
from cronstack.steps import Done, Steps, send


def begin(delivery: Delivery) -> Steps[Outcome | None]:
    """Begin the plan of this delivery's key, or learn that it was begun. Not None: the event is overtaken.

    Raises EventError for a key of which the ledger knows neither a plan nor a run, Unavailable.
    """
    terms, of, now = delivery.terms, delivery.terms.occurrence, delivery.host.now()
    reopens = of.redrive is not None
    call = plan_requests.begin(terms.table, of, reopens=reopens, now=now, ttl=plan_ttl(delivery))
    try:
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
    except Unavailable as fault:
        # A planner can make the row so large that no write fits. That must not stop a run that exists.
        if fault.certain and _has_started((yield from delivery.look_at_run())):
            return None
        raise
    if isinstance(answer, Done):
        delivery.may_begin = True
        delivery.aged = False  # its plan has waited until now, so the ledger cannot have forgotten a run of it
        return None
    item = answer.conditions[0].item
    if item is None:
        item = yield from delivery.get(plan_requests.get(terms.table, of.job, of.key))
    plan = read_plan(item)
    readable = version_of(item) <= VERSION
    own = plan is not None and readable and _is_of(plan, of)
    if plan is not None and own and plan.status == "begun":
        delivery.may_begin = True
        # A run cannot be forgotten so soon after its begin. Killed between the two writes, it has none.
        delivery.aged = delivery.aged and now - plan.begun > terms.knobs.horizon * 1000
        return None
    run = yield from delivery.look_at_run()
    if own and run is not None and run.status == "missed" and run.revision == of.revision:
        delivery.may_begin = True  # nothing begins: the run says that it was missed
        return None
    if _has_started(run):
        return None  # whatever the plan says now, the run decides
    delivery.refuse_newer(item)  # before it counts as forgotten: a newer version may have other statuses
    if plan is None:
        raise forgotten(delivery)
    if plan.revision == of.revision and plan.status in ("planned", "missed"):
        raise _bad(delivery)  # as Cronstack writes it, it could be begun, or its run would be missed, too
    yield from arm_plan(delivery, plan)
    return Outcome("overtaken", reason=plan.status)


def check_plan(delivery: Delivery) -> Steps[Outcome | None]:
    """Look whether an event that comes early is of the key's plan. Not None: it is overtaken.

    Code that may plan could send an event of any time, and a carrier would be kept for it until then. Raises EventError
    and Unavailable, as ``begin``.
    """
    terms, of = delivery.terms, delivery.terms.occurrence
    item = yield from delivery.get(plan_requests.get(terms.table, of.job, of.key))
    if delivery.early() == 0:
        return None  # its answer has told the time: this clock is behind
    plan = read_plan(item)
    if plan is not None and version_of(item) <= VERSION and _is_of(plan, of):
        return None
    run = yield from delivery.look_at_run()
    if run is not None and run.status != "missed":  # whatever the plan says now, the run decides
        return None if (run.revision, run.due) == (of.revision, of.due) else Outcome("overtaken", reason=run.status)
    delivery.refuse_newer(item)
    if plan is None:
        raise forgotten(delivery)
    if plan.revision == of.revision:
        raise _bad(delivery)
    yield from arm_plan(delivery, plan)
    return Outcome("overtaken", reason=plan.status)


def plan_ttl(delivery: Delivery) -> int:
    """Epoch seconds. A plan outlives its run, whose retries end within the horizon: no key is planned a second time."""
    knobs = delivery.terms.knobs
    return delivery.ttl(delivery.host.now(), knobs.retention + knobs.horizon)


def _has_started(run: RunItem | None) -> bool:
    return run is not None and run.status != "missed"


def _is_of(plan: PlanItem, of: Occurrence) -> bool:
    """Whether the event is the plan's own. One that only names its revision was forged."""
    return (plan.revision, plan.due, plan.payload) == (of.revision, of.due, of.payload)


def arm_plan(delivery: Delivery, plan: PlanItem) -> Steps[None]:
    """Make sure that the plan which has overtaken this event comes: its planner may have died before its schedule.

    Raises EventError for a plan that holds no event of its own key.
    """
    if plan.status != "planned":
        return
    of = delivery.terms.occurrence
    name = carrier.name(of.job, of.id, f"plan {plan.revision}", "", 0)
    yield from make_carrier(delivery, name, carrier.text_of(_event_of(delivery, plan), 0), plan.due)


def _event_of(delivery: Delivery, plan: PlanItem) -> str:
    """Return the plan's event, written anew: a carrier is trusted, and planners can write anything into a plan."""
    job = delivery.terms.occurrence.job
    try:
        told = parse_event(carrier.read_kept(plan.event), job)
        if told.key == plan.key:
            return planned_event(job, plan.key, plan.revision, due=plan.due, input=told.input)
    except (ValueError, RecursionError, EventError):
        pass
    raise _bad(delivery)


def _bad(delivery: Delivery) -> EventError:
    of = delivery.terms.occurrence
    return EventError(
        "BadPlan",
        f"the plan of {of.key[:80]!r} of {of.job} holds what Cronstack does not write",
        remedy=f"Something other than Cronstack wrote this row. Plan it again: once.schedule({of.job!r}, key=…,"
        " replace=True).",
    )


def worked_before(delivery: Delivery, run: RunItem) -> EventError:
    """The plan was begun by this event, but the key has a run by another one, forgotten before its run."""
    of = delivery.terms.occurrence
    return EventError(
        "WorkedBefore",
        f"the key {of.key[:80]!r} of {of.job} has {run.status} by another plan, so this one does not run",
        remedy=f"If it is still to run, plan it under another key: once.schedule({of.job!r}, key=…).",
    )


def forgotten(delivery: Delivery) -> EventError:
    """The plan comes before its event. Where it is gone, it was worked, moved or cancelled weeks ago."""
    of = delivery.terms.occurrence
    return EventError(
        "Forgotten",
        f"the ledger knows no plan (any more) of {of.key[:80]!r} of {of.job}, for which this event was made",
        remedy=f"If it is still to run, plan it again: once.schedule({of.job!r}, key=…).",
    )
