"""Schedule once, move, cancel: the order of writes between the ledger and Scheduler, and what holds after a crash.

    schedule    1 plan planned ──▶ 2 CreateSchedule
    move        1 plan planned, next revision ──▶ 2 CreateSchedule ──▶ 3 old schedule deleted
    cancel      1 plan cancelled ──▶ 2 schedule deleted

The plan's row decides. Begin, move and cancel are conditional writes to that one item, so of those that race exactly
one is first, and the others learn it. Promised:

  - What has returned from ``schedule`` or ``move`` begins once, never before its time and within a minute after it,
    unless it is moved or cancelled first, or it cannot start before the job's start deadline. Then it is ``missed``,
    and has a dead letter; ``replace`` and ``move`` plan it anew, or an operator redrives the letter.
    No schedule is made for less than 15 s ahead (see ``carrier.LEADS``): what is due sooner begins within a minute
    after these 15 s. It needs no sweep: also where a later mover dies, an event for the key stays on its way.
  - After ``cancel`` has returned "cancelled" no attempt begins, until ``replace`` plans the key anew; if one had begun,
    it returns "too late".
  - After ``move`` has returned "moved" nothing begins at the old time. "too late": it has begun as it was, or was
    cancelled. A missed one that is moved, or planned anew, starts once: its redrive then finds itself overtaken.
  - An answer was true at some moment of the call. A caller that was killed, or that got Unavailable, knows nothing.
  - Two keys are two occurrences, and neither waits for the other.
  - Asked again after a crash or a lost answer, each of them goes on where it stopped.

Crash points (killed after the numbered step)
  schedule 1, move 1   a plan without a schedule. No caller was told that it stands; asked again, or by a sweep, it gets
                       its schedule. An older revision's event that comes meanwhile finds itself overtaken and makes a
                       carrier for the plan. So what was moved to an earlier time by a caller that died begins at the
                       old time at the latest, or is missed there.
  move 2               the old schedule fires, finds itself overtaken, and deletes itself
  cancel 1             the schedule fires, finds the plan cancelled, and deletes itself
A mover that is slow may create its schedule after the plan was moved again or cancelled. That schedule fires, finds
itself overtaken, and deletes itself.
Where the ledger has forgotten the plan before such a leftover fires, the event is refused with a dead letter: without
its plan nothing begins.

Generators of requests (see ``steps``), like the guard's: application code drives them by a transport, a simulator stops
them before each request. Each raises Unavailable when time is up; what was begun can then be asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from cronstack.defaults import DEFAULTS
from cronstack.errors import OnceConflict, Unavailable
from cronstack.event import planned_event
from cronstack.guard import carrier
from cronstack.ledger import plan_requests
from cronstack.ledger.items import VERSION, read_plan, version_of
from cronstack.ledger.rows import PlanItem
from cronstack.occurrence import planned_id, print_time, to_datetime
from cronstack.onetime import schedules
from cronstack.onetime.schedules import Order, Wiring
from cronstack.steps import DELIVERED_AGAIN, Call, Done, Host, Refused, Sleep, Steps, send

RESERVE: Final = 0.2
ROUNDS: Final = 8
FORGOTTEN: Final = 300_000
"""Milliseconds after which a planned row without a schedule was left by a caller that has died."""

Outcome = Literal["planned", "unchanged", "moved", "cancelled", "too late", "unknown"]


class Plan(NamedTuple):
    """What is planned under a key, and what came of the call."""

    job: str
    key: str
    occurrence: str
    status: str
    """ "planned", "begun", "missed" or "cancelled"; "" where the ledger does not know the key."""
    due: int
    """Epoch milliseconds."""
    asked: str
    """The time as it was asked for, with its zone."""
    revision: int
    outcome: Outcome = "unchanged"
    input: dict[str, Any] | None = None
    """While it is planned or missed; else None."""
    moves: int = 0
    """How often it was planned anew."""

    @property
    def at(self) -> datetime:
        """Its time, an aware datetime in UTC."""
        return to_datetime(self.due)


def schedule(order: Order, wiring: Wiring, host: Host, *, replace: bool = False) -> Steps[Plan]:
    """Plan it. Raises OnceConflict (the key stands for something else, and ``replace`` is False), Unavailable.

    What was missed is planned anew only by ``replace``, and for another time: the call that planned it may come again.
    """
    seen: PlanItem | None = None
    for number in range(ROUNDS):
        yield from _rest(host, number)
        plan = _planned(wiring, order, max(host.now(), (seen.revision if seen else 0) + 1), seen)
        answer = yield from _write(wiring, host, plan, seen)
        if isinstance(answer, Done):
            outcome: Outcome = "moved" if seen is not None and seen.status == "planned" else "planned"
            return (yield from _create(wiring, host, plan, outcome, before=seen))
        found = yield from _shown(wiring, host, order.key, answer)
        if found is None:
            seen = None
            continue
        if found.status == "planned" and order.is_like(found):
            if found.revision == plan.revision:  # our own: its answer was lost
                return (yield from _create(wiring, host, found, "planned", before=seen))
            return (yield from restore(wiring, host, found, made="unchanged"))
        if order.is_like(found) and (found.status == "begun" or _is_known_miss(order, found, replace=replace)):
            return plan_of(wiring.job, found)
        if not replace or found.status == "begun":
            raise _conflict(wiring, order, found)
        seen = found
    raise _crowded(wiring, order.key)


def _is_known_miss(order: Order, found: PlanItem, *, replace: bool) -> bool:
    """Whether what was asked for was missed, and asking again does not ask for another time."""
    return found.status == "missed" and (not replace or order.due == found.due)


def move(wiring: Wiring, host: Host, key: str, due: int, asked: str) -> Steps[Plan]:
    """Give it another time, also after it was missed.

    Outcome: moved, unchanged, too late (it has begun or was cancelled), unknown.
    """
    found = yield from _look(wiring, host, key)
    for number in range(ROUNDS):
        yield from _rest(host, number)
        if found is None:
            return unknown(wiring.job, key)
        if found.status not in ("planned", "missed"):
            return plan_of(wiring.job, found, "too late")
        order = Order(key, due, asked, input_of(found))
        if order.is_like(found):
            if found.status == "missed":
                return plan_of(wiring.job, found)
            return (yield from restore(wiring, host, found, made="unchanged"))
        plan = _planned(wiring, order, max(host.now(), found.revision + 1), found)
        answer = yield from _write(wiring, host, plan, found)
        if isinstance(answer, Done):
            return (yield from _create(wiring, host, plan, "moved", before=found))
        before, found = found, (yield from _shown(wiring, host, key, answer))
        if (
            found is not None and found.revision == plan.revision and order.is_like(found)
        ):  # our own: an answer was lost
            if found.status == "planned":
                return (yield from _create(wiring, host, found, "moved", before=before))
            # It has even begun, at its new time, or was cancelled since.
            yield from _delete(wiring, host, key, before.revision)
            return plan_of(wiring.job, found, "moved")
    raise _crowded(wiring, key)


def cancel(wiring: Wiring, host: Host, key: str) -> Steps[Plan]:
    """Take it back. Outcome: cancelled, too late (it has begun, or was missed), unknown."""
    found = yield from _look(wiring, host, key)
    for number in range(ROUNDS):
        yield from _rest(host, number)
        if found is None:
            return unknown(wiring.job, key)
        if found.status == "planned":
            ttl = max(host.now(), found.due) // 1000 + DEFAULTS.retention
            call = plan_requests.cancel(wiring.ledger, wiring.job, found, ttl=ttl)
            answer = yield from send(call, host, reserve=RESERVE)
            if isinstance(answer, Refused):
                found = yield from _shown(wiring, host, key, answer)
                continue
            found = found._replace(status="cancelled")
        if found.status != "cancelled":
            return plan_of(wiring.job, found, "too late")
        yield from _delete(wiring, host, key, found.revision)
        return plan_of(wiring.job, found, "cancelled")
    raise _crowded(wiring, key)


def get(wiring: Wiring, host: Host, key: str) -> Steps[Plan]:
    """Read what is planned under a key."""
    found = yield from _look(wiring, host, key)
    return unknown(wiring.job, key) if found is None else plan_of(wiring.job, found)


def restore(wiring: Wiring, host: Host, plan: PlanItem, made: Outcome = "planned") -> Steps[Plan]:
    """Make sure that a plan has its schedule. Outcome ``made`` where it was missing, else "unchanged"."""
    there = yield from send(schedules.get(wiring, plan.key, plan.revision), host, reserve=RESERVE, absent=True)
    if isinstance(there, Done) and carrier.is_ahead(there.fields, host.now()):
        return plan_of(wiring.job, plan)
    return (yield from _create(wiring, host, plan, made))


def renew(wiring: Wiring, host: Host, plan: PlanItem) -> Steps[Plan]:
    """Plan the same again with the next revision, so that its schedule is as ``wiring`` says now.

    Outcome "moved", also where an answer was lost; "unchanged" where the plan was moved, cancelled or begun meanwhile.
    As in a move, the new schedule exists before the old one is deleted. Raises OnceConflict, Unavailable.
    """
    order = Order(plan.key, plan.due, plan.asked, input_of(plan))
    new = _planned(wiring, order, max(host.now(), plan.revision + 1), plan)._replace(moves=plan.moves)
    answer = yield from _write(wiring, host, new, plan)
    if isinstance(answer, Refused):
        found = yield from _shown(wiring, host, plan.key, answer)
        if found is None:
            return unknown(wiring.job, plan.key)
        if (found.status, found.revision) != ("planned", new.revision):
            return plan_of(wiring.job, found)
    return (yield from _create(wiring, host, new, "moved", before=plan))


def page(host: Host, call: Call) -> Steps[tuple[list[PlanItem], Any]]:
    """A page of plans that ``call`` queries, and where to go on; None: that was all."""
    answer = yield from send(call, host, reserve=RESERVE)
    assert isinstance(answer, Done), "a query has no condition"
    found = [plan for item in answer.fields["Items"] if (plan := read_plan(item)) is not None]
    return found, answer.fields.get("LastEvaluatedKey") or None


def is_left(plan: PlanItem, now: int) -> bool:
    """Whether a sweep must look for its schedule: no caller is about to create that."""
    return plan.status == "planned" and (now - plan.revision > FORGOTTEN or now - plan.due > FORGOTTEN)


# -- parts of them -----------------------------------------------------------------------------------------------------
def _create(
    wiring: Wiring, host: Host, plan: PlanItem, outcome: Outcome, before: PlanItem | None = None
) -> Steps[Plan]:
    """Create the plan's schedule, and only then delete that of the plan before it."""
    made, again = plan, 0
    for number in range(ROUNDS):
        yield from _rest(host, number)
        build = schedules.build(wiring, made, host.now, again)
        answer = yield from send(build, host, reserve=RESERVE)
        if isinstance(answer, Done) and build.is_ahead:
            break
        # The name is taken, or Scheduler was at work on it. Where it does not exist, it may have fired and be gone, or
        # Scheduler does not show it yet.
        look = schedules.get(wiring, made.key, made.revision, again)
        there = yield from send(look, host, reserve=RESERVE, absent=True)
        if isinstance(there, Done):
            if carrier.is_ahead(there.fields, host.now()):
                break
            again += 1  # its time is past: it may never fire (see ``guard.deferral``)
        found = yield from _look(wiring, host, plan.key)
        if found is None or found.status != "planned":
            break
        made = found  # the same again; or moved, by a call that may die before it makes the schedule
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
    ttl = max(host.now(), plan.due) // 1000 + DEFAULTS.last_resort
    call = plan_requests.write(wiring.ledger, wiring.job, plan, seen, ttl=ttl)
    return (yield from send(call, host, reserve=RESERVE))


