"""Find plans whose schedules are missing, disabled or outdated, and schedules without a plan.

The schedules of the group are listed first, because a row is written before its schedule. So the row of each listed
schedule exists when the rows are read, unless the plan was moved or cancelled meanwhile. Plans and schedules that
changed in the last five minutes (``ABANDONED_AFTER``) are ignored: the call that changed them may still run, and a list
of schedules may not show a new schedule yet. Each row is read again before its schedule is deleted or created. A
revision is never used again, so a schedule without a current plan can be deleted.

Plans are read by their due times, from ``BEHIND`` ago on. Older plans have started, except plans that are overdue for
so long: ``since`` reads further back. An entry of the index may be outdated, which the second read corrects.

A schedule stores the ARNs of its role, its function and its queue. If one of them was replaced, the schedule cannot
invoke the job, and without its role it leaves no dead letter. The fix plans the same again, as a move does, so that the
new schedule exists before the old schedule is deleted (see ``planner.renew``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from cronstack.errors import OnceConflict
from cronstack.guard.carried import event_of
from cronstack.ledger import plan_requests
from cronstack.ledger.items import read_plan
from cronstack.ledger.partitions import plan_partitions
from cronstack.ledger.rows import PlanItem
from cronstack.occurrence import Occurrence
from cronstack.onetime import schedules
from cronstack.onetime.once import Once
from cronstack.onetime.planner import renew, restore
from cronstack.onetime.schedules import Wiring
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.strays.groups import Groups, Listed, Seen
from cronstack_infra.ops.strays.stray import ABANDONED_AFTER, DELETED, LEFT, MADE, RENEWED, Fix, Stray

BEHIND: Final = 2 * 86_400_000
"""Milliseconds. How far back plans are read. Scheduler retries for a day at most, and then leaves a dead letter."""
ENABLE: Final = "enable it again, or cronstack once cancel"


class Defect(NamedTuple):
    """The fault of a plan, its start in epoch milliseconds, and its remedy."""

    since: int
    what: str
    remedy: str
    fix: Fix = ""


class Plans:
    """The plans of a stack. ``clock`` returns epoch milliseconds."""

    def __init__(
        self,
        groups: Groups,
        group: str,
        reader: Reader,
        ledger: str,
        wirings: Mapping[str, Wiring],
        once: Once,
        clock: Callable[[], int],
    ) -> None:
        self._groups, self._group, self._reader, self._ledger = groups, group, reader, ledger
        self._wirings, self._once, self._clock = wirings, once, clock

    def find(self, listed: Mapping[str, Listed], misnamed: Collection[str], first: int, seen: Seen) -> Iterator[Stray]:
        """Yield the faults of plans due from ``first`` on, and of the schedules of the jobs that code schedules.

        ``listed``: the schedules of the group; those of other jobs are ignored. ``misnamed``: schedules of the jobs
        with names that Cronstack does not generate.
        """
        expected, read = set[str](), 0
        for wiring in self._wirings.values():
            intact = dict[str, PlanItem]()
            for plan in keyed.planned(self._reader, wiring.job, plan_partitions(wiring.job), first):
                read += 1
                seen(read)
                name = schedules.name(wiring.job, plan.key, plan.revision)
                expected.add(name)
                stray = self._of_plan(wiring, plan, listed.get(name))
                if stray is not None:
                    yield stray
                elif name in listed:
                    intact[name] = plan
            yield from self._outdated(wiring, intact, lambda count: seen(read + count))  # noqa: B023  called at once
        own = tuple(schedules.prefix(job) for job in self._wirings)
        for name in listed.keys() - expected:
            if name.startswith(own) or name in misnamed:
                stray = self._of_schedule(name, listed[name])
                if stray is not None:
                    yield stray

    def fix(self, stray: Stray) -> str:
        """Fix a stray, if it still exists. Return the result as text."""
        wiring = self._wirings.get(stray.job)
        if wiring is None:
            return f"{LEFT}: code may not schedule its job now"
        plan = self._row(stray.job, stray.key)
        is_planned = plan is not None and plan.status == "planned" and plan.revision == stray.revision
        if stray.fix == "delete":
            if is_planned:
                return f"{LEFT}: it has a plan now"
            self._groups.delete(self._group, stray.schedule)
            return "deleted"
        if not is_planned or plan is None:
            return f"{LEFT}: it was moved, cancelled or started meanwhile"
        if stray.fix == "make":
            made = self._once.drive(lambda host: restore(wiring, host, plan))
            return "fixed" if made.outcome == "planned" else "not needed: its schedule exists now"
        try:
            made = self._once.drive(lambda host: renew(wiring, host, plan))
        except OnceConflict as fault:
            return f"{LEFT}: {fault.args[0]}"
        return "replaced" if made.outcome == "moved" else f"{LEFT}: it was moved, cancelled or started meanwhile"

    # -- single strays ------------------------------------------------------------------------------------------------
    def _of_plan(self, wiring: Wiring, plan: PlanItem, listed: Listed | None) -> Stray | None:
        """Return the stray of a planned row, if any. A fault by the list is checked again with fresh reads."""
        if _fault(wiring, plan, listed, self._clock()) is None:
            return None
        fresh = self._row(wiring.job, plan.key)
        if fresh is None or fresh.status != "planned" or fresh.revision != plan.revision:
            return None
        name = schedules.name(wiring.job, plan.key, plan.revision)
        if listed is None:
            listed = self._groups.read_listed(self._group, name)  # it may be newer than the list
        fault = _fault(wiring, fresh, listed, self._clock())
        return None if fault is None else _stray(wiring, plan, fault)

    def _outdated(self, wiring: Wiring, plans: Mapping[str, PlanItem], seen: Seen) -> Iterator[Stray]:
        """Yield the plans whose schedules have another role, function or queue than the stack."""
        for number, (name, got) in enumerate(self._groups.get_all(self._group, _old(plans, self._clock())), 1):
            seen(number)
            differs = None if got is None else _differences(wiring, got)
            if not differs:
                continue
            plan = self._row(wiring.job, plans[name].key)
            if plan is not None and plan.status == "planned" and plan.revision == plans[name].revision:
                what = f"its schedule has another {differs} than the stack has now: it cannot invoke the job"
                yield _stray(wiring, plan, Defect(plan.revision, what, RENEWED, "renew"))

    def _of_schedule(self, name: str, listed: Listed) -> Stray | None:
        """Return the stray of a schedule without a planned row among the rows that were read."""
        now = self._clock()
        if now - listed.made <= ABANDONED_AFTER:
            return None
        got = self._groups.get(self._group, name)
        if got is None:
            return None
        event = event_of(got)
        if event is None or event.revision is None or event.job not in self._wirings:
            return foreign(name, listed, event)
        plan = self._row(event.job, event.key)
        schedule = _Schedule(event.job, event.key, name, event.revision)
        if plan is None:
            return schedule.stray(listed.made, "it has no plan: its row is missing")
        if plan.status == "planned" and plan.revision == event.revision:
            if name != schedules.name(event.job, event.key, event.revision):
                return foreign(name, listed, event)
            # It is due before the plans that were read, or the index was outdated.
            return self._of_plan(self._wirings[event.job], plan, listed)
        changed = max(plan.revision, plan.begun)
        if plan.status != "cancelled" and now - changed <= ABANDONED_AFTER:
            return None  # the move will delete it; or it has fired, and Scheduler will delete it
        return schedule.stray(changed, _left_behind(plan, event.revision))

    def _row(self, job: str, key: str) -> PlanItem | None:
        return read_plan(self._reader.get(plan_requests.get(self._ledger, job, key)))


class _Schedule(NamedTuple):
    """A schedule without a plan."""

    job: str
    key: str
    name: str
    revision: int

    def stray(self, since: int, what: str) -> Stray:
        return Stray("schedule", self.job, self.key, self.name, since, what, DELETED, "delete", self.revision)


def foreign(name: str, listed: Listed, event: Occurrence | None) -> Stray:
    """Return the stray of a schedule whose event is not of a plan."""
    what, remedy = "it brings nothing that code has planned", "it was created by hand: delete it by hand"
    job = "" if event is None or event.revision is None else event.job
    return Stray("schedule", job, "", name, listed.made, what, remedy)


def _stray(wiring: Wiring, plan: PlanItem, fault: Defect) -> Stray:
    name = schedules.name(wiring.job, plan.key, plan.revision)
    since, what, remedy, fix = fault
    return Stray("plan", wiring.job, plan.key, name, since, what, remedy, fix, plan.revision)


def _old(plans: Mapping[str, PlanItem], now: int) -> Iterable[str]:
    return [name for name, plan in plans.items() if now - plan.revision > ABANDONED_AFTER]


def _differences(wiring: Wiring, got: Any) -> str:
    """Return the differences of a schedule from the wiring: "role", "role and function"; "" for none."""
    target = got["Target"]
    queue = target.get("DeadLetterConfig", {}).get("Arn", "")
    differs = {
        "role": target.get("RoleArn") != wiring.role,
        "function": target.get("Arn") != wiring.function,
        "queue of dead letters": queue != wiring.dead_letters,
    }
    return " and ".join(name for name, is_other in differs.items() if is_other)


def _fault(wiring: Wiring, plan: PlanItem, listed: Listed | None, now: int) -> Defect | None:
    """Return the fault of a plan, by its row and the list of schedules; None if it has no fault."""
    if now - plan.revision <= ABANDONED_AFTER:
        return None
    if now - plan.due > ABANDONED_AFTER:
        return _overdue(wiring, plan, listed, now)
    if listed is None:
        if plan.due <= now:
            return None  # it has fired, and its event has not arrived yet
        return Defect(
            plan.revision, "its schedule is missing: its caller crashed first, or it was deleted by hand", MADE, "make"
        )
    if not listed.enabled:
        return Defect(listed.made, "its schedule was disabled by hand: it will not start", ENABLE)
    return None


def _overdue(wiring: Wiring, plan: PlanItem, listed: Listed | None, now: int) -> Defect:
    if now - plan.due > wiring.start_deadline * 1000:
        # A schedule created now would only record it as missed.
        remedy = "redrive its dead letter, or cronstack once move … --in 0s, or once cancel"
        return Defect(plan.due, "overdue, and past its start deadline", remedy)
    if listed is None:
        return Defect(plan.due, "overdue, and its schedule is missing: nothing starts it", MADE, "make")
    if not listed.enabled:
        return Defect(plan.due, "overdue: its schedule was disabled by hand", ENABLE)
    remedy = "Scheduler retries until the start deadline: check the function's throttles and errors"
    return Defect(plan.due, "overdue, although its schedule exists", remedy)


def _left_behind(plan: PlanItem, revision: int) -> str:
    if plan.revision != revision:
        return "left by a move: its key has another plan now"
    started = {"begun": "has started", "missed": "was missed"}
    return f"left by a plan that {started[plan.status]}" if plan.status in started else "left by a cancel"
