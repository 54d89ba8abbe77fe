"""Schedule once, move, cancel: the order of writes to the ledger and Scheduler, and the state after a crash.

    schedule    1 plan planned ──▶ 2 CreateSchedule
    move        1 plan planned, next revision ──▶ 2 CreateSchedule ──▶ 3 old schedule deleted
    cancel      1 plan cancelled ──▶ 2 schedule deleted

The plan's row decides. Start, move and cancel are conditional writes to that one item. So if they race, exactly one is
first, and the refusals show it to the others. Guarantees:

  - After ``schedule`` or ``move`` has returned, the occurrence starts once, never before its time and within a minute
    after it. Exceptions: it is moved or cancelled first, or cannot start before the job's start deadline. Then it is
    ``missed``, with a dead letter: ``replace`` and ``move`` plan it again, or an operator redrives the letter.
    If its job is paused at its time, it becomes ``skipped``: ``replace`` and ``move`` plan it again.
    A schedule is at least 15 s ahead (see ``carrier.LEADS``): an earlier occurrence starts within a minute after these
    15 s. No sweep is needed: if a later mover is killed, an event for the key still exists.
  - After ``cancel`` has returned "cancelled", no attempt starts until ``replace`` plans the key again. If an attempt
    has started, it returns "too late".
  - After ``move`` has returned "moved", nothing starts at the old time. "too late": the plan has started, or was
    cancelled. A missed plan that is moved, or planned again, starts once: its redrive is then overtaken.
  - An answer was true at some moment of the call. After a crash or Unavailable, the result is unknown to the caller.
  - Two keys are two occurrences, and neither waits for the other.
  - A call that is repeated after a crash or a lost answer continues where the first one stopped.

Crash points (killed after the numbered step)
  schedule 1, move 1   a plan without a schedule, of which no caller has an answer. A repeated call or a sweep creates
                       the schedule. An older revision's event that comes meanwhile is overtaken and makes a carrier
                       for the plan. So after a move to an earlier time, the plan starts or is missed at the old time
                       at the latest.
  move 2               the old schedule fires, its event is overtaken, and it deletes itself
  cancel 1             the schedule fires, its event finds the plan cancelled, and it deletes itself
A slow mover may create its schedule after the plan was moved again or cancelled. That schedule fires, its event is
overtaken, and it deletes itself. If the plan has expired in the ledger before, the event is refused with a dead letter:
nothing starts without its plan.

The functions are generators of requests (see ``steps``), like the guard's. Application code drives them with a
transport, a simulator stops them before each request. They raise Unavailable when time is up; the call can be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from cronstack.defaults import DEFAULTS
from cronstack.errors import Argument, Method, OnceConflict, Part, Unavailable
from cronstack.event import planned_event
from cronstack.guard import carrier
from cronstack.ledger import plan_requests
from cronstack.ledger.items import VERSION, read_plan, version_of
from cronstack.ledger.rows import UNSTARTED_PLANS, PlanItem
from cronstack.occurrence import planned_id, print_time, to_datetime
from cronstack.onetime import schedules
from cronstack.onetime.schedules import Order, Wiring
from cronstack.steps import DELIVERED_AGAIN, Call, Done, Host, Refused, Sleep, Steps, send

RESERVE: Final = 0.2
"""Seconds before the deadline of a call at which a request gives up."""
ROUNDS: Final = 8
"""Most writes of a call to a row that others change at the same time."""
_REPLACE: Final[tuple[Part, ...]] = ("Pass ", Argument("replace", True), " to plan it again")
_REPLACE_OR_MOVE: Final = (*_REPLACE, ", or call ", Method("move"), " to change its time")
ABANDONED_AFTER: Final = 300_000
"""Milliseconds after which a planned row without a schedule counts as left by a killed caller."""

Outcome = Literal["planned", "unchanged", "moved", "cancelled", "too late", "unknown"]


class Plan(NamedTuple):
    """The plan of a key, and the outcome of the call."""

    job: str
    key: str
    occurrence: str
    status: str
    """ "planned", "begun", "missed", "skipped" or "cancelled"; "" if the ledger has no plan of the key."""
    due: int
    """Epoch milliseconds."""
    asked: str
    """The time as the caller gave it, with its zone."""
    revision: int
    outcome: Outcome = "unchanged"
    input: dict[str, Any] | None = None
    """The input while it is planned, missed or skipped; else None."""
    moves: int = 0
    """How often the key was planned again."""

    @property
    def at(self) -> datetime:
        """The due time, an aware datetime in UTC."""
        return to_datetime(self.due)


def schedule(order: Order, wiring: Wiring, host: Host, *, replace: bool = False) -> Steps[Plan]:
    """Plan an occurrence. Raise OnceConflict (the key has another plan, and ``replace`` is False), Unavailable.

    A missed plan is planned again only by ``replace`` with another time, because the first call may be repeated.
    """
    seen: PlanItem | None = None
    for number in range(ROUNDS):
        yield from _rest(host, number)
        plan = _planned(wiring, order, max(host.now(), (seen.revision if seen else 0) + 1), seen)
        answer = yield from _write(wiring, host, plan, seen)
        if isinstance(answer, Done):
            outcome: Outcome = "moved" if seen is not None and seen.status == "planned" else "planned"
            return (yield from _create(wiring, host, plan, outcome, before=seen))
        current = yield from _shown(wiring, host, order.key, answer)
        if current is None:
            seen = None
            continue
        if current.status == "planned" and order.is_like(current):
            if current.revision == plan.revision:  # our own write, whose answer was lost
                return (yield from _create(wiring, host, current, "planned", before=seen))
            return (yield from restore(wiring, host, current, made="unchanged"))
        if order.is_like(current) and (current.status == "begun" or _is_known_miss(order, current, replace=replace)):
            return plan_of(wiring.job, current)
        if not replace or current.status == "begun":
            raise _conflict(wiring, order, current)
        seen = current
    raise _crowded(wiring, order.key)


def _is_known_miss(order: Order, current: PlanItem, *, replace: bool) -> bool:
    """Return whether this order was missed or skipped, and requests no other time."""
    return current.status in UNSTARTED_PLANS and (not replace or order.due == current.due)


def move(wiring: Wiring, host: Host, key: str, due: int, asked: str) -> Steps[Plan]:
    """Give a plan another time, also after it was missed, or skipped because its job was paused.

    Outcome: moved, unchanged, too late (it has started or was cancelled), unknown.
    """
    current = yield from _look(wiring, host, key)
    for number in range(ROUNDS):
        yield from _rest(host, number)
        if current is None:
            return unknown(wiring.job, key)
        if current.status not in ("planned", *UNSTARTED_PLANS):
            return plan_of(wiring.job, current, "too late")
        order = Order(key, due, asked, input_of(current))
        if order.is_like(current):
            if current.status in UNSTARTED_PLANS:
                return plan_of(wiring.job, current)
            return (yield from restore(wiring, host, current, made="unchanged"))
        plan = _planned(wiring, order, max(host.now(), current.revision + 1), current)
        answer = yield from _write(wiring, host, plan, current)
        if isinstance(answer, Done):
            return (yield from _create(wiring, host, plan, "moved", before=current))
        before, current = current, (yield from _shown(wiring, host, key, answer))
        if (
            current is not None and current.revision == plan.revision and order.is_like(current)
        ):  # our own write, whose answer was lost
            if current.status == "planned":
                return (yield from _create(wiring, host, current, "moved", before=before))
            # The plan has already started at its new time, or was cancelled since.
            yield from _delete(wiring, host, key, before.revision)
            return plan_of(wiring.job, current, "moved")
    raise _crowded(wiring, key)


def cancel(wiring: Wiring, host: Host, key: str) -> Steps[Plan]:
    """Cancel a plan. Outcome: cancelled, too late (it has started, or was missed or skipped), unknown."""
    current = yield from _look(wiring, host, key)
    for number in range(ROUNDS):
        yield from _rest(host, number)
        if current is None:
            return unknown(wiring.job, key)
        if current.status == "planned":
            ttl = max(host.now(), current.due) // 1000 + DEFAULTS.retention
            call = plan_requests.cancel(wiring.ledger, wiring.job, current, ttl=ttl)
            answer = yield from send(call, host, reserve=RESERVE)
            if isinstance(answer, Refused):
                current = yield from _shown(wiring, host, key, answer)
                continue
            current = current._replace(status="cancelled")
        if current.status != "cancelled":
            return plan_of(wiring.job, current, "too late")
        yield from _delete(wiring, host, key, current.revision)
        return plan_of(wiring.job, current, "cancelled")
    raise _crowded(wiring, key)


def get(wiring: Wiring, host: Host, key: str) -> Steps[Plan]:
    """Read the plan of a key."""
    current = yield from _look(wiring, host, key)
    return unknown(wiring.job, key) if current is None else plan_of(wiring.job, current)


def restore(wiring: Wiring, host: Host, plan: PlanItem, made: Outcome = "planned") -> Steps[Plan]:
    """Ensure that a plan has its schedule. Outcome ``made`` if it was missing, else "unchanged"."""
    existing = yield from send(schedules.get(wiring, plan.key, plan.revision), host, reserve=RESERVE, absent=True)
    if isinstance(existing, Done) and carrier.is_ahead(existing.fields, host.now()):
        return plan_of(wiring.job, plan)
    return (yield from _create(wiring, host, plan, made))


def renew(wiring: Wiring, host: Host, plan: PlanItem) -> Steps[Plan]:
    """Write the same plan with the next revision, so that its schedule matches ``wiring``.

    Outcome: "moved", also after a lost answer; "unchanged" if the plan was moved, cancelled or started meanwhile. As in
    a move, the new schedule exists before the old one is deleted. Raise OnceConflict, Unavailable.
    """
    order = Order(plan.key, plan.due, plan.asked, input_of(plan))
    new = _planned(wiring, order, max(host.now(), plan.revision + 1), plan)._replace(moves=plan.moves)
    answer = yield from _write(wiring, host, new, plan)
    if isinstance(answer, Refused):
        current = yield from _shown(wiring, host, plan.key, answer)
        if current is None:
            return unknown(wiring.job, plan.key)
        if (current.status, current.revision) != ("planned", new.revision):
            return plan_of(wiring.job, current)
    return (yield from _create(wiring, host, new, "moved", before=plan))


def page(host: Host, call: Call) -> Steps[tuple[list[PlanItem], Any]]:
    """Return a page of plans that ``call`` queries, and the start of the next page; None after the last one."""
    answer = yield from send(call, host, reserve=RESERVE)
    assert isinstance(answer, Done), "a query has no condition"
    plans = [plan for item in answer.fields["Items"] if (plan := read_plan(item)) is not None]
    return plans, answer.fields.get("LastEvaluatedKey") or None


def needs_sweep(plan: PlanItem, now: int) -> bool:
    """Return whether a sweep must check the plan's schedule: no running call will create it."""
    return plan.status == "planned" and (now - plan.revision > ABANDONED_AFTER or now - plan.due > ABANDONED_AFTER)