def _look(wiring: Wiring, host: Host, key: str) -> Steps[PlanItem | None]:
    answer = yield from send(plan_requests.get(wiring.ledger, wiring.job, key), host, reserve=RESERVE)
    assert isinstance(answer, Done), "a read has no condition"
    item = answer.fields.get("Item")
    _refuse_newer(wiring, key, item)
    return read_plan(item)


def _shown(wiring: Wiring, host: Host, key: str, refused: Refused) -> Steps[PlanItem | None]:
    """The row that a refusal brought back; where it brought none, one consistent read."""
    item = refused.conditions[0].item
    if item is None:
        return (yield from _look(wiring, host, key))
    _refuse_newer(wiring, key, item)
    plan = read_plan(item)
    if plan is None:
        raise OnceConflict(
            f"the row of {key[:80]!r} of {wiring.job} is not a plan: something other than Cronstack wrote it",
            remedy="Take another key.",
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
    if number > 1:  # the second round only uses what the first has shown; after that others are in the way
        yield Sleep(host.randomness.random() * 0.05 * 2**number)


def input_of(plan: PlanItem) -> dict[str, Any]:
    """Return the input of a plan. Raises OnceConflict for a plan whose event Cronstack did not write."""
    try:
        given = json.loads(plan.event)["input"]
    except (ValueError, TypeError, KeyError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise OnceConflict(
            f"the plan of {plan.key[:80]!r} holds no event that Cronstack wrote",
            remedy="Say replace=True to plan it anew.",
        )
    return given


def plan_of(job: str, plan: PlanItem, outcome: Outcome = "unchanged") -> Plan:
    """A row, for application code."""
    try:
        given = input_of(plan) if plan.status in ("planned", "missed") else None
    except OnceConflict:  # one such row must not end a list of all
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
    """Nothing was scheduled under that key, or so long ago that the ledger has forgotten it."""
    return Plan(job, key, planned_id(key), "", 0, "", 0, "unknown")


def _conflict(wiring: Wiring, order: Order, found: PlanItem) -> OnceConflict:
    what = f"the key {order.key[:80]!r} of {wiring.job}"
    if found.status == "cancelled":
        return OnceConflict(f"{what} was cancelled", remedy="Say replace=True to plan it anew, or take another key.")
    if found.status == "planned":
        stands = f"{print_time(found.due)} ({found.asked})"
        differs = "another time" if found.payload == order.payload else "another input"
        return OnceConflict(
            f"{what} is planned for {stands}, with {differs}",
            remedy="Say replace=True to plan it anew, or once.move(…) to give it another time; nothing was changed.",
        )
    if found.status == "missed":
        return OnceConflict(
            f"{what} was missed: it was due at {print_time(found.due)} ({found.asked}), and could not start in time",
            remedy="Say replace=True to plan it anew, or once.move(…) to give it another time, or start it as it was:"
            f" cronstack dead-letters redrive {wiring.job} --origin missed; nothing was changed.",
        )
    return OnceConflict(
        f"{what} has begun already, with another time or input",
        remedy="What has begun cannot be planned anew: take another key.",
    )


def _crowded(wiring: Wiring, key: str) -> Unavailable:
    return Unavailable(
        f"{key[:80]!r} of {wiring.job} is being changed by many at once",
        remedy="Ask again: each of these calls may be repeated.",
    )
