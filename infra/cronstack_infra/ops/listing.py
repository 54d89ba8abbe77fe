"""Listings of runs, for one job or for several. Each reads about as many rows as it shows (see ``ledger``).

Only a listing by a status in which the index lists no runs reads as far back as it needs.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Final, NamedTuple

from cronstack.ledger.items import read_lease, read_run
from cronstack.ledger.partitions import open_lists, plan_partitions
from cronstack.ledger.rows import OPEN, STATUSES, PlanItem, RunItem
from cronstack.ledger.run_requests import get_lease, get_run
from cronstack.occurrence import scheduled_id, to_milliseconds
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.reader import Reader, Seen, ignore
from cronstack_infra.ops.onetime import wirings
from cronstack_infra.ops.runs import LATE, RunRow, row_of

ROW_STATUSES: Final = ("planned", "begun", *STATUSES, "cancelled")
"""All statuses of a row: those of runs, and those of plans that have no run."""
AHEAD: Final = 5
"""Most plans that are shown together with runs."""
SCANNED: Final = 200
"""Most extra plans of a job that are read to find the next plans that were not cancelled."""
RECENT: Final = timedelta(hours=6)
"""How far back a listing of running runs goes. Lambda keeps no event longer, so older occurrences have started."""
_BEYOND: Final = "\x7f"
"""A character that sorts after every character of an id."""
_MINUTE: Final = timedelta(minutes=1)


class Recent(NamedTuple):
    """The newest runs, with the next few plans."""

    rows: list[RunRow]
    following: RunRow | None
    """The next plan that is not among the rows."""


def list_runs(
    dynamodb: Any,
    deployment: Deployment,
    jobs: Iterable[str],
    *,
    now: datetime,
    most: int,
    status: str | None = None,
    since: datetime | None = None,
    seen: Seen = ignore,
    removed: bool = False,
) -> list[RunRow]:
    """Return the newest rows of some jobs, by due time, newest first. ``status``: one of ``ROW_STATUSES``.

    ``removed``: the stack does not have the jobs now, so code may have planned runs of each of them.

    Running runs due more than ``RECENT`` ago are found only by their lease, or with ``since``.
    """
    listing = _Listing(Reader(dynamodb, deployment.ledger, seen=seen), deployment, jobs, now, most, removed)
    return listing.first(listing.newest(since) if status is None else listing.by_status(status, since))


def list_recent(
    dynamodb: Any,
    deployment: Deployment,
    jobs: Iterable[str],
    *,
    now: datetime,
    most: int,
    since: datetime | None,
    seen: Seen = ignore,
    removed: bool = False,
) -> Recent:
    """Return the newest runs, and only the next few plans.

    Thousands of reminders for next month must not hide the runs of today, and are not read.
    """
    listing = _Listing(Reader(dynamodb, deployment.ledger, seen=seen), deployment, jobs, now, most, removed)
    past = listing.first(listing.newest(since, last=now))
    few = max(min(AHEAD, most // 4), most - len(past))
    ahead = [*islice(listing.ahead(now if since is None else max(now, since), few + 1), few + 1)]
    rows = {(row.job, row.occurrence): row for row in (*past[: most - len(ahead[:few])], *ahead[:few])}
    return Recent(sorted(rows.values(), key=_newest_first), ahead[few] if len(ahead) > few else None)


def list_planned(
    dynamodb: Any,
    deployment: Deployment,
    jobs: Iterable[str],
    *,
    now: datetime,
    most: int,
    since: datetime | None,
    seen: Seen = ignore,
    removed: bool = False,
) -> list[RunRow]:
    """Return the plans, the next one first. ``since``: earliest due time. Defaults to now, less ``LATE``."""
    listing = _Listing(Reader(dynamodb, deployment.ledger, seen=seen), deployment, jobs, now, most, removed)
    return sorted(islice(listing.ahead(now - LATE if since is None else since), most), key=_next_first)


def has_rows(dynamodb: Any, deployment: Deployment, job: str) -> bool:
    """Return whether the ledger has a run or a plan of a job, which the stack may not have now."""
    reader = Reader(dynamodb, deployment.ledger)
    if any(reader.runs(job, "", _BEYOND, size=1, most=1)):
        return True
    return any(True for _ in islice(reader.entries(plan_partitions(job), size=1), 1))


class _Listing:
    """One listing of the rows of some jobs."""

    def __init__(
        self, reader: Reader, deployment: Deployment, jobs: Iterable[str], now: datetime, most: int, removed: bool
    ) -> None:
        self._reader, self._table, self._jobs = reader, deployment.ledger, tuple(jobs)
        self._by_code = {*wirings(deployment), *(self._jobs if removed else ())}
        self._now, self._most = now, most
        sources = 2 * len(self._jobs) + len(self._by_code & {*self._jobs})
        self._size = min(100, max(4, most // max(1, sources)))
        """Rows of the first page of each source."""

    def first(self, rows: Iterator[RunRow]) -> list[RunRow]:
        """Return the first rows, sorted again: an outdated entry of the index may be out of order."""
        return sorted(islice(rows, self._most), key=_newest_first)

    def newest(self, since: datetime | None, last: datetime | None = None) -> Iterator[RunRow]:
        """Yield all rows, newest first. ``last``: latest due time of rows with a key."""
        sources = []
        for job in self._jobs:
            sources += [*self._without_key(job, since, self._most), self._of_keys(job, since, last)]
        return heapq.merge(*sources, key=_newest_first)

    def by_status(self, status: str, since: datetime | None) -> Iterator[RunRow]:
        """Yield rows of one status, newest first. The index lists runs that wait or have failed."""
        if status in OPEN:
            sources = [self._open(job, since, status) for job in self._jobs]
        elif status == "running":
            sources = [self._running(job, since) for job in self._jobs]
        else:
            with_key_only = status not in STATUSES
            sources = []
            for job in self._jobs:
                sources += [] if with_key_only else self._without_key(job, since, None)
                sources += [self._of_keys(job, since, None)]
        return (row for row in heapq.merge(*sources, key=_newest_first) if row.status == status)

    def ahead(self, since: datetime, wanted: int | None = None) -> Iterator[RunRow]:
        """Yield the plans due from ``since`` on, the next one first. ``wanted``: most plans that the caller needs."""
        size = self._size if wanted is None else wanted

        def of_job(job: str) -> Iterator[RunRow]:
            now, first = to_milliseconds(self._now), to_milliseconds(since) + 1
            rows = keyed.by_due(self._reader, job, now=now, first=first, newest_first=False, size=size)
            scanned = rows if wanted is None else islice(rows, wanted + SCANNED)
            return (row for row in self._rows(job, scanned) if row.status == "planned")

        return heapq.merge(*map(of_job, self._keyed_jobs()), key=_next_first)

    def _keyed_jobs(self) -> list[str]:
        return [job for job in self._jobs if job in self._by_code]

    def _without_key(self, job: str, since: datetime | None, most: int | None) -> list[Iterator[RunRow]]:
        """Return the runs of schedules and the runs of triggers. The ids of both grow with the due time."""
        first = "t-" if since is None else scheduled_id(to_milliseconds(since))
        scheduled = self._reader.runs(job, first, "t-" + _BEYOND, size=self._size, most=most)
        triggered = self._reader.runs(job, "m-", "m-" + _BEYOND, size=self._size, most=most)
        if since is None:
            return [self._rows(job, scheduled), self._rows(job, triggered)]
        # A ULID contains the time of the request, which is shortly after the due time.
        recent = takewhile(lambda row: row.due >= since - _MINUTE, self._rows(job, triggered))
        return [self._rows(job, scheduled), (row for row in recent if row.due >= since)]

    def _of_keys(self, job: str, since: datetime | None, last: datetime | None) -> Iterator[RunRow]:
        if job not in self._by_code:
            return iter(())
        rows = keyed.by_due(
            self._reader,
            job,
            now=to_milliseconds(self._now),
            first=0 if since is None else to_milliseconds(since),
            last=None if last is None else to_milliseconds(last),
            size=self._size,
        )
        return self._rows(job, rows)

    def _open(self, job: str, since: datetime | None, status: str) -> Iterator[RunRow]:
        first = 0 if since is None else to_milliseconds(since)
        lists = open_lists(job, by_code=job in self._by_code)
        runs = keyed.open_runs(self._reader, lists, first=first, size=self._size)
        if status == "missed":
            missed = (run for run in runs if run.status == status)
            runs = keyed.without_planned_again(self._reader, job, missed)
        return self._rows(job, runs)

    def _running(self, job: str, since: datetime | None) -> Iterator[RunRow]:
        """Return the run that holds the lease, and running runs without a lease that are due from ``since`` on."""
        begin = self._now - RECENT if since is None else since
        lease = read_lease(self._reader.get(get_lease(self._table, job)))
        item = self._reader.get(get_run(self._table, job, lease.occurrence)) if lease.occurrence else None
        holder = read_run(item)
        sources = [self._of_keys(job, begin, self._now)]
        if holder is not None and (since is None or holder.due >= to_milliseconds(since)):
            sources.append(self._rows(job, iter([holder])))
        for first, last in ((scheduled_id(to_milliseconds(begin)), "t-"), ("m-", "m-")):
            runs = self._reader.runs(job, first, last + _BEYOND, size=self._size)
            sources.append(self._rows(job, _without_lease(runs, begin, lease.fence)))
        unique = {row.occurrence: row for source in sources for row in source if row.status == "running"}
        return iter(sorted(unique.values(), key=_newest_first))

    def _rows(self, job: str, items: Iterator[RunItem] | Iterator[RunItem | PlanItem]) -> Iterator[RunRow]:
        return (row_of(job, item, self._now) for item in items)


def _without_lease(runs: Iterator[RunItem], begin: datetime, fence: int) -> Iterator[RunItem]:
    """Yield the runs that may run in parallel, given the runs newest first.

    ``fence``: of the last claim of the lease, 0 for a job without a lease. A run with this fence or a lower fence was
    claimed with the lease, which has one holder. So no older run is still running.
    """
    for run in runs:
        if run.due < to_milliseconds(begin) or 0 < run.fence <= fence:
            return
        yield run


def _newest_first(row: RunRow) -> tuple[float, str]:
    return (-row.due.timestamp(), row.occurrence)


def _next_first(row: RunRow) -> tuple[datetime, str]:
    return (row.due, row.occurrence)
