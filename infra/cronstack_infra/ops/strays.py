"""Where the ledger's plans and Scheduler's schedules differ, what each difference is, and mending it.

    schedules of the group ─┐
                            ├─▶ what stands for each other is well ─▶ the rest is looked at once more, singly ─▶ strays
    planned rows ───────────┘

The schedules are listed first: a row is written before its schedule, so each schedule that is seen has its row by the
time when the rows are read, or was moved or cancelled meanwhile. What was touched within the last five minutes
(``onetime.planner.FORGOTTEN``) is left alone: the call that touched it may still do the rest. Each row is read again
before its schedule is deleted or made. A revision never comes back, so a schedule for which its row does not stand now
is one for which no row will ever stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from cronstack.errors import EventError
from cronstack.event import parse_event
from cronstack.ledger.items import read_run
from cronstack.ledger.rows import RunItem
from cronstack.ledger.run_requests import get_run
from cronstack.occurrence import is_job_name, planned_id, print_time, to_milliseconds
from cronstack.onetime import schedules
from cronstack.onetime.once import Once
from cronstack.onetime.planner import FORGOTTEN, mend
from cronstack.onetime.schedules import Wiring
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment
from cronstack_infra.ops.onetime import wirings

Kind = Literal["schedule", "plan"]
Seen = Callable[[int], None]
"""Is told how many schedules and plans were read so far."""

DELETED: Final = "--mend deletes it"
MADE: Final = "--mend makes its schedule"
NOTED: Final = "--mend notes it"


@dataclass(frozen=True)
class Stray:
    """One difference."""

    kind: Kind
    job: str
    """"" of a schedule that tells none."""
    key: str
    schedule: str
    """Name of the schedule that is there, or of the one that is missing."""
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
    """A schedule as the list of its group tells of it."""

    made: int
    enabled: bool


class Strays:
    """One look at a deployment's plans; ``now`` in epoch milliseconds is the look's, and ``clock`` the mending's."""

    def __init__(self, clients: Clients, deployment: Deployment, once: Once, clock: Callable[[], int]) -> None:
        self._scheduler, self._dynamodb, self._once, self._clock = (
            clients("scheduler"),
            clients("dynamodb"),
            once,
            clock,
        )
        self._ledger, self._group = deployment.ledger, names.once_group(deployment.stack)
        self._wirings = wirings(deployment)

    def find(self, seen: Seen = lambda count: None) -> list[Stray]:
        """All of them, the oldest first; nothing is changed."""
        listed = self._list(seen)
        read, found, expected = len(listed), list[Stray](), set[str]()
        for wiring in self._wirings.values():
            for run in self._once.rows(wiring):
                read += 1
                seen(read)
                if run.status != "planned":
                    continue
                name = schedules.name(wiring.job, run.key, run.revision)
                expected.add(name)
                stray = self._of_plan(wiring, run, listed.get(name))
                found += [stray] if stray is not None else []
        for name in listed.keys() - expected:
            stray = self._of_schedule(name, listed[name])
            found += [stray] if stray is not None else []
        return sorted(found, key=lambda one: (one.since, one.job, one.key, one.schedule))

    def mend(self, stray: Stray) -> str:
        """Mend one, if it still is one; how that went, as words behind it."""
        wiring = self._wirings.get(stray.job)
        if not stray.mendable or wiring is None:
            return "left"
        run = self._row(stray.job, stray.key)
        stands = run is not None and run.status == "planned" and run.revision == stray.revision
        if stray.kind == "schedule":
            if stands:
                return "left: a plan stands for it now"
            self._delete(stray.schedule)
            return "deleted"
        if not stands or run is None:
            return "left: it was moved, cancelled or begun meanwhile"
        made = self._once.drive(lambda host: mend(wiring, host, run))
        return "mended" if made.confirmed else f"left: it is {made.status or 'gone'} now"

    # -- judging -------------------------------------------------------------------------------------------------------
    def _of_plan(self, wiring: Wiring, run: RunItem, listed: _Listed | None) -> Stray | None:
        """What is wrong with a planned row, by the list; where something is, it is looked at again."""
        if _plan_fault(wiring, run, listed, self._clock()) is None:
            return None
        fresh = self._row(wiring.job, run.key)
        if fresh is None or fresh.status != "planned" or fresh.revision != run.revision:
            return None
        name = schedules.name(wiring.job, run.key, run.revision)
        if listed is None:
            got = self._get(name)  # made after the list was read
            listed = None if got is None else _Listed(to_milliseconds(got["CreationDate"]), _is_enabled(got))
        fault = _plan_fault(wiring, fresh, listed, self._clock())
        if fault is None:
            return None
        since, what, remedy, mendable = fault
        return Stray("plan", wiring.job, run.key, name, since, what, remedy, run.revision, mendable)

    def _of_schedule(self, name: str, listed: _Listed) -> Stray | None:
        """A schedule that no planned row of the jobs stands for."""
        now = self._clock()
        if now - listed.made <= FORGOTTEN:
            return None
        got = self._get(name)
        if got is None:
            return None
        tell = partial(Stray, "schedule", schedule=name)
        event = _event(got)
        if event is None:
            what, remedy = "it brings nothing that code has planned", "somebody made it by hand: delete it by hand"
            return tell(job="", key="", since=listed.made, what=what, remedy=remedy, mendable=False)
        job, key, revision = event
        tell = partial(tell, job=job, key=key, revision=revision)
        if job not in self._wirings:
            what, remedy = "code may not schedule its job any more", "declare the job by once() again, or delete it"
            return tell(since=listed.made, what=what, remedy=remedy, mendable=False)
        run = self._row(job, key)
        if run is None:
            return tell(since=listed.made, what="no plan stands for it: its row is gone", remedy=DELETED)
        if run.status == "planned" and run.revision == revision:
            return None
        touched = max(run.revision, run.started, run.ended)
        if now - touched <= FORGOTTEN:
            return None  # whoever moved or cancelled it deletes it, and so does Scheduler once it has fired
        return tell(since=touched, what=_left_behind(run, revision), remedy=DELETED)

    # -- looking -------------------------------------------------------------------------------------------------------
    def _list(self, seen: Seen) -> dict[str, _Listed]:
        found: dict[str, _Listed] = {}
        if not self._wirings:
            return found  # there is no such group
        for page in self._scheduler.get_paginator("list_schedules").paginate(GroupName=self._group):
            for one in page["Schedules"]:
                found[one["Name"]] = _Listed(to_milliseconds(one["CreationDate"]), _is_enabled(one))
            seen(len(found))
        return found

    def _row(self, job: str, key: str) -> RunItem | None:
        call = get_run(self._ledger, job, planned_id(key))
        return read_run(self._dynamodb.get_item(**call.parameters).get("Item"))

    def _get(self, name: str) -> Any:
        try:
            return self._scheduler.get_schedule(GroupName=self._group, Name=name)
        except self._scheduler.exceptions.ResourceNotFoundException:
            return None

    def _delete(self, name: str) -> None:
        with suppress(self._scheduler.exceptions.ResourceNotFoundException):  # it has fired meanwhile
            self._scheduler.delete_schedule(GroupName=self._group, Name=name)


