"""Read the rows of all jobs, and judge them. Each stage reads for all jobs at once, to send few requests.

    1  leases; runs that are expected, or that the last pass stored      BatchGetItem
    2  lists of the index: open runs, plans past due                        Query
    3  the rows of these lists; the runs of the leases                      BatchGetItem
    4  the runs of started plans; plans of missed keys                      BatchGetItem, only if there are any
    5  latest runs, carriers                                                only of jobs that need them

Jobs with ``once()`` have 32 further lists. At most ``TURN`` of these jobs are looked at in one pass, in turn.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.ledger.items import read_lease, read_plan, read_run
from cronstack.ledger.open_runs import is_planned_again
from cronstack.ledger.partitions import (
    PK,
    SK,
    lease_key,
    occurrence_of,
    open_lists,
    plan_key,
    plan_partition,
    plan_partitions,
    run_key,
)
from cronstack.ledger.rows import FAILED, FINAL, PlanItem, RunItem
from cronstack.occurrence import planned_id, scheduled_id
from cronstack.watchdog.checks import arrivals, attempts, failures, rates, schedules, services, waiting
from cronstack.watchdog.expecting import MOST, Limits, due_of
from cronstack.watchdog.reading import Item, Key, Reading
from cronstack.watchdog.scene import DAY, MINUTE, Cause, Finding
from cronstack.watchdog.snapshot import JobState, Watch

TURN: Final = 8
"""Most jobs with ``once()`` whose lists one pass reads."""
BEHIND: Final = 2 * DAY
"""Milliseconds before the first pass from which plans are read. Scheduler retries for a day at most."""
MOST_PLANS: Final = 1000
"""Most plans of a list that one pass reads. The next pass continues after them."""
TRACKED: Final = 50
"""Most running runs, and overdue plans, of a job that the next pass looks at again."""
MOST_BYTES: Final = 2048
"""Most bytes of the keys of a job's overdue plans: the snapshot of all jobs is one row, of 400 KB at most."""
LAG: Final = MINUTE
"""Milliseconds by which the index may be behind the table. AWS gives no number; it is usually below a second."""
KEYED: Final[tuple[Cause, ...]] = ("missed", "failed", "buffered", "lost-carrier", "overdue-plan")
"""Causes that need the lists of the index."""


class Wanted(NamedTuple):
    """What the first stage reads of one job."""

    job: JobMetadata
    state: JobState
    fresh: list[int]
    checked: int
    watches: tuple[Watch, ...]
    prediction: str | None
    occurrences: tuple[str, ...]

    @classmethod
    def of(cls, job: JobMetadata, state: JobState, watches: Collection[Watch], now: int) -> Wanted:
        """Return what must be read of a job."""
        upper, fresh, checked = now - Limits.of(job).late, list[int](), state.checked
        if len(state.absent) < MOST:
            fresh = due_of(watches, state.checked, upper)
            checked = max(checked, upper if len(fresh) < MOST else fresh[-1])
        gap = rates.gap_of(watches, state.last)
        prediction = None if gap is None else rates.predicted(gap, job, state, now)
        more = () if prediction is None else (prediction,)
        return cls(job, state, fresh, checked, tuple(watches), prediction, (*arrivals.looks_at(state, fresh), *more))

    @property
    def keys(self) -> list[Item]:
        name = self.job.job
        return [lease_key(name), *(run_key(name, occurrence) for occurrence in self.occurrences)]


class Judged(NamedTuple):
    """Result for one job. ``causes``: those that were looked for."""

    state: JobState
    findings: tuple[Finding, ...]
    causes: frozenset[Cause]
    to_start: tuple[int, ...] = ()


class Rows:
    """The rows that were read in this pass."""

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}

    def run(self, job: str, occurrence: str) -> RunItem | None:
        return read_run(self._of(run_key(job, occurrence)))

    def plan(self, job: str, key: str) -> PlanItem | None:
        return read_plan(self.items.get((plan_partition(job, key), key)))

    def lease(self, job: str) -> Item | None:
        return self._of(lease_key(job))

    def _of(self, key: Item) -> Item | None:
        return self.items.get((key[PK]["S"], key[SK]["S"]))


