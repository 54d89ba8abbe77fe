"""What a job, the watchdog and the stack use in a month. Pure. The names are those of ``prices.Prices``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cronstack.deployed.job_metadata import JobMetadata
from cronstack_infra.ops.cost import assumptions
from cronstack_infra.ops.cost.assumptions import WRITE_UNITS
from cronstack_infra.ops.cost.measured import Measured
from cronstack_infra.ops.cost.month import Month, Starts

Usage = Mapping[str, float]
"""Amounts, by the name of the price."""
GIGABYTE: Final = 1e9
_OVERLAP: Final = {"skip": "skip", "buffer_one": "buffer one", "allow": "allow"}


@dataclass(frozen=True)
class JobFacts:
    """What is known of one job."""

    job: JobMetadata
    starts: Starts
    measured: Measured = field(default_factory=Measured)
    seconds: float | None = None
    """Duration of the handler that the user has given."""
    plans: int = 0
    """Occurrences of application code in the month."""
    usual: float = assumptions.SECONDS
    """Seconds that count if nothing is given or measured."""

    @property
    def duration(self) -> float:
        """Seconds of the handler: given, measured, or assumed."""
        if self.seconds is not None:
            return self.seconds
        if self.measured.seconds is not None:
            return self.measured.seconds
        return min(self.usual, self.job.timeout)

    @property
    def source(self) -> str:
        """ "given", "measured" or "assumed"."""
        if self.seconds is not None:
            return "given"
        return "assumed" if self.measured.seconds is None else "measured"


def of_job(facts: JobFacts, month: Month, *, metrics: bool = True, x86: bool = False) -> Usage:
    """Return the usage of a job. ``metrics``: whether its log lines contain metrics."""
    job, measured, runs = facts.job, facts.measured, facts.starts.count + facts.plans
    skipped = measured.skipped * facts.starts.count
    retries = measured.retries * runs
    attempts = runs - skipped + retries
    cold = min(facts.starts.cold + facts.plans, runs)
    seconds = attempts * facts.duration + (runs + retries) * assumptions.GUARD_SECONDS + cold * assumptions.COLD_SECONDS
    logged = (runs + retries) * (assumptions.LOG_BYTES + (assumptions.METRIC_BYTES if metrics else 0)) / GIGABYTE
    kept = (runs + facts.plans) * assumptions.ROW_BYTES * assumptions.ROW_DAYS / month.days / GIGABYTE
    used = {
        "write_units": _write_units(facts, skipped),
        "read_units": retries * assumptions.RETRY_READS,
        "invocations": runs + retries,
        "gigabyte_seconds_x86" if x86 else "gigabyte_seconds": seconds * job.memory / 1024,
        "schedules_fired": runs + retries,
        "queue_requests": measured.dead * runs,
        "log_gigabytes": logged,
        "stored_log_gigabytes": logged,
        "table_gigabytes": kept,
        "backup_gigabytes": kept,
    }
    return {name: amount for name, amount in used.items() if amount}


def _write_units(facts: JobFacts, skipped: float) -> float:
    """Return the write units of the guard. Without a lease, a retry costs as much as that of a plan."""
    measured = facts.measured
    leased = facts.job.overlap != "allow"
    clean = WRITE_UNITS[f"clean run {_OVERLAP[facts.job.overlap]}"]
    fails = WRITE_UNITS["attempt that fails" if leased else "attempt of a plan that fails"]
    succeeds = WRITE_UNITS["retry that succeeds" if leased else "retry of a plan that succeeds"]
    once_dead = max(0.0, measured.dead - measured.retried)
    """Share of runs that are dead after their first attempt."""
    again = max(0.0, measured.retried - measured.dead)
    well = max(0.0, 1 - measured.retried - once_dead - measured.skipped)
    shares = well * clean + again * succeeds + measured.dead * WRITE_UNITS["last attempt that fails"]
    of_schedules = facts.starts.count * (shares + measured.retries * fails)
    of_plans = facts.plans * (WRITE_UNITS["plan"] + WRITE_UNITS["clean run of a plan"])
    return of_schedules + skipped * WRITE_UNITS["skipped for overlap"] + of_plans


def of_watchdog(passes: int, jobs: int, keyed: int, occurrences: int, month: Month) -> Usage:
    """Return what a watchdog uses in addition to its runs. ``occurrences``: those of all jobs in the month."""
    reads = passes * assumptions.watchdog_read_units(jobs, keyed) + occurrences * assumptions.OCCURRENCE_READ_UNITS
    return {
        "write_units": passes * assumptions.snapshot_kilobytes(jobs),
        "read_units": reads,
        "queue_requests": passes * assumptions.WATCHDOG_QUEUE_REQUESTS,
        "metrics_read": month.hours * assumptions.WATCHDOG_METRICS_READ,
        "custom_metrics": assumptions.HEARTBEAT_METRICS,
    }


def of_stack(alarm_metrics: int, hours: frozenset[int], month: Month, *, metrics: bool = True) -> Usage:
    """Return what the stack uses without its jobs. ``hours``: those in which a job starts."""
    share = len(hours) / month.hours
    custom = assumptions.METRICS_OF_A_JOB * share if metrics else 0.0
    used = {"alarm_metrics": float(alarm_metrics), "custom_metrics": custom}
    return {name: amount for name, amount in used.items() if amount}


def added(*usages: Usage) -> Usage:
    """Return the sum of some usages."""
    total: Counter[str] = Counter()
    for usage in usages:
        for name, amount in usage.items():
            total[name] += amount  # type: ignore[assignment]
    return dict(total)
