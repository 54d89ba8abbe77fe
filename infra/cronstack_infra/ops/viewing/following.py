"""Follow the runs of some jobs: yield each run when its status changes.

    each poll          one BatchGetItem: the leases of all jobs, and the open runs that were seen
    a changed lease    three Queries of this job: a claim or a settlement has changed a run of it
    every ``SWEEP``    the same Queries of each job: a skip, a miss and a run with overlap "allow" change no lease
    every ``KEYED``    for a job of code also the index: 16 Queries, and a BatchGetItem

A run that is due more than a day ago (a backfill) is found while it holds the lease, waits or has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from cronstack.ledger.items import read_lease, read_run
from cronstack.ledger.partitions import job_partition, lease_key, open_lists, run_key, run_partition
from cronstack.ledger.rows import FINAL, RunItem
from cronstack.occurrence import scheduled_id, to_milliseconds
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.explaining.asking import first_trigger
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.reader import Key, Reader
from cronstack_infra.ops.onetime import wirings
from cronstack_infra.ops.runs import RunRow, row_of

POLL: Final = 2.0
"""Seconds between two polls."""
SWEEP: Final = timedelta(seconds=10)
KEYED: Final = timedelta(seconds=30)
RECENT: Final = timedelta(hours=1)
"""Runs due since then are found by a sweep."""
DAY: Final = timedelta(days=1)
"""Runs due since then are found after a change of the lease."""
OPEN_RUNS: Final = 25
_LAST: Final = "\x7f"

Id = tuple[str, str]
"""Job and occurrence."""


class Follower:
    """What was seen so far of some jobs' runs."""

    def __init__(self, dynamodb: Any, deployment: Deployment, jobs: Iterable[str], since: datetime | None) -> None:
        self._reader, self._jobs, self._since = Reader(dynamodb, deployment.ledger), tuple(jobs), since
        self._by_code = wirings(deployment).keys() & set(self._jobs)
        self._leases: dict[str, tuple[Any, ...]] = {}
        self._swept: dict[str, datetime] = {}
        self._swept_keys: dict[str, datetime] = {}
        self._states: dict[Id, tuple[Any, ...]] = {}
        self._open: set[Id] = set()
        self._is_first = True

    def poll(self, now: datetime) -> list[RunRow]:
        """Return the runs whose status has changed since the last poll, by due time. The first poll: the open runs.

        With ``since``, the first poll returns all runs due since then.
        """
        found, changed = self._read_known()
        for job in self._jobs:
            is_due = now - self._swept[job] >= SWEEP if job in self._swept else True
            if is_due or job in changed:
                first = now - (DAY if job in changed and not self._is_first else RECENT)
                found |= {(job, run.occurrence): run for run in self._sweep(job, now, first)}
                self._swept[job] = now
        rows = [row for (job, _), run in found.items() if (row := self._changed(job, run, now)) is not None]
        self._is_first = False
        return sorted(rows, key=lambda row: (row.due, row.job, row.occurrence))

    def _read_known(self) -> tuple[dict[Id, RunItem], set[str]]:
        """Return the open runs, and the jobs whose lease has changed, with the runs that these leases name."""
        rows = self._reader.items([*map(lease_key, self._jobs), *(run_key(*id) for id in sorted(self._open))])
        found = _runs(rows, self._open)
        changed: set[str] = set()
        held: list[Id] = []
        for job in self._jobs:
            lease = read_lease(rows.get((job_partition(job), "lease")))
            seen = (lease.fence, lease.occurrence, lease.buffered)
            if seen != self._leases.get(job):
                changed.add(job)
                held += [(job, name) for name in (lease.occurrence, lease.buffered) if name]
            self._leases[job] = seen
        missing = [id for id in held if id not in found]
        if missing:
            found |= _runs(self._reader.items(run_key(*id) for id in missing), missing)
        return found, changed

    def _sweep(self, job: str, now: datetime, first: datetime) -> Iterator[RunItem]:
        """Yield the recent runs of a job, and its open runs."""
        if self._is_first and self._since is not None:
            first = self._since
        begin = to_milliseconds(first)
        yield from self._reader.runs(job, scheduled_id(begin), "t-" + _LAST)
        yield from self._reader.runs(job, first_trigger(begin), "m-" + _LAST)
        lists = open_lists(job, by_code=False)
        yield from islice(keyed.open_runs(self._reader, lists, size=OPEN_RUNS), OPEN_RUNS)
        if job in self._by_code and (job not in self._swept_keys or now - self._swept_keys[job] >= KEYED):
            self._swept_keys[job] = now
            last = to_milliseconds(now)
            rows = keyed.by_due(self._reader, job, now=last, first=begin, last=last)
            yield from (row for row in rows if isinstance(row, RunItem))

    def _changed(self, job: str, run: RunItem, now: datetime) -> RunRow | None:
        """Return the row of a run whose state is new; None if it was seen before."""
        row, id = row_of(job, run, now), (job, run.occurrence)
        state = (row.status, row.attempt, row.after, row.overdue)
        if self._states.get(id) == state:
            return None
        self._states[id] = state
        is_open = run.status not in FINAL
        (self._open.add if is_open else self._open.discard)(id)
        return row if is_open or not self._is_first or self._is_wanted(row) else None

    def _is_wanted(self, row: RunRow) -> bool:
        return self._since is not None and row.due >= self._since


def _runs(rows: Mapping[Key, Any], ids: Iterable[Id]) -> dict[Id, RunItem]:
    """Return the runs among some rows."""
    read = {(job, name): read_run(rows.get((run_partition(job, name), f"run#{name}"))) for job, name in ids}
    return {id: run for id, run in read.items() if run is not None}


def follow_runs(
    dynamodb: Any,
    deployment: Deployment,
    jobs: Iterable[str],
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    since: datetime | None = None,
) -> Iterator[RunRow]:
    """Yield the runs of some jobs as their status changes, without end. The first ones are the open runs.

    ``since``: yield the runs due since then first.
    """
    follower = Follower(dynamodb, deployment, jobs, since)
    while True:
        yield from follower.poll(clock())
        sleep(POLL)