# -- helpers -----------------------------------------------------------------------------------------------------------
def _create(
    wiring: Wiring, host: Host, plan: PlanItem, outcome: Outcome, before: PlanItem | None = None
) -> Steps[Plan]:
    """Create the plan's schedule, and only then delete the schedule of the plan before it."""
    made, again = plan, 0
    for number in range(ROUNDS):
        yield from _rest(host, number)
        build = schedules.build(wiring, made, host.now, again)
        answer = yield from send(build, host, reserve=RESERVE)
        if isinstance(answer, Done) and build.is_ahead:
            break
        # The name is taken, or Scheduler is changing the schedule. If it does not exist, it has fired, or Scheduler
        # does not show it yet.
        look = schedules.get(wiring, made.key, made.revision, again)
        existing = yield from send(look, host, reserve=RESERVE, absent=True)
        if isinstance(existing, Done):
            if carrier.is_ahead(existing.fields, host.now()):
                break
            again += 1  # its time is past, so it may never fire (see ``guard.deferral``)
        current = yield from _look(wiring, host, plan.key)
        if current is None or current.status != "planned":
            break
        made = current  # the same plan, or a later one, whose caller may be killed before CreateSchedule
    else:
        raise Unavailable(
            f"EventBridge Scheduler reports conflicts for the schedule of {plan.key[:80]!r} of {wiring.job}, and shows"
            " no such schedule",
            remedy=DELIVERED_AGAIN,
        )
    if before is not None and before.status == "planned":
        yield from _delete(wiring, host, plan.key, before.revision)
    return plan_of(wiring.job, plan, outcome)


