"""Durations of a job's succeeded runs in the ledger: median and 99th percentile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final, NamedTuple

from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.listing import list_runs

NEWEST: Final = 1000
"""Most runs of a job that are read."""


class Lengths(NamedTuple):
    """Durations of one job in seconds."""

    runs: int
    median: float
    p99: float


def measured(dynamodb: Any, deployment: Deployment, jobs: Iterable[str], now: datetime) -> dict[str, Lengths]:
    """Return the durations of each job that has a succeeded run."""
    by_job = {}
    for job in jobs:
        rows = list_runs(dynamodb, deployment, (job,), now=now, most=NEWEST, status="succeeded")
        seconds = sorted(row.took for row in rows if row.took is not None)
        if seconds:
            by_job[job] = Lengths(len(seconds), percentile(seconds, 50), percentile(seconds, 99))
    return by_job


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]