def _plan_fault(wiring: Wiring, run: RunItem, listed: _Listed | None, now: int) -> tuple[int, str, str, bool] | None:
    """Since when, what, what mends it, and whether we may."""
    noted = run.confirmed == run.revision
    if now - run.revision <= FORGOTTEN:
        return None
    if now - run.due > FORGOTTEN:
        return _overdue(wiring, run, listed, now)
    if listed is None:
        if noted and run.due <= now:
            return None  # it has fired, and its event is on the way
        why = "somebody deleted its schedule" if noted else "whoever planned it died before its schedule was made"
        return run.revision, why, MADE, True
    if not listed.enabled:
        remedy = "enable it again, or cronstack once cancel"
        return listed.made, "somebody disabled its schedule: it will not come", remedy, False
    return None if noted else (run.revision, "it is not noted that its schedule was made", NOTED, True)


def _overdue(wiring: Wiring, run: RunItem, listed: _Listed | None, now: int) -> tuple[int, str, str, bool]:
    if now - run.due > wiring.start_deadline * 1000:
        # Made now, its schedule would only have it recorded as missed, which is for ever.
        remedy = "redrive its dead letter, or cronstack once move … --in 0s, or once cancel"
        return run.due, "overdue, and past its start deadline", remedy, False
    if listed is None:
        return run.due, "overdue, and its schedule is gone: nobody brings it", MADE, True
    if not listed.enabled:
        return run.due, "overdue: somebody disabled its schedule", "enable it again, or cronstack once cancel", False
    remedy = "Scheduler tries until the start deadline: look at the function's throttles and errors"
    return run.due, "overdue, though its schedule is there", remedy, False


def _left_behind(run: RunItem, revision: int) -> str:
    if run.revision != revision:
        return "left by a move: the plan is another one since"
    if (run.status, run.reason) == ("skipped", "cancelled"):
        return "left by a cancel"
    return f"left by a run that has begun: it is {run.status}"


def _event(got: Any) -> tuple[str, str, int] | None:
    """Job, key and revision that a schedule brings; None for what is none of ours."""
    try:
        event = json.loads(got["Target"].get("Input") or "")
        job = event.get("job") if isinstance(event, dict) else None
        found = parse_event(event, str(job)) if is_job_name(job) else None
    except (ValueError, EventError):
        return None
    return None if found is None or found.revision is None else (found.job, found.key, found.revision)


def _is_enabled(schedule: Mapping[str, Any]) -> bool:
    return bool(schedule.get("State", "ENABLED") == "ENABLED")
