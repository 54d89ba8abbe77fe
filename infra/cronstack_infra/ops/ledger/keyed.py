"""Keys in the order of their due times: the run of a key that has started, else its plan.

The index lists all plans of a job. The row of an entry decides its status and its time. An entry may be outdated:

    the plan was moved since        its row has another due time: it is yielded at that time, or at once if that has
                                    passed, and only once
    the plan was deleted since      it is left out
    the run ended since             it is shown as it is now

A key whose run was missed can be planned again. Then its plan has the status of the key, until the plan starts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cronstack.ledger.items import read_plan, read_run
from cronstack.ledger.listings import MOST_ROWS
from cronstack.ledger.open_runs import is_planned_again
from cronstack.ledger.partitions import (
    PK,
    SK,
    plan_key,
    plan_partition,
    plan_partitions,
    run_key,
    run_partition,
)
from cronstack.ledger.rows import PlanItem, RunItem
from cronstack.occurrence import planned_id
from cronstack_infra.ops.ledger.reader import FIRST, LARGEST, IndexEntry, Key, Reader, chunks

SPARE: Final = 4
"""Extra entries of a list's first page: a request for few entries costs as much as a request for forty."""


def by_due(
    reader: Reader,
    job: str,
    *,
    now: int,
    first: int = 0,
    last: int | None = None,
    newest_first: bool = True,
    size: int = FIRST,
) -> Iterator[RunItem | PlanItem]:
    """Yield the run or the plan of each key due from ``first`` to ``last``, epoch milliseconds.

    ``size``: number of rows that the caller probably needs.
    """
    sign = -1 if newest_first else 1
    lists = plan_partitions(job)
    page = size // len(lists) + SPARE
    entries = reader.entries(lists, first=first, last=last, newest_first=newest_first, size=page)
    seen: set[str] = set()
    waiting: list[tuple[int, str, RunItem | PlanItem]] = []
    for chunk in chunks(entries, size):
        fresh = {entry.key[1]: entry for entry in chunk if entry.key[1] not in seen}
        seen |= fresh.keys()
        for key, row in _rows(reader, job, list(fresh.values()), now).items():
            heapq.heappush(waiting, (sign * row.due, key, row))
        while waiting and waiting[0][0] <= sign * chunk[-1].due:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def open_runs(reader: Reader, lists: Sequence[str], *, first: int = 0, size: int = FIRST) -> Iterator[RunItem]:
    """Yield the runs in some of a job's ``open_lists``, newest first: runs that wait for an attempt, or have failed."""
    entries = reader.entries(lists, first=first, size=size // len(lists) + SPARE)
    for chunk in chunks(entries, size):
        items = reader.items({PK: {"S": entry.key[0]}, SK: {"S": entry.key[1]}} for entry in chunk)
        for entry in dict.fromkeys(chunk):
            run = read_run(items.get(entry.key))
            if run is not None:
                yield run


def planned(reader: Reader, job: str, lists: Sequence[str], first: int) -> Iterator[PlanItem]:
    """Yield the plans of a job in some of its ``plan_partitions`` that wait for their schedules, by their due times.

    ``first``: epoch milliseconds. Plans that are due earlier are not read.
    """
    entries = reader.entries(lists, first=first, newest_first=False, size=LARGEST)
    for chunk in chunks(entries, MOST_ROWS):
        for plan in plans_of(reader, job, [entry.key[1] for entry in chunk]).values():
            if plan.status == "planned":
                yield plan


def runs_of(reader: Reader, job: str, keys: Iterable[str]) -> dict[str, RunItem]:
    """Return the runs of those keys that have one, by key."""
    wanted = list(keys)
    items = reader.items(run_key(job, planned_id(key)) for key in wanted)
    runs = {key: read_run(items.get(_key_of_run(job, key))) for key in wanted}
    return {key: run for key, run in runs.items() if run is not None}


def plans_of(reader: Reader, job: str, keys: Iterable[str]) -> dict[str, PlanItem]:
    """Return the plans of those keys that have one, by key."""
    wanted = list(keys)
    items = reader.items(plan_key(job, key) for key in wanted)
    plans = {key: read_plan(items.get((plan_partition(job, key), key))) for key in wanted}
    return {key: plan for key, plan in plans.items() if plan is not None}


def without_planned_again(reader: Reader, job: str, runs: Iterator[RunItem]) -> Iterator[RunItem]:
    """Yield runs, without missed runs whose keys were planned again. Only plans of missed runs are read."""
    for chunk in chunks(runs, MOST_ROWS):
        plans = plans_of(reader, job, [run.key for run in chunk if run.status == "missed" and run.key])
        yield from (run for run in chunk if not is_planned_again(run, plans.get(run.key)))


def _rows(reader: Reader, job: str, entries: Sequence[IndexEntry], now: int) -> dict[str, RunItem | PlanItem]:
    """Read one row of most keys: the run if the time has passed, else the plan."""
    past = [entry.key[1] for entry in entries if entry.due <= now]
    ahead = [entry.key[1] for entry in entries if entry.due > now]
    plans, runs = plans_of(reader, job, ahead), runs_of(reader, job, past)
    plans |= plans_of(reader, job, [key for key in past if key not in runs or runs[key].status == "missed"])
    runs |= runs_of(reader, job, [key for key in ahead if key in plans and plans[key].status in ("begun", "missed")])
    return plans | {key: run for key, run in runs.items() if not is_planned_again(run, plans.get(key))}


def _key_of_run(job: str, key: str) -> Key:
    occurrence = planned_id(key)
    return run_partition(job, occurrence), str(run_key(job, occurrence)[SK]["S"])