def _delete(wiring: Wiring, host: Host, key: str, revision: int) -> Steps[None]:
    yield from send(schedules.delete(wiring, key, revision), host, reserve=RESERVE, absent=True)


def _planned(wiring: Wiring, order: Order, revision: int, seen: PlanItem | None) -> PlanItem:
    event = planned_event(wiring.job, order.key, revision, due=order.due, input=order.input)
    moves = 0 if seen is None else seen.moves + 1
    return PlanItem("planned", order.key, order.due, revision, order.asked, order.payload, event, moves)


def _write(wiring: Wiring, host: Host, plan: PlanItem, seen: PlanItem | None) -> Steps[Done | Refused]:
    ttl = max(host.now(), plan.due) // 1000 + DEFAULTS.open_retention
    call = plan_requests.write(wiring.ledger, wiring.job, plan, seen, ttl=ttl)
    return (yield from send(call, host, reserve=RESERVE))


def _look(wiring: Wiring, host: Host, key: str) -> Steps[PlanItem | None]:
    answer = yield from send(plan_requests.get(wiring.ledger, wiring.job, key), host, reserve=RESERVE)
    assert isinstance(answer, Done), "a read has no condition"
    item = answer.fields.get("Item")
    _refuse_newer(wiring, key, item)
    return read_plan(item)


