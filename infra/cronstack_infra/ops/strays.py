"""Where the ledger's plans and Scheduler's schedules differ, what each difference is, and fixing it.

    schedules of the group ─┐
                            ├─▶ a plan and its schedule are well ─▶ the rest is looked at once more, singly ─▶ strays
    planned rows ───────────┘
    carriers that are older than two days ─────────────────────────▶ those that repeat, stay, or never came ─▶ strays

The schedules are listed first: a row is written before its schedule. So the row of each listed schedule exists when the
rows are read, or the plan was moved or cancelled meanwhile. What was touched within the last five minutes
(``onetime.planner.FORGOTTEN``) is left alone: the call that touched it may still do the rest. Each row is read again
before its schedule is deleted or made. A revision never comes back, so a schedule that is not of its key's plan now
never is again.

Plans are read by their due times, from ``BEHIND`` ago on. What is due earlier has begun, but for plans that are overdue
for so long: ``since`` reaches further back. An entry of the index may be a moment old, which the second look corrects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from cronstack.errors import EventError
from cronstack.event import parse_event
from cronstack.ledger import plan_requests
from cronstack.ledger.items import read_plan, read_run
from cronstack.ledger.partitions import plan_partitions
from cronstack.ledger.rows import FINISHED, PlanItem
from cronstack.ledger.run_requests import get_run
from cronstack.occurrence import Occurrence, is_job_name, print_time, to_milliseconds
from cronstack.onetime import schedules
from cronstack.onetime.once import Once
from cronstack.onetime.planner import FORGOTTEN, restore
from cronstack.onetime.schedules import Wiring
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.onetime import wirings

Kind = Literal["schedule", "plan", "carrier"]
Seen = Callable[[int], None]
"""Progress callback: number of schedules and plans that were read so far."""

BEHIND: Final = timedelta(days=2)
"""How far back plans are read. A schedule is tried for a day at most, and has then left a dead letter."""
OLD: Final = 2 * 86_400_000
"""Milliseconds. Younger carriers are not looked at: each costs a request."""
DELETED: Final = "--mend deletes it"
MADE: Final = "--mend makes its schedule"
BY_HAND: Final = "find out what made it, then delete it by hand"


@dataclass(frozen=True)
class Stray:
    """One difference."""

    kind: Kind
    job: str
    """"" for a schedule that names none."""
    key: str
    """"" for a carrier of an occurrence without a key."""
    schedule: str
    """Name of the schedule that exists, or of the one that is missing."""
    since: int
    """Epoch milliseconds."""
    what: str
    remedy: str
    revision: int = 0
    mendable: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "job": self.job or None,
            "key": self.key or None,
            "schedule": self.schedule,
            "since": print_time(self.since),
            "what": self.what,
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class _Listed:
    """A schedule as the list of its group shows it."""

    made: int
    enabled: bool


class Strays:
    """One look at a deployment's plans. ``clock`` returns epoch milliseconds."""

    def __init__(self, clients: Clients, deployment: Deployment, once: Once, clock: Callable[[], int]) -> None:
        self._scheduler, self._once, self._clock = clients("scheduler"), once, clock
        self._reader = Reader(clients("dynamodb"), deployment.ledger)
        self._ledger, self._group = deployment.ledger, names.once_group(deployment.stack)
        self._carriers = names.carriers_group(deployment.stack)
        self._wirings = wirings(deployment)

    def find(self, seen: Seen = lambda count: None, *, since: int | None = None) -> list[Stray]:
        """Return all strays, the oldest first, and change nothing. ``since``: of the plans, epoch milliseconds."""
        begin = self._clock() - BEHIND // timedelta(milliseconds=1) if since is None else since
        listed = self._list(self._group, seen)
        read, found, expected = len(listed), list[Stray](), set[str]()
        for wiring in self._wirings.values():
            for plan in keyed.planned(self._reader, wiring.job, plan_partitions(wiring.job), begin):
                read += 1
                seen(read)
                name = schedules.name(wiring.job, plan.key, plan.revision)
                expected.add(name)
                stray = self._of_plan(wiring, plan, listed.get(name))
                found += [stray] if stray is not None else []
        for name in listed.keys() - expected:
            stray = self._of_schedule(name, listed[name])
            found += [stray] if stray is not None else []
        for name, one in self._list(self._carriers, lambda count: seen(read + count)).items():
            stray = self._of_carrier(name, one)
            found += [stray] if stray is not None else []
        return sorted(found, key=lambda one: (one.since, one.job, one.key, one.schedule))

    def mend(self, stray: Stray) -> str:
        """Fix one, if it still is one. Return the result in words."""
        if not stray.mendable:
            return "left"
        if stray.kind == "carrier":
            self._delete(self._carriers, stray.schedule)
            return "deleted"
        wiring = self._wirings.get(stray.job)
        if wiring is None:
            return "left"
        plan = self._row(stray.job, stray.key)
        stands = plan is not None and plan.status == "planned" and plan.revision == stray.revision
        if stray.kind == "schedule":
            if stands:
                return "left: a plan stands for it now"
            self._delete(self._group, stray.schedule)
            return "deleted"
        if not stands or plan is None:
            return "left: it was moved, cancelled or begun meanwhile"
        made = self._once.drive(lambda host: restore(wiring, host, plan))
        return "mended" if made.outcome == "planned" else "not needed: its schedule exists now"

    # -- judging -------------------------------------------------------------------------------------------------------
    def _of_plan(self, wiring: Wiring, plan: PlanItem, listed: _Listed | None) -> Stray | None:
        """Return what is wrong with a planned row. Where the list says that something is, it is looked at again."""
        if _plan_fault(wiring, plan, listed, self._clock()) is None:
            return None
        fresh = self._row(wiring.job, plan.key)
        if fresh is None or fresh.status != "planned" or fresh.revision != plan.revision:
            return None
        name = schedules.name(wiring.job, plan.key, plan.revision)
        if listed is None:
            got = self._get(self._group, name)  # made after the list was read
            listed = None if got is None else _Listed(to_milliseconds(got["CreationDate"]), _is_enabled(got))
        fault = _plan_fault(wiring, fresh, listed, self._clock())
        if fault is None:
            return None
        since, what, remedy, mendable = fault
        return Stray("plan", wiring.job, plan.key, name, since, what, remedy, plan.revision, mendable)

    def _of_schedule(self, name: str, listed: _Listed) -> Stray | None:
        """Judge a schedule that is of no planned row that was read."""
        now = self._clock()
        if now - listed.made <= FORGOTTEN:
            return None
        got = self._get(self._group, name)
        if got is None:
            return None
        tell = partial(Stray, "schedule", schedule=name)
        event = _event(got)
        if event is None or event.revision is None:
            what, remedy = "it brings nothing that code has planned", "somebody made it by hand: delete it by hand"
            return tell(job="", key="", since=listed.made, what=what, remedy=remedy, mendable=False)
        job, key, revision = event.job, event.key, event.revision
        tell = partial(tell, job=job, key=key, revision=revision)
        if job not in self._wirings:
            what, remedy = "code may not schedule its job any more", "declare the job by once() again, or delete it"
            return tell(since=listed.made, what=what, remedy=remedy, mendable=False)
        plan = self._row(job, key)
        if plan is None:
            return tell(since=listed.made, what="no plan stands for it: its row is gone", remedy=DELETED)
        if plan.status == "planned" and plan.revision == revision:
            # It is due before the plans that were read, or the index was a moment behind.
            return self._of_plan(self._wirings[job], plan, listed)
        touched = max(plan.revision, plan.begun)
        if plan.status != "cancelled" and now - touched <= FORGOTTEN:
            return None  # the call that moved it deletes it, and Scheduler deletes it after it has fired
        return tell(since=touched, what=_left_behind(plan, revision), remedy=DELETED)

    def _of_carrier(self, name: str, listed: _Listed) -> Stray | None:
        """Judge an old carrier. One whose occurrence is finished brings nothing that could still happen."""
        now = self._clock()
        if now - listed.made <= OLD:
            return None
        got = self._get(self._carriers, name)
        what = None if got is None else _carrier_fault(got, now)
        if what is None:
            return None
        event = _event(got)
        job, key = ("", "") if event is None else (event.job, event.key)
        finished = event is not None and self._is_finished(event)
        remedy = DELETED if finished else BY_HAND
        return Stray("carrier", job, key, name, listed.made, what, remedy, mendable=finished)

    # -- looking -------------------------------------------------------------------------------------------------------
    def _list(self, group: str, seen: Seen) -> dict[str, _Listed]:
        """The schedules of a group; none where the group does not exist."""
        found: dict[str, _Listed] = {}
        with suppress(self._scheduler.exceptions.ResourceNotFoundException):
            for page in self._scheduler.get_paginator("list_schedules").paginate(GroupName=group):
                for one in page["Schedules"]:
                    found[one["Name"]] = _Listed(to_milliseconds(one["CreationDate"]), _is_enabled(one))
                seen(len(found))
        return found

    def _row(self, job: str, key: str) -> PlanItem | None:
        return read_plan(self._reader.get(plan_requests.get(self._ledger, job, key)))

    def _is_finished(self, event: Occurrence) -> bool:
        run = read_run(self._reader.get(get_run(self._ledger, event.job, event.id)))
        return run is not None and run.status in FINISHED

    def _get(self, group: str, name: str) -> Any:
        try:
            return self._scheduler.get_schedule(GroupName=group, Name=name)
        except self._scheduler.exceptions.ResourceNotFoundException:
            return None

    def _delete(self, group: str, name: str) -> None:
        with suppress(self._scheduler.exceptions.ResourceNotFoundException):  # it has fired meanwhile
            self._scheduler.delete_schedule(GroupName=group, Name=name)


