"""Missed and late: jobs with a rate(), judged by the gap since their last run. Pure.

Only Scheduler knows the instants of a rate. A gap of one period is normal, so the next run is due a period after the
last one, or after the beginning of the watch. Any run of the job ends the gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.occurrence import scheduled_id, to_milliseconds
from cronstack.watchdog.checks.arrivals import Runs, zone_of
from cronstack.watchdog.expecting import Limits, period_of, schedule_of
from cronstack.watchdog.scene import MINUTE, Finding
from cronstack.watchdog.snapshot import JobState, Watch


class Gap(NamedTuple):
    """The next run that a rate() must have."""

    due: int
    """Epoch milliseconds by which it is due."""
    period: int


def gap_of(watches: Iterable[Watch], last: int) -> Gap | None:
    """Return the next run that is due by a job's rates; None if it has no rate now."""
    gaps = []
    for watch in watches:
        if watch.is_rate and not watch.until and not _is_outside(watch, last):
            period = period_of(watch)
            gaps.append(Gap(max(last, watch.since) + period, period))
    return min(gaps, default=None)


def predicted(gap: Gap, job: JobMetadata, state: JobState, now: int) -> str | None:
    """Return the id of the latest run that must exist if the rate is as regular as it should be; None without any."""
    late = now - Limits.of(job).late
    if not state.last or state.last + gap.period > late:
        return None
    return scheduled_id(state.last + (late - state.last) // gap.period * gap.period)


def is_late(gap: Gap, job: JobMetadata, now: int) -> bool:
    """Return whether a run is late, by the last one that is known. Scheduler starts a target within a minute."""
    return now > gap.due + Limits.of(job).late + MINUTE


def check(job: JobMetadata, gap: Gap, now: int) -> list[Finding]:
    """Judge the gap of one job, after its latest run was read."""
    limits = Limits.of(job)
    if not is_late(gap, job, now):
        return []
    zone, deadline = zone_of(job), job.start_deadline
    if now <= gap.due + limits.missed + MINUTE:
        facts = {"due": [gap.due], "count": 1, "zone": zone, "deadline": deadline, "rate": gap.period}
        return [Finding(job.job, "late", gap.due, facts)]
    count = (now - limits.missed - MINUTE - gap.due) // gap.period + 1
    facts = {"due": [gap.due], "count": count, "too_late": 0, "zone": zone, "deadline": deadline, "rate": gap.period}
    return [Finding(job.job, "missed", gap.due, facts)]


def known_last(state: JobState, runs: Runs, prediction: str | None) -> int:
    """Return the due time of the latest run, after the predicted one was read."""
    run = runs.get(prediction) if prediction else None
    return state.last if run is None else max(state.last, run.due)


def _is_outside(watch: Watch, last: int) -> bool:
    """Return whether the rate has ended: its next run would be after ``end``."""
    end = schedule_of(watch).end
    return end is not None and max(last, watch.since) + period_of(watch) >= to_milliseconds(end)
