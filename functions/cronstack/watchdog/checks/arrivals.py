"""Missed and late: expected occurrences of cron() and at() that have no run in the ledger. Pure.

    since the due time           no row                             row "missed"
    up to window + late_after    nothing                            missed
    up to the start deadline     late                               missed: its event came after the deadline
    later                        missed: it never arrived           missed

An event that comes after the start deadline does not run. So Lambda's queue, which keeps an event for six hours, needs
no further patience. A dead letter may have the event: Scheduler could not deliver it, or the guard has refused it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.ledger.rows import RunItem
from cronstack.occurrence import scheduled_id
from cronstack.watchdog.expecting import MOST, Limits
from cronstack.watchdog.scene import Finding
from cronstack.watchdog.snapshot import JobState, Missed

SHOWN: Final = 5
"""Most occurrences that a notification lists."""
MOST_TO_START: Final = 500
"""Most missed occurrences of a job that wait until the watchdog starts them."""
AT_ONCE: Final = 10
"""Most missed occurrences of a job without a lease that one pass starts. With a lease it is one."""

Runs = Mapping[str, RunItem | None]
"""Runs by occurrence; None for a row that does not exist."""


class Arrivals(NamedTuple):
    """Result of the check of one job."""

    state: JobState
    findings: tuple[Finding, ...]
    to_start: tuple[int, ...]
    """Due times of missed occurrences that must be started now."""


def looks_at(state: JobState, fresh: Sequence[int]) -> list[str]:
    """Return the occurrences whose rows the check needs."""
    due = (*state.absent, *fresh, *(missed.due for missed in state.missed))
    return [*map(scheduled_id, due), *state.running]


def check(
    job: JobMetadata,
    state: JobState,
    fresh: Sequence[int],
    runs: Runs,
    *,
    checked: int,
    too_late: Iterable[int],
    now: int,
) -> Arrivals:
    """Judge the occurrences of one job.

    ``fresh``: due times that are looked at for the first time, up to ``checked``. ``too_late``: due times of missed
    runs that the index shows.
    """
    limits, absent, new = Limits.of(job), list[int](), dict[int, Missed]()
    arrived = state.arrived
    for due in (*state.absent, *fresh):
        run = runs.get(scheduled_id(due))
        if run is not None and run.status == "missed":
            new[due] = Missed(due, too_late=True)
        elif run is not None:
            arrived = max(arrived, due)
        elif now > due + limits.missed:
            new[due] = Missed(due, too_late=False)
        else:
            absent.append(due)
    for one in state.missed:
        run = runs.get(scheduled_id(one.due))
        arrived = max(arrived, one.due) if run is not None and run.status != "missed" else arrived
    known = {missed.due for missed in state.missed}
    new |= {due: Missed(due, too_late=True) for due in too_late if due not in known}
    old = [missed for missed in state.missed if _is_still(missed, job, runs, arrived)]
    missed = _kept(job, sorted([*old, *new.values()]))
    findings = [_late(job, absent)] if absent else []
    findings += [_missed(job, missed)] if missed else []
    state = state._replace(checked=checked, arrived=arrived, absent=tuple(absent), missed=missed)
    return Arrivals(state, tuple(findings), _to_start(job, missed))


def zone_of(job: JobMetadata) -> str:
    """Return the time zone in which users read the job's times."""
    return job.schedules[0].timezone if job.schedules else "UTC"


def _is_still(missed: Missed, job: JobMetadata, runs: Runs, arrived: int) -> bool:
    """Return whether a miss of an earlier pass is still one: no run of it, and nothing of the job has arrived since."""
    run = runs.get(scheduled_id(missed.due))
    if run is not None and run.status != "missed":
        return False
    return _waits_for_start(missed, job) or arrived <= missed.due


def _kept(job: JobMetadata, missed: Sequence[Missed]) -> tuple[Missed, ...]:
    """Return the latest misses, and all that the watchdog has still to start."""
    others = [one for one in missed if not _waits_for_start(one, job)][-MOST:]
    waiting = [one for one in missed if _waits_for_start(one, job)][:MOST_TO_START]
    return tuple(sorted([*others, *waiting]))


def _waits_for_start(missed: Missed, job: JobMetadata) -> bool:
    return job.on_missed == "run" and not missed.too_late and not missed.started


def _to_start(job: JobMetadata, missed: Iterable[Missed]) -> tuple[int, ...]:
    if job.on_missed != "run":
        return ()
    waiting = [one.due for one in missed if not one.too_late and not one.started]
    return tuple(waiting[: AT_ONCE if job.overlap == "allow" else 1])


def _late(job: JobMetadata, absent: Sequence[int]) -> Finding:
    facts = {"due": list(absent[:SHOWN]), "count": len(absent), "zone": zone_of(job), "deadline": job.start_deadline}
    return Finding(job.job, "late", absent[0], facts)


def _missed(job: JobMetadata, missed: Sequence[Missed]) -> Finding:
    facts = {
        "due": [one.due for one in missed[:SHOWN]],
        "count": len(missed),
        "too_late": sum(one.too_late for one in missed),
        "zone": zone_of(job),
        "deadline": job.start_deadline,
        "runs": job.on_missed == "run",
    }
    return Finding(job.job, "missed", missed[0].due, facts)
