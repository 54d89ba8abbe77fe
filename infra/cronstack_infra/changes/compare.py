"""Compare a deployed stack with a declared project: the changes of each job in time. Pure.

CloudFormation changes a schedule only if its own properties change. So a schedule that was changed by hand stays so
until then, and a rate without start counts on. A rate whose schedule changes counts from the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from typing import Literal

from cronstack_infra.changes.policies import PolicyChange, compare_policies
from cronstack_infra.changes.sides import DeployedJobSide, JobSide, TimedSchedule, by_number
from cronstack_infra.changes.times import TimeChange, compare_times, span_of
from cronstack_infra.changes.waiting import Fate, Pending, fates
from cronstack_infra.play.dry.minutes import Span

Kind = Literal["added", "removed", "changed", "same"]


@dataclass(frozen=True)
class ScheduleChange:
    """A schedule that differs. None: this side has no such schedule."""

    old: TimedSchedule | None
    new: TimedSchedule | None
    restarts: bool = False
    """A rate that counts from the deployment."""


@dataclass(frozen=True)
class JobChange:
    """The changes of one job."""

    job: str
    kind: Kind
    where: str
    schedules: tuple[ScheduleChange, ...] = ()
    policies: tuple[PolicyChange, ...] = ()
    times: TimeChange = field(default_factory=TimeChange)
    waiting: tuple[Fate, ...] = ()
    notes: tuple[str, ...] = ()
    old: JobSide | None = None
    new: JobSide | None = None

    @property
    def is_change(self) -> bool:
        """Whether the deployment changes the job in time. Notes alone do not count."""
        return self.kind in ("added", "removed") or bool(self.schedules or self.policies or self.times)


@dataclass(frozen=True)
class Changes:
    """The changes of a stack."""

    stack: str
    span: Span
    deployed: bool
    """False: no such stack exists yet."""
    jobs: tuple[JobChange, ...]
    """Jobs with a change or a note, by name."""
    same: int
    """Number of jobs without a change."""

    def __bool__(self) -> bool:
        return any(job.is_change for job in self.jobs)


def compare(
    stack: str,
    deployed: Mapping[str, DeployedJobSide] | None,
    declared: Mapping[str, JobSide],
    pending: Mapping[str, Sequence[Pending]],
    *,
    now: datetime,
    days: int,
) -> Changes:
    """Return the changes of a deployment at ``now`` (UTC), for the given days from then on.

    deployed: jobs of the stack, by name. None: nothing is deployed.
    pending: what waits in the stack, by job.
    """
    span, before = span_of(now, days), deployed or {}
    changes = []
    for name in sorted({*before, *declared}):
        found = before.get(name)
        if found is None:
            changes.append(_added(declared[name], span))
        elif name not in declared:
            changes.append(_removed(found, pending.get(name, ()), span))
        else:
            changes.append(_changed(found, declared[name], pending.get(name, ()), span))
    shown = tuple(_renamed(change, changes) for change in changes if change.is_change or change.notes)
    return Changes(stack, span, deployed is not None, shown, sum(not change.is_change for change in changes))


def changed_jobs(deployed: Mapping[str, DeployedJobSide], declared: Mapping[str, JobSide], now: datetime) -> list[str]:
    """Return the deployed jobs that the deployment changes or removes."""
    changes = compare("", deployed, declared, {}, now=now, days=1)
    return [change.job for change in changes.jobs if change.is_change and change.kind != "added"]


def _added(new: JobSide, span: Span) -> JobChange:
    schedules = tuple(ScheduleChange(None, timed, timed.is_rate) for timed in new.schedules)
    times = compare_times((), new.schedules, span)
    return JobChange(new.name, "added", new.job.where, schedules, times=times, new=new)


def _removed(found: DeployedJobSide, pending: Sequence[Pending], span: Span) -> JobChange:
    old = found.actual
    schedules = tuple(ScheduleChange(timed, None) for timed in old.schedules)
    times = compare_times(old.schedules, (), span)
    waiting = tuple(fates(old, None, pending))
    return JobChange(
        old.name, "removed", old.job.where, schedules, times=times, waiting=waiting, notes=_drift(found), old=old
    )


def _changed(found: DeployedJobSide, declared: JobSide, pending: Sequence[Pending], span: Span) -> JobChange:
    new = _effective(found, declared)
    old, changes = found.actual, list[ScheduleChange]()
    for first, second in _matched(old.schedules, new.schedules):
        touched = first is None or second is None or first.number != second.number
        touched = touched or _is_touched(found.declared, declared, second.number if second else 0)
        restarts = touched and second is not None and second.is_rate
        if restarts or not _are_alike(first, second):
            changes.append(ScheduleChange(first, second, restarts))
    policies = tuple(compare_policies(found.declared, declared))
    times = compare_times(old.schedules, new.schedules, span, pair_them=not any(map(_has_other_period, changes)))
    is_same = not (changes or policies or times)
    return JobChange(
        declared.name,
        "same" if is_same else "changed",
        declared.job.where,
        tuple(changes),
        policies,
        times,
        () if is_same else tuple(fates(found.declared, declared, pending)),
        _drift(found, declared),
        old,
        new,
    )


def _matched(
    old: Sequence[TimedSchedule], new: Sequence[TimedSchedule]
) -> Iterator[tuple[TimedSchedule | None, TimedSchedule | None]]:
    """Pair the schedules of two sides: equal ones, whatever their numbers, then the others in order."""
    left, right, equal = list(old), list(new), []
    for number_matters in (True, False):
        for first in list(left):
            for second in right:
                if _are_alike(first, second) and (first.number == second.number or not number_matters):
                    equal.append((first, second))
                    left.remove(first)
                    right.remove(second)
                    break
    yield from equal
    yield from zip_longest(left, right)


def _has_other_period(change: ScheduleChange) -> bool:
    """Return whether a rate has another period, or replaces another kind of schedule."""
    old, new = change.old, change.new
    if old is None or new is None or not (old.is_rate or new.is_rate):
        return False
    return old.schedule.value != new.schedule.value


def _effective(found: DeployedJobSide, declared: JobSide) -> JobSide:
    """Return the declared side as Scheduler has it after the deployment: what is not touched stays as it is found."""
    actual, schedules = by_number(found.found), []
    for timed in declared.schedules:
        is_touched = _is_touched(found.declared, declared, timed.number)
        if is_touched and timed.number in by_number(found.declared.schedules) and timed.number not in actual:
            continue  # deleted by hand: CloudFormation cannot update it
        kept = timed if is_touched else actual.get(timed.number)
        if kept is not None:
            schedules.append(kept)
    return replace(declared, schedules=tuple(schedules))


def _is_touched(template: JobSide, declared: JobSide, number: int) -> bool:
    """Return whether the deployment changes the resource of a schedule."""
    old, new = by_number(template.schedules).get(number), by_number(declared.schedules).get(number)
    if old is None or new is None or not _are_alike(old, new):
        return True
    if template.has_policies and template.job.start_deadline != declared.job.start_deadline:
        return True  # it is the age limit of Scheduler's retries
    return template.input is not None and template.input != declared.input


def _are_alike(one: TimedSchedule | None, other: TimedSchedule | None) -> bool:
    if one is None or other is None:
        return one is other
    windows = one.schedule.window == other.schedule.window
    return one.schedule == other.schedule and windows and one.enabled == other.enabled


def _drift(found: DeployedJobSide, declared: JobSide | None = None) -> tuple[str, ...]:
    """Return a note for each schedule that was changed by hand since it was deployed."""
    actual = by_number(found.found)
    return tuple(
        note
        for timed in found.declared.schedules
        if (note := _drift_of(timed, actual.get(timed.number), found, declared))
    )


def _drift_of(
    timed: TimedSchedule, actual: TimedSchedule | None, found: DeployedJobSide, declared: JobSide | None
) -> str:
    number = timed.number
    is_kept = declared is not None and number in by_number(declared.schedules)
    touched = declared is not None and _is_touched(found.declared, declared, number)
    if actual is None:
        remedy = " A deployment cannot update it: remove it from @job, deploy, add it again." if is_kept else ""
        return f"schedule {number} was deleted by hand: it does not fire.{remedy}"
    if _are_alike(timed, actual):
        return ""
    result = (
        "this deployment deletes it"
        if not is_kept
        else "this deployment restores it"
        if touched
        else "this deployment does not change it, because its declaration has not changed"
    )
    if actual.enabled != timed.enabled:
        return f"schedule {number} was {'enabled' if actual.enabled else 'disabled'} by hand; {result}."
    return (
        f"schedule {number} was changed by hand to {actual.schedule.expression} ({actual.schedule.timezone}); {result}."
    )


def _renamed(change: JobChange, all_changes: Sequence[JobChange]) -> JobChange:
    """Add a note to an added job that looks like a removed one."""
    if change.kind != "added" or change.new is None:
        return change
    for other in all_changes:
        if other.kind == "removed" and other.old is not None and _is_like(other.old, change.new):
            note = (
                f"it looks like {other.job} under a new name, which is a new job: history and plans stay with"
                f' {other.job}. To keep the name: @job(name="{other.job}").'
            )
            return replace(change, notes=(*change.notes, note))
    return change


def _is_like(old: JobSide, new: JobSide) -> bool:
    fields = ("schedules", "by_code", "overlap", "retries", "timeout", "start_deadline")
    has_times = bool(new.job.schedules) or new.job.by_code
    return has_times and all(getattr(old.job, name) == getattr(new.job, name) for name in fields)
