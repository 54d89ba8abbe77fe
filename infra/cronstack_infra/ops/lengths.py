"""How long the runs of a job last, as the ledger knows: median and 99th percentile of those that succeeded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final, NamedTuple

from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.listing import list_runs

NEWEST: Final = 1000
"""Runs of a job that are looked at."""


class Lengths(NamedTuple):
    """Of one job, in seconds."""

    runs: int
    median: float
    p99: float


def measured(dynamodb: Any, deployment: Deployment, jobs: Iterable[str], now: datetime) -> dict[str, Lengths]:
    """Of each job that has a run that succeeded."""
    found = {}
    for job in jobs:
        rows = list_runs(dynamodb, deployment, (job,), now=now, most=NEWEST, status="succeeded")
        seconds = sorted(row.took for row in rows if row.took is not None)
        if seconds:
            found[job] = Lengths(len(seconds), percentile(seconds, 50), percentile(seconds, 99))
    return found


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The least value that so many of a hundred do not exceed."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]