def _plan_fault(wiring: Wiring, plan: PlanItem, listed: _Listed | None, now: int) -> tuple[int, str, str, bool] | None:
    """Return since when, what, the remedy, and whether we may apply it."""
    if now - plan.revision <= FORGOTTEN:
        return None
    if now - plan.due > FORGOTTEN:
        return _overdue(wiring, plan, listed, now)
    if listed is None:
        if plan.due <= now:
            return None  # it has fired, and its event is on the way
        return plan.revision, "its schedule is missing: its caller died first, or somebody deleted it", MADE, True
    if not listed.enabled:
        remedy = "enable it again, or cronstack once cancel"
        return listed.made, "somebody disabled its schedule: it will not come", remedy, False
    return None


def _overdue(wiring: Wiring, plan: PlanItem, listed: _Listed | None, now: int) -> tuple[int, str, str, bool]:
    if now - plan.due > wiring.start_deadline * 1000:
        # Made now, its schedule would only have it recorded as missed, which is for ever.
        remedy = "redrive its dead letter, or cronstack once move … --in 0s, or once cancel"
        return plan.due, "overdue, and past its start deadline", remedy, False
    if listed is None:
        return plan.due, "overdue, and its schedule is gone: nothing brings it", MADE, True
    if not listed.enabled:
        return plan.due, "overdue: somebody disabled its schedule", "enable it again, or cronstack once cancel", False
    remedy = "Scheduler tries until the start deadline: look at the function's throttles and errors"
    return plan.due, "overdue, though its schedule exists", remedy, False