def _shown(wiring: Wiring, host: Host, key: str, refused: Refused) -> Steps[PlanItem | None]:
    """Return the plan that a refusal returned. If it returned none, read it consistently."""
    item = refused.conditions[0].item
    if item is None:
        return (yield from _look(wiring, host, key))
    _refuse_newer(wiring, key, item)
    plan = read_plan(item)
    if plan is None:
        raise OnceConflict(
            f"the row of {key[:80]!r} of {wiring.job} is not a plan: something other than Cronstack wrote it",
            remedy="Use another key.",
        )
    return plan


def _refuse_newer(wiring: Wiring, key: str, item: Mapping[str, Any] | None) -> None:
    """Raise Unavailable for a row that a newer version of Cronstack wrote."""
    if (version := version_of(item)) > VERSION:
        raise Unavailable(
            f"the plan of {key[:80]!r} of {wiring.job} was written by version {version}; this code reads up to"
            f" {VERSION}",
            remedy="Deploy this code again with the newer Cronstack.",
        )


def _rest(host: Host, number: int) -> Steps[None]:
    if number > 1:  # the second round uses the items from the first; later rounds mean contention
        yield Sleep(host.randomness.random() * 0.05 * 2**number)


def input_of(plan: PlanItem) -> dict[str, Any]:
    """Return the input of a plan. Raise OnceConflict for a plan whose event Cronstack did not write."""
    try:
        given = json.loads(plan.event)["input"]
    except (ValueError, TypeError, KeyError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise OnceConflict(
            f"the plan of {plan.key[:80]!r} has no event that Cronstack wrote",
            remedy=(*_REPLACE, "."),
        )
    return given


def plan_of(job: str, plan: PlanItem, outcome: Outcome = "unchanged") -> Plan:
    """Return a row as a plan for application code."""
    try:
        given = input_of(plan) if plan.status in ("planned", *UNSTARTED_PLANS) else None
    except OnceConflict:  # one such row must not end the iteration over all plans
        given = None
    return Plan(
        job,
        plan.key,
        planned_id(plan.key),
        plan.status,
        plan.due,
        plan.asked,
        plan.revision,
        outcome,
        given,
        plan.moves,
    )


def unknown(job: str, key: str) -> Plan:
    """Return the plan of a key that was never scheduled, or whose plan has expired in the ledger."""
    return Plan(job, key, planned_id(key), "", 0, "", 0, "unknown")


def _conflict(wiring: Wiring, order: Order, current: PlanItem) -> OnceConflict:
    what = f"the key {order.key[:80]!r} of {wiring.job}"
    if current.status == "cancelled":
        return OnceConflict(f"{what} was cancelled", remedy=(*_REPLACE, ", or use another key."))
    if current.status == "planned":
        planned = f"{print_time(current.due)} ({current.asked})"
        differs = "another time" if current.payload == order.payload else "another input"
        return OnceConflict(
            f"{what} is planned for {planned}, with {differs}",
            remedy=(*_REPLACE_OR_MOVE, "; nothing was changed."),
        )
    if current.status == "missed":
        return OnceConflict(
            f"{what} was missed: due at {print_time(current.due)} ({current.asked}), it could not start in time",
            remedy=(
                *_REPLACE_OR_MOVE,
                f", or start it as it was: cronstack dead-letters redrive {wiring.job} --origin missed;"
                " nothing was changed.",
            ),
        )
    if current.status == "skipped":
        return OnceConflict(
            f"{what} was skipped: at {print_time(current.due)} ({current.asked}) its job was paused",
            remedy=(*_REPLACE_OR_MOVE, "; nothing was changed."),
        )
    return OnceConflict(
        f"{what} has started already, with another time or input",
        remedy="A started key cannot be planned again: use another key.",
    )


def _crowded(wiring: Wiring, key: str) -> Unavailable:
    return Unavailable(
        f"{key[:80]!r} of {wiring.job} is being changed by other calls at the same time",
        remedy="Repeat the call: that is always safe.",
    )
