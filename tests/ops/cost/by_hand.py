"""The bill of a month, worked by hand: prices, counts and formulas are typed here again, and import nothing.

The month is April 2027: 30 days, 720 hours, 22 weekdays. Prices are those of us-east-1 as of November 2024.
"""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

DAYS, HOURS, WEEKDAYS = 30, 720, 22


class Kind(NamedTuple):
    """A kind of job in the test, with its numbers for April 2027."""

    expression: str
    overlap: str
    memory: int
    seconds: float
    runs: int
    cold: int
    """Runs at least ten minutes after the run before."""
    units: int
    """Write units of a clean run."""


KINDS: Final = (
    Kind("cron(* * * * ? *)", "skip", 256, 0.2, DAYS * 24 * 60, 1, 8),
    Kind("cron(0/5 * * * ? *)", "allow", 512, 3.0, DAYS * 24 * 12, 1, 2),
    Kind("cron(15 * * * ? *)", "buffer_one", 1024, 30.0, HOURS, HOURS, 8),
    Kind("cron(0 6 * * ? *)", "skip", 256, 120.0, DAYS, DAYS, 8),
    Kind("cron(0 7 ? * MON-FRI *)", "skip", 128, 5.0, WEEKDAYS, WEEKDAYS, 8),
)
"""Job number n has the kind n modulo 5."""


def of_job(kind: Kind) -> float:
    """Return the dollars of one job."""
    ledger = kind.runs * kind.units * 0.625e-6
    billed_seconds = kind.runs * (kind.seconds + 0.05) + kind.cold * 0.9
    functions = kind.runs * 0.20e-6 + billed_seconds * kind.memory / 1024 * 0.0000133334
    scheduler = kind.runs * 1.00e-6
    logs = kind.runs * 1200e-9 * (0.50 + 0.03)  # 900 bytes, and 300 of metrics; ingested, and stored for a month
    rows = kind.runs * 35 / DAYS * 1000e-9 * (0.25 + 0.20)  # 35 days of rows; table and backup
    return ledger + functions + scheduler + logs + rows


def of_watchdog(jobs: int, occurrences: int) -> float:
    """Return the dollars of the watchdog of a stack with so many jobs."""
    passes = DAYS * 24 * 12
    watched = jobs + 1  # it is a job itself
    kilobytes = ceil(0.175 * watched)
    run = passes * 8 * 0.625e-6
    snapshot = passes * kilobytes * 0.625e-6
    # consistent: the snapshot, the incidents, and the lease of each job; half a unit: the list of each job
    reads = (passes * (ceil(kilobytes / 4) + 1 + watched + 0.5 * watched) + occurrences) * 0.125e-6
    billed_seconds = passes * (0.5 + 0.02 * watched + 0.05) + 0.9
    functions = passes * 0.20e-6 + billed_seconds * 256 / 1024 * 0.0000133334
    scheduler = passes * 1.00e-6
    queues = passes * 2 * 0.40e-6
    metrics_read = HOURS * 4 * 0.01e-3
    heartbeat = 0.30
    logs = passes * 1200e-9 * (0.50 + 0.03)
    rows = passes * 35 / DAYS * 1000e-9 * (0.25 + 0.20)
    return sum((run, snapshot, reads, functions, scheduler, queues, metrics_read, heartbeat, logs, rows))


def of_stack(hours_with_runs: int) -> float:
    """Return the dollars of alarms and metrics: two alarms that read nine metrics; runs, duration, start lag."""
    return 9 * 0.10 + 3 * 0.30 * hours_with_runs / HOURS


def total(jobs: int) -> float:
    """Return the dollars of a stack with so many jobs. The first one runs each hour, so each hour has metrics."""
    kinds = [KINDS[number % len(KINDS)] for number in range(jobs)]
    return sum(map(of_job, kinds)) + of_watchdog(jobs, sum(kind.runs for kind in kinds)) + of_stack(HOURS)


DEFAULT_OF_THIS_KIT: Final = 2.59
"""Dollars of a month for one job that runs each minute for 0.2 s, with everything that the kit adds by default."""
