"""What ``cost`` assumes where nothing is measured. The only place with such numbers.

Numbers of write units come from the table "Costs" of cronstack/ledger/README.md, which its tests keep true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WRITE_UNITS: Final[Mapping[str, int]] = {
    "clean run skip": 8,
    "clean run buffer one": 8,
    "clean run allow": 2,
    "attempt that fails": 9,
    "retry that succeeds": 13,
    "last attempt that fails": 10,
    "skipped for overlap": 5,
    "plan": 2,
    "clean run of a plan": 3,
    "attempt of a plan that fails": 4,
    "retry of a plan that succeeds": 3,
}
"""Write units of an operation of the guard, by its name in the table."""
RETRY_READS: Final = 1
"""Read units of a retry: it reads its run."""

SECONDS: Final = 1.0
"""Duration of a handler that has not run yet. ``--duration`` gives another one."""
GUARD_SECONDS: Final = 0.05
"""Billed seconds of an invocation in addition to its handler: the requests of the guard."""
COLD_SECONDS: Final = 0.9
"""Billed seconds of a start in a new sandbox: the imports of runtime and boto3."""
WARM_FOR: Final = 600
"""Seconds after which Lambda has removed an idle sandbox, so that the next start is a cold one. AWS gives no number."""

LOG_BYTES: Final = 900
"""Bytes of a run's lines in its log: the runtime's line, and Lambda's START, END and REPORT."""
METRIC_BYTES: Final = 300
"""Bytes that metrics add to the runtime's line."""
ROW_BYTES: Final = 1_000
"""Bytes of a row of the ledger, with its overhead."""
ROW_DAYS: Final = 35
"""Days for which the ledger keeps a final run."""

METRICS_OF_A_JOB: Final = 3
"""Custom metrics that a job without failures writes: Runs, Duration, StartLag. One set for the stack by default."""
HEARTBEAT_METRICS: Final = 1
"""Custom metrics that a finished pass of the watchdog writes while nothing is wrong: WatchdogPasses."""
ALARM_METRICS: Final = 9
"""Metrics that the alarms of a stack read: two queues, three groups twice, the heartbeat of the watchdog."""

WATCHDOG: Final = "watchdog"
"""Name of its job."""
WATCHDOG_SCHEDULE: Final = "cron(0/5 * * * ? *)"
WATCHDOG_MEMORY: Final = 256
WATCHDOG_QUEUE_REQUESTS: Final = 2
"""Requests to SQS in each pass: one for each queue of dead letters."""
WATCHDOG_METRICS_READ: Final = 4
"""Metrics in GetMetricData, once an hour."""
WATCHDOG_KEYED_LISTS: Final = 32
"""Lists of the index that a job with ``once()`` adds to a pass."""
WATCHDOG_KEYED_JOBS: Final = 8
"""Most jobs with ``once()`` whose lists are read in one pass."""


def watchdog_seconds(jobs: int) -> float:
    """Return the seconds of a pass."""
    return 0.5 + 0.02 * jobs


def snapshot_kilobytes(jobs: int) -> int:
    """Return the size of the watchdog's row, which each pass reads and writes: about 175 bytes for each job."""
    return max(1, -(-jobs * 175 // 1000))


def watchdog_read_units(jobs: int, keyed: int) -> float:
    """Return the read units of a pass, without the rows of occurrences. ``keyed``: jobs with ``once()``.

    The snapshot and the list of incidents are read consistently, as is the lease of each job. Its list is not. The
    watchdog's own test of a quiet pass (tests/cronstack/watchdog/test_costs.py) counts the same.
    """
    snapshot = -(-snapshot_kilobytes(jobs) // 4)
    lists = WATCHDOG_KEYED_LISTS * min(keyed, WATCHDOG_KEYED_JOBS)
    return snapshot + 1 + jobs + 0.5 * (jobs + lists)


OCCURRENCE_READ_UNITS: Final = 1.0
"""Read units of the watchdog for each occurrence: its row."""
