"""Schedule once, move, cancel: the order of writes between the ledger and Scheduler, and what holds whoever dies in it.

    schedule    1 row planned ──▶ 2 CreateSchedule ──▶ 3 row confirmed
    move        1 row planned, next revision ──▶ 2 CreateSchedule ──▶ 3 row confirmed ──▶ 4 old schedule deleted
    cancel      1 row skipped(cancelled) ──▶ 2 schedule deleted

The row decides. Claim, move and cancel are conditional writes to that one item, so of those that race exactly one is
first, and the others are told. Promised:

  - What has returned from ``schedule`` or ``move`` begins once, never before its time and within a minute after it,
    unless it is moved or cancelled first, or nobody can start it before the job's start deadline: then it is
    ``missed``, and told. It needs no sweep: also where a later mover dies, an event for the key stays on its way.
  - After ``cancel`` has returned "cancelled" no attempt begins, until ``replace`` plans the key anew; if one had begun,
    it returns "too late".
  - After ``move`` has returned "moved" nothing begins at the old time. "too late": it has begun as it was, or was
    cancelled.
  - What is said was so at some moment of the call. Who was killed, or told Unavailable, knows nothing.
  - Two keys are two occurrences, and neither waits for the other.
  - Asked again after a crash or a lost answer, each of them goes on where it stopped.

Crash points (killed after the numbered step)
  schedule 1, move 1   a plan without a schedule. Nobody was told that it stands; asked again, by a sweep, or by whoever
                       it has overtaken in the middle of a call, it gets its schedule. An older revision's event that
                       comes meanwhile finds itself overtaken and makes a carrier for the plan. So what was moved to an
                       earlier time by somebody who died begins at the old time at the latest, or is missed there.
  schedule 2, move 2   it comes; a sweep confirms it
  move 3               the old schedule fires, finds itself overtaken, and deletes itself
  cancel 1             the schedule fires, finds the row cancelled, and deletes itself
Where the ledger has forgotten the row before such a leftover fires, the event is refused with a dead letter: without
its row nothing begins.

Generators of requests (see ``steps``), like the guard's: application code drives them by a transport, a simulator stops
them before each request. Each raises Unavailable when time is up; what was begun can then be asked for again.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from cronstack.errors import OnceConflict, Unavailable
from cronstack.event import planned_event
from cronstack.ledger import run_requests
from cronstack.ledger.items import read_run
from cronstack.ledger.rows import RunItem
from cronstack.occurrence import planned_id, print_time, to_datetime
from cronstack.onetime import plan_requests
from cronstack.onetime.plan_requests import Order, Wiring
from cronstack.steps import Done, Host, Refused, Sleep, Steps, send

RESERVE: Final = 0.2
ROUNDS: Final = 8
SOON: Final = 5_000
"""Milliseconds ahead, the earliest that a schedule is made for: it must not be past when Scheduler hears of it."""
FORGOTTEN: Final = 300_000
"""Milliseconds after which a plan that is not confirmed, or overdue, has been left by whoever made it."""

Outcome = Literal["planned", "unchanged", "moved", "cancelled", "too late", "unknown"]


class Plan(NamedTuple):
    """What is planned under a key, and what came of the call."""

    job: str
    key: str
    occurrence: str
    status: str
    """Of its run: "planned", "running", "succeeded", …; "" where nothing is known of the key."""
    due: int
    """Epoch milliseconds."""
    asked: str
    """The time as it was asked for, with its zone."""
    revision: int
    outcome: Outcome = "unchanged"
    input: dict[str, Any] | None = None
    """While it is planned; None afterwards."""
    confirmed: bool = False
    """It is noted that its schedule was made."""
    reason: str = ""
    moves: int = 0
    """How often it was planned anew."""

    @property
    def at(self) -> datetime:
        """Its time, an aware datetime in UTC."""
        return to_datetime(self.due)


def schedule(order: Order, wiring: Wiring, host: Host, *, replace: bool = False) -> Steps[Plan]:
    """Plan it. Raises OnceConflict (the key stands for something else, and ``replace`` is not said), Unavailable."""
    seen: RunItem | None = None
    for number in range(ROUNDS):
        yield from _rest(host, number)
        revision = max(host.now(), (seen.revision if seen else 0) + 1)
        answer = yield from send(plan_requests.plan(wiring, order, revision, seen), host, reserve=RESERVE)
        if isinstance(answer, Done):
            run = _written(wiring, order, revision, seen)
            outcome: Outcome = "moved" if seen is not None and seen.status == "planned" else "planned"
            return (yield from _see_to(wiring, host, run, outcome, before=seen))
        found = yield from _shown(wiring, host, order.key, answer)
        if found is None:
            seen = None
            continue
        if found.revision == revision and order.is_like(found) and found.status == "planned":
            return (yield from _see_to(wiring, host, found, "planned", before=seen))  # our own: its answer was lost
        cancelled = _is_cancelled(found)
        if order.is_like(found) and not cancelled:
            if found.status != "planned" or found.confirmed == found.revision:
                return plan_of(wiring.job, found)
            return (yield from _see_to(wiring, host, found, "unchanged"))
        if not replace or not (cancelled or found.status == "planned"):
            raise _conflict(wiring, order, found)
        seen = found
    raise _crowded(wiring, order.key)


def move(wiring: Wiring, host: Host, key: str, due: int, asked: str) -> Steps[Plan]:
    """Give it another time. Outcome: moved, unchanged, too late (it has begun or was cancelled), unknown."""
    found = yield from _look(wiring, host, key)
    for number in range(ROUNDS):
        yield from _rest(host, number)
        if found is None:
            return unknown(wiring.job, key)
        if found.status != "planned":
            return plan_of(wiring.job, found, "too late")
        order = Order(key, due, asked, json.loads(found.event)["input"])
        if order.is_like(found):
            return (yield from _see_to(wiring, host, found, "unchanged"))
        revision = max(host.now(), found.revision + 1)
        answer = yield from send(plan_requests.plan(wiring, order, revision, found), host, reserve=RESERVE)
        if isinstance(answer, Done):
            return (yield from _see_to(wiring, host, _written(wiring, order, revision, found), "moved", before=found))
        before, found = found, (yield from _shown(wiring, host, key, answer))
        if found is not None and found.revision == revision and order.is_like(found):  # our own: its answer was lost
            if found.status == "planned":
                return (yield from _see_to(wiring, host, found, "moved", before=before))
            # It has even begun, at its new time, or was cancelled since.
            yield from send(plan_requests.delete(wiring, key, before.revision), host, reserve=RESERVE, absent=True)
            return plan_of(wiring.job, found, "moved")
    raise _crowded(wiring, key)


def cancel(wiring: Wiring, host: Host, key: str) -> Steps[Plan]:
    """Take it back. Outcome: cancelled, too late (it has begun), unknown."""
    found = yield from _look(wiring, host, key)
    for number in range(ROUNDS):
        yield from _rest(host, number)
        if found is None:
            return unknown(wiring.job, key)
        if found.status == "planned":
            call = plan_requests.cancel(wiring, key, found.revision, host.now(), found.due)
            answer = yield from send(call, host, reserve=RESERVE)
            if isinstance(answer, Refused):
                found = yield from _shown(wiring, host, key, answer)
                continue
            found = found._replace(status="skipped", reason="cancelled")
        if not _is_cancelled(found):
            return plan_of(wiring.job, found, "too late")
        yield from send(plan_requests.delete(wiring, key, found.revision), host, reserve=RESERVE, absent=True)
        return plan_of(wiring.job, found, "cancelled")
    raise _crowded(wiring, key)


def get(wiring: Wiring, host: Host, key: str) -> Steps[Plan]:
    found = yield from _look(wiring, host, key)
    return unknown(wiring.job, key) if found is None else plan_of(wiring.job, found)


def page(wiring: Wiring, host: Host, start: Any) -> Steps[tuple[list[RunItem], Any]]:
    """Some of what code has scheduled, and where to go on; None: that was all."""
    answer = yield from send(plan_requests.rows(wiring, start), host, reserve=RESERVE)
    assert isinstance(answer, Done), "a query has no condition"
    found = [run for item in answer.fields["Items"] if (run := read_run(item)) is not None]
    return found, answer.fields.get("LastEvaluatedKey") or None


def is_left(run: RunItem, now: int) -> bool:
    """Whether a sweep must see to it: planned, and nobody is about to make its schedule, or the schedule is gone."""
    unconfirmed = run.confirmed != run.revision and now - run.revision > FORGOTTEN
    return run.status == "planned" and (unconfirmed or now - run.due > FORGOTTEN)


def mend(wiring: Wiring, host: Host, run: RunItem) -> Steps[Plan]:
    """Give a plan that was left its schedule; harmless where it has one."""
    return (yield from _see_to(wiring, host, run, "planned"))


# -- parts of them -----------------------------------------------------------------------------------------------------
def _see_to(wiring: Wiring, host: Host, run: RunItem, outcome: Outcome, before: RunItem | None = None) -> Steps[Plan]:
    """Make the plan's schedule, note that, and take away those of the plans before it.

    Overtaken meanwhile it sees to the newer plan, too: whoever made that may be dead, and the schedules whose events
    would bring it (see ``deferral.arm_plan``) are about to be taken away.
    """
    found: RunItem | None = run
    outdated = [before.revision] if before is not None and before.status == "planned" else []
    for number in range(ROUNDS):
        yield from _rest(host, number)
        yield from _make(wiring, host, run)
        answer = yield from send(plan_requests.confirm(wiring, run.key, run.revision), host, reserve=RESERVE)
        if isinstance(answer, Done):
            found = run._replace(confirmed=run.revision)
            break
        found = yield from _shown(wiring, host, run.key, answer)
        if found is not None and found.revision == run.revision and not _is_cancelled(found):
            break  # it has begun
        # Whoever moved or cancelled it may have looked for this schedule before it was made.
        outdated.append(run.revision)
        if found is None or found.status != "planned" or found.confirmed == found.revision:
            break
        run = found
    else:
        raise _crowded(wiring, run.key)
    for revision in outdated:
        yield from send(plan_requests.delete(wiring, run.key, revision), host, reserve=RESERVE, absent=True)
    return unknown(wiring.job, run.key) if found is None else plan_of(wiring.job, found, outcome)


def _make(wiring: Wiring, host: Host, run: RunItem) -> Steps[None]:
    for number in range(ROUNDS):
        yield from _rest(host, number)
        now = host.now()
        call = plan_requests.create(wiring, run, max(run.due, now + SOON), now)
        answer = yield from send(call, host, reserve=RESERVE)
        if isinstance(answer, Done):
            return
        # The name is taken, or Scheduler was at work on it; where it is not there, it may have fired and be gone.
        there = yield from send(plan_requests.look(wiring, run.key, run.revision), host, reserve=RESERVE, absent=True)
        if isinstance(there, Done):
            return
        found = yield from _look(wiring, host, run.key)
        if found is None or found.status != "planned" or found.revision != run.revision:
            return
    raise _crowded(wiring, run.key)


def _written(wiring: Wiring, order: Order, revision: int, seen: RunItem | None) -> RunItem:
    """The row that ``plans.plan`` has written."""
    return RunItem(
        "planned",
        planned_id(order.key),
        order.due,
        payload=order.payload,
        event=planned_event(wiring.job, order.key, revision, due=order.due, input=order.input),
        key=order.key,
        revision=revision,
        asked=order.asked,
        moves=0 if seen is None else seen.moves + 1,
    )


def _look(wiring: Wiring, host: Host, key: str) -> Steps[RunItem | None]:
    answer = yield from send(run_requests.get_run(wiring.ledger, wiring.job, planned_id(key)), host, reserve=RESERVE)
    assert isinstance(answer, Done), "a read has no condition"
    return read_run(answer.fields.get("Item"))


def _shown(wiring: Wiring, host: Host, key: str, refused: Refused) -> Steps[RunItem | None]:
    """The row that a refusal brought back; where it brought none, one consistent read."""
    item = refused.conditions[0].item
    if item is None:
        return (yield from _look(wiring, host, key))
    return read_run(item)


def _rest(host: Host, number: int) -> Steps[None]:
    if number > 1:  # the second round only uses what the first has shown; after that others are in the way
        yield Sleep(host.randomness.random() * 0.05 * 2**number)


def _is_cancelled(run: RunItem) -> bool:
    return (run.status, run.reason) == ("skipped", "cancelled")


def plan_of(job: str, run: RunItem, outcome: Outcome = "unchanged") -> Plan:
    """A row, for application code."""
    given = json.loads(run.event)["input"] if run.event and run.status == "planned" else None
    confirmed = run.revision != 0 and run.confirmed == run.revision
    return Plan(
        job,
        run.key,
        run.occurrence,
        run.status,
        run.due,
        run.asked,
        run.revision,
        outcome,
        given,
        confirmed,
        run.reason,
        run.moves,
    )


def unknown(job: str, key: str) -> Plan:
    """Nothing was scheduled under that key, or so long ago that the ledger has forgotten it."""
    return Plan(job, key, planned_id(key), "", 0, "", 0, "unknown")


def _conflict(wiring: Wiring, order: Order, found: RunItem) -> OnceConflict:
    what = f"the key {order.key[:80]!r} of {wiring.job}"
    if _is_cancelled(found):
        return OnceConflict(f"{what} was cancelled", remedy="Say replace=True to plan it anew, or take another key.")
    if found.status == "planned":
        stands = f"{print_time(found.due)} ({found.asked})"
        differs = "another time" if found.payload == order.payload else "another input"
        return OnceConflict(
            f"{what} is planned for {stands}, with {differs}",
            remedy="Say replace=True to plan it anew, or once.move(…) to give it another time; nothing was changed.",
        )
    return OnceConflict(
        f"{what} has begun or ended already ({found.status}), with another time or input",
        remedy="What has begun cannot be planned anew: take another key.",
    )


def _crowded(wiring: Wiring, key: str) -> Unavailable:
    return Unavailable(
        f"{key[:80]!r} of {wiring.job} is being changed by many at once",
        remedy="Ask again: each of these calls may be repeated.",
    )