class Lists(NamedTuple):
    """What the index shows of one job."""

    runs: tuple[str, ...]
    """Occurrences of open runs."""
    plans: tuple[str, ...] = ()
    """Keys of plans past due, including those that the last pass has found overdue."""
    planned: int = 0
    """Plans due up to it were read."""


def judge(
    reading: Reading,
    wanted: Mapping[str, Wanted],
    in_turn: Collection[str],
    states: Iterable[schedules.State],
    is_open: Collection[tuple[str, str]],
    *,
    last: int,
    now: int,
) -> dict[str, Judged]:
    """Return the judgement of each job. ``in_turn``: jobs whose lists are read. ``last``: time of the last pass."""
    rows, lists = Rows(), dict[str, Lists]()
    rows.items |= reading.items(key for one in wanted.values() for key in one.keys)
    for name in in_turn:
        lists[name] = _lists(reading, wanted[name], now)
    keys: list[Item] = []
    for name, of_job in lists.items():
        keys += [run_key(name, occurrence) for occurrence in of_job.runs]
        keys += [plan_key(name, key) for key in of_job.plans]
    for name in wanted:
        holder = read_lease(rows.lease(name)).occurrence
        keys += [run_key(name, holder)] if holder else []
    rows.items |= reading.items(keys)
    rows.items |= reading.items(_of_plans(rows, lists))
    all_states = [*states]
    return {
        name: _Job(reading, rows, one, lists.get(name), now=now, last=last).judge(
            [state for state in all_states if state.declared.job == name], is_failing=(name, "failed") in is_open
        )
        for name, one in wanted.items()
    }


def _lists(reading: Reading, wanted: Wanted, now: int) -> Lists:
    job, state = wanted.job, wanted.state
    runs = [
        occurrence_of(key)
        for listed in open_lists(job.job, by_code=job.by_code)
        for _, key in reading.entries(listed, last=now)
    ]
    if not job.by_code:
        return Lists(tuple(runs))
    planned = until = now - waiting.late_of_plans(job)
    keys = dict.fromkeys(state.overdue)
    for listed in plan_partitions(job.job):
        first = state.planned + 1 if state.planned else now - BEHIND
        found, more = _due_plans(reading, listed, first, until)
        keys |= dict.fromkeys(key[SK]["S"] for _, key in found)
        if more:
            planned = min(planned, found[-1][0] - 1)  # others may be due at the same time
    return Lists(tuple(runs), tuple(keys), max(planned, state.planned))


def _due_plans(reading: Reading, listed: str, first: int, last: int) -> tuple[list[tuple[int, Item]], bool]:
    """Return the first plans of a list that are due in a span, and whether there may be more.

    They have at least two due times: the next pass begins with the last one.
    """
    most = MOST_PLANS
    while True:
        found = reading.entries(listed, first=first, last=last, newest_first=False, most=most)
        if len(found) < most or found[0][0] != found[-1][0]:
            return found, len(found) >= most
        most *= 2


def _of_plans(rows: Rows, lists: Mapping[str, Lists]) -> list[Item]:
    """Return the keys of the rows that the rows of the lists make necessary."""
    keys: list[Item] = []
    for name, of_job in lists.items():
        plans = [rows.plan(name, key) for key in of_job.plans]
        keys += [run_key(name, planned_id(plan.key)) for plan in plans if plan is not None and plan.status == "begun"]
        runs = [rows.run(name, occurrence) for occurrence in of_job.runs]
        keys += [plan_key(name, run.key) for run in runs if run is not None and run.status == "missed" and run.key]
    return keys


