"""How the recent runs of a job went, from the ledger: duration, retries, skips. Reads a sample of the newest runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cronstack.ledger.rows import RunItem
from cronstack.occurrence import scheduled_id
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.ledger.reader import Reader, Seen, ignore

SAMPLE: Final = 200
"""Newest runs of each job that are read: some 50 read units."""
BACK: Final = 35 * 86_400_000
"""Milliseconds. Older rows are deleted."""


@dataclass(frozen=True)
class Measured:
    """Shares are parts of all runs in the sample."""

    runs: int = 0
    """0: nothing was measured."""
    seconds: float | None = None
    """Mean duration of an attempt; None if none has ended."""
    retries: float = 0.0
    """Mean number of further attempts of a run."""
    retried: float = 0.0
    """Share of runs with a further attempt."""
    dead: float = 0.0
    """Share of runs whose attempts are used up."""
    skipped: float = 0.0
    """Share of occurrences that were skipped, because another run of the job was running."""


def measure(
    dynamodb: Any, deployment: Deployment, jobs: Iterable[str], now: int, seen: Seen = ignore
) -> dict[str, Measured]:
    """Return the measurements of each job that has runs. ``now``: epoch milliseconds."""
    reader, found = Reader(dynamodb, deployment.ledger, seen=seen), {}
    for job in jobs:
        runs = list(reader.runs(job, scheduled_id(now - BACK), scheduled_id(now), size=SAMPLE, most=SAMPLE))
        if runs:
            found[job] = of_runs(runs)
    return found


def of_runs(runs: Sequence[RunItem]) -> Measured:
    """Return the measurements of some runs. Pure."""
    started = [run for run in runs if run.attempt > 0 and run.status not in ("skipped", "buffered")]
    took = [(run.ended - run.started) / 1000 for run in started if run.started and run.ended >= run.started]
    if not runs:
        return Measured()
    count = len(runs)
    return Measured(
        count,
        sum(took) / len(took) if took else None,
        sum(run.attempt - 1 for run in started) / count,
        sum(run.attempt > 1 for run in started) / count,
        sum(run.status == "dead" for run in runs) / count,
        sum(run.status == "skipped" for run in runs) / count,
    )