def _left_behind(plan: PlanItem, revision: int) -> str:
    if plan.revision != revision:
        return "left by a move: the plan is another one since"
    return "left by a cancel" if plan.status == "cancelled" else f"left by a plan that is {plan.status}"


def _carrier_fault(got: Any, now: int) -> str | None:
    """Return what is wrong with a carrier; None for one that waits for its time. Cronstack makes no others."""
    expression = str(got["ScheduleExpression"])
    if not expression.startswith("at("):
        return f"it repeats: {expression}. Cronstack makes no such carrier"
    if got.get("ActionAfterCompletion") != "DELETE":
        return "it does not delete itself after its time. Cronstack makes no such carrier"
    due = _time_of(expression)
    if due is not None and now - due > OLD:
        return f"its time was {print_time(due)}: it has not come, or has not deleted itself"
    return None


def _time_of(expression: str) -> int | None:
    with suppress(ValueError):
        at = datetime.fromisoformat(expression.removeprefix("at(").removesuffix(")"))
        return to_milliseconds(at.replace(tzinfo=UTC))
    return None


def _event(got: Any) -> Occurrence | None:
    """Return the occurrence that a schedule brings; None where its input is not an event of Cronstack's."""
    try:
        event = json.loads(got["Target"].get("Input") or "")
        job = event.get("job") if isinstance(event, dict) else None
        return parse_event(event, str(job)) if is_job_name(job) else None
    except (ValueError, EventError):
        return None


def _is_enabled(schedule: Mapping[str, Any]) -> bool:
    return bool(schedule.get("State", "ENABLED") == "ENABLED")