class _Job:
    """The judgement of one job."""

    def __init__(
        self, reading: Reading, rows: Rows, wanted: Wanted, lists: Lists | None, *, now: int, last: int
    ) -> None:
        self._reading, self._rows, self._wanted, self._lists = reading, rows, wanted, lists
        self._now, self._last = now, last
        self._listed = wanted.state.listed or last
        self._job, self._name = wanted.job, wanted.job.job
        runs = (rows.run(self._name, occurrence) for occurrence in (() if lists is None else lists.runs))
        self._open = [run for run in runs if run is not None]

    def judge(self, states: Collection[schedules.State], *, is_failing: bool) -> Judged:
        """Run all checks. ``is_failing``: an incident "failed" is open."""
        wanted, now = self._wanted, self._now
        runs = {occurrence: self._rows.run(self._name, occurrence) for occurrence in wanted.occurrences}
        arrived = self._arrivals(runs)
        state, findings = arrived.state, [*arrived.findings]
        state, of_rate = self._rate(state, runs)
        findings += of_rate
        item = self._rows.lease(self._name)
        running = self._running(runs.values())
        fresh = {scheduled_id(due) for due in wanted.fresh}  # not looked at before, so they may have ended earlier
        finished = [
            run
            for run in runs.values()
            if run is not None and run.status in FINAL and (run.ended > self._last or run.occurrence in fresh)
        ]
        since, by = _pause(item)
        state = state._replace(paused=now if since else state.paused)
        lease = read_lease(item)
        holder = self._rows.run(self._name, lease.occurrence) if lease.occurrence else None
        holder_has_ended = holder is not None and holder.status in FINAL
        findings += attempts.check(
            self._job,
            lease,
            running.values(),
            finished,
            now,
            paused=state.paused,
            holder_has_ended=holder_has_ended,
        )
        findings += schedules.check_pauses(self._job, states, since, by, now)
        findings += services.check_clock(
            self._name, [run for run in runs.values() if run is not None], max(now, self._reading.latest or 0)
        )
        state = state._replace(running=tuple(running)[:TRACKED])
        if self._lists is not None:
            findings += self._failures(is_failing=is_failing)
            findings += self._waiting()
            overdue = self._overdue()
            findings += waiting.check_plans(self._job, overdue)
            state = _with_plans(state, self._lists.planned, overdue)
            recent = (run for run in self._open if run.status in FAILED and run.ended > now - LAG)
            state = state._replace(listed=0, failed=tuple(run.occurrence for run in recent)[:TRACKED])
        else:
            state = state._replace(listed=self._listed)
        return Judged(state, tuple(findings), self._causes(any(runs.values())), arrived.to_start)

    def _is_new(self, run: RunItem) -> bool:
        """Return whether no earlier pass has seen that the run has failed. It may not have been in the index yet.

        For a first pass nothing is new: it reports only what still fails.
        """
        if not self._listed:
            return False
        if run.ended > self._listed:
            return True
        return run.ended > self._listed - LAG and run.occurrence not in self._wanted.state.failed

    def _causes(self, has_rows: bool) -> frozenset[Cause]:
        causes: set[Cause] = {"late", "missed", "overrunning", "abandoned", "paused"}
        causes |= {"clock"} if has_rows else set()
        return frozenset(causes - set(KEYED) if self._lists is None else causes | set(KEYED))

    def _arrivals(self, runs: arrivals.Runs) -> arrivals.Arrivals:
        wanted = self._wanted
        missed = [run for run in self._open if run.status == "missed"]
        own = [run.due for run in missed if self._is_new(run) and run.occurrence == scheduled_id(run.due)]
        result = arrivals.check(
            self._job,
            wanted.state,
            wanted.fresh,
            runs,
            checked=wanted.checked,
            too_late=own if self._last else (),
            now=self._now,
        )
        of_keys = [run for run in missed if run.key and self._now - run.ended <= failures.KEPT]
        of_keys = [run for run in of_keys if not is_planned_again(run, self._rows.plan(self._name, run.key))]
        if of_keys and not any(finding.cause == "missed" for finding in result.findings):
            facts = {
                "due": [run.due for run in of_keys[: arrivals.SHOWN]],
                "count": len(of_keys),
                "too_late": len(of_keys),
                "zone": arrivals.zone_of(self._job),
                "deadline": self._job.start_deadline,
            }
            since = min(run.due for run in of_keys)
            result = result._replace(findings=(*result.findings, Finding(self._name, "missed", since, facts)))
        return result

    def _rate(self, state: JobState, runs: arrivals.Runs) -> tuple[JobState, list[Finding]]:
        watches = self._wanted.watches
        if rates.gap_of(watches, state.last) is None:
            return state, []
        known = rates.known_last(state, runs, self._wanted.prediction)
        gap = rates.gap_of(watches, known)
        if gap is not None and rates.is_late(gap, self._job, self._now):
            latest = self._reading.latest_runs(self._name, self._now, 1)
            known = max(known, *(run.due for run in latest), 0)
            gap = rates.gap_of(watches, known)
        state = state._replace(last=known)
        if gap is None:  # the rate has ended
            return state, []
        return state, rates.check(self._job, gap, self._now)

    def _running(self, runs: Iterable[RunItem | None]) -> dict[str, RunItem]:
        """Return the running runs that are known, by occurrence."""
        known = [*runs, *self._open]
        holder = read_lease(self._rows.lease(self._name)).occurrence
        known += [self._rows.run(self._name, holder)] if holder else []
        keys = () if self._lists is None else self._lists.plans
        known += [self._rows.run(self._name, planned_id(key)) for key in keys]
        return {run.occurrence: run for run in known if run is not None and run.status == "running"}

    def _failures(self, *, is_failing: bool) -> list[Finding]:
        dead = failures.dead_of(self._open, self._now)
        history: list[RunItem] | None = None
        if failures.needs_history(dead, self._is_new, is_open=is_failing or not self._listed):
            most = self._job.alert_after + 30
            history = self._reading.latest_runs(self._name, self._now, most)
            history += self._reading.latest_triggers(self._name, most)
        return failures.check(self._job, dead, history, self._is_new)

    def _waiting(self) -> list[Finding]:
        plans = {run.key: self._rows.plan(self._name, run.key) for run in self._open if run.key}
        known = {key: plan for key, plan in plans.items() if plan is not None}
        late = waiting.overdue(self._open, known, self._now)
        if not late:
            return []
        brought = self._reading.carried(self._name, self._now)
        if any(run.occurrence not in brought for run in late):  # for a moment between two carriers, a run has none
            brought |= self._reading.carried(self._name, self._now)
        items = self._reading.items(run_key(self._name, run.occurrence) for run in late)
        fresh = [run for run in map(read_run, items.values()) if run is not None]
        return waiting.check(self._job, waiting.overdue(fresh, known, self._now), brought, self._now)

    def _overdue(self) -> list[PlanItem]:
        keys = () if self._lists is None else self._lists.plans
        plans = [plan for key in keys if (plan := self._rows.plan(self._name, key)) is not None]
        return [
            plan
            for plan in plans
            if waiting.is_overdue_plan(plan, self._rows.run(self._name, planned_id(plan.key)), self._job, self._now)
        ]


def _with_plans(state: JobState, planned: int, overdue: Iterable[PlanItem]) -> JobState:
    """Return the state with the overdue plans. The plans that do not fit are read again by the next pass."""
    kept, size = list[str](), 0
    for plan in sorted(overdue, key=lambda plan: plan.due):
        size += len(json.dumps(plan.key))
        if len(kept) >= TRACKED or (kept and size > MOST_BYTES):
            planned = min(planned, plan.due - 1)
            break
        kept.append(plan.key)
    return state._replace(planned=planned, overdue=tuple(kept))


def _pause(item: Item | None) -> tuple[int, Mapping[str, Any]]:
    """Return since when the ledger pauses a job (0: not), with its operator and reason, from its lease row."""
    item = item or {}
    try:
        by = json.loads(item.get("pause", {}).get("S", "{}"))
    except ValueError:
        by = {}
    return int(item.get("paused", {}).get("N", 0)), by if isinstance(by, dict) else {}
