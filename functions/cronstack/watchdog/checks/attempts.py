"""Overrunning and abandoned: attempts that run, by the job's lease and by the rows of runs. Pure.

the lease of the attempt      the attempt
lasts                         runs; overrunning after ``overrun_after`` seconds
has ended                     is dead: Lambda ends it at its timeout, before the lease ends
has ended ten minutes ago     abandoned: no delivery has taken over

A run that a deploy with overlap "allow" let end without its lease leaves that lease behind. Its run has ended, so
nothing is abandoned: the next occurrence takes the lease over.

While an operator pauses the job, no delivery takes over: carriers check every five minutes until the resume. So nothing
is abandoned until ``RESUMED`` after the last pass that saw the pause.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cronstack.defaults import DEFAULTS
from cronstack.deployed.job_metadata import JobMetadata
from cronstack.ledger.open_runs import PATIENCE
from cronstack.ledger.rows import LeaseItem, RunItem
from cronstack.watchdog.scene import SECOND, Finding

GRACE: Final = int(DEFAULTS.grace * SECOND)
"""Milliseconds before the end of its lease at which Lambda ends an attempt: after that, it does not run."""
RESUMED: Final = 2 * PATIENCE
"""Milliseconds: a resume comes at most one pass after the last pause that was seen, then a carrier brings the event."""
SKEW: Final = 10 * SECOND
"""Milliseconds by which clocks may differ before that matters."""


def check(
    job: JobMetadata,
    lease: LeaseItem,
    runs: Iterable[RunItem],
    finished: Iterable[RunItem],
    now: int,
    *,
    paused: int = 0,
    holder_has_ended: bool = False,
) -> list[Finding]:
    """Judge the attempts of one job.

    ``runs``: running rows, including that of the lease. ``finished``: runs that have ended since the last pass.
    ``paused``: when a pass saw last that the job is paused, or 0. ``holder_has_ended``: the run of the lease is final.
    """
    running = [run for run in runs if run.status == "running"]
    continues = now - paused > RESUMED
    abandoned = [run for run in running if continues and now - run.expires > PATIENCE]
    found = []
    if abandoned:
        first = min(abandoned, key=lambda run: run.expires)
        found.append(_abandoned(job, first.expires, first.occurrence))
    is_used = job.overlap != "allow"  # a deploy may have changed that, and left a lease that nothing takes over
    is_held = is_used and lease.holder is not None and not holder_has_ended
    if not abandoned and is_held and continues and now - lease.expires > PATIENCE:
        found.append(_abandoned(job, lease.expires, lease.occurrence or ""))
    limit = (job.timeout if job.overrun_after is None else job.overrun_after) * SECOND
    over = [run for run in running if run.expires - GRACE >= now > run.started + limit + SKEW]
    took = [(run, now - run.started) for run in over]
    if job.overrun_after is not None:
        took += [(run, run.ended - run.started) for run in finished if _worked(run) and run.ended - run.started > limit]
    if took:
        run, time = took[0]
        facts = {
            "occurrence": run.occurrence,
            "attempt": run.attempt,
            "started": run.started,
            "seconds": time // SECOND,
            "limit": limit // SECOND,
            "ended": not over,
        }
        found.append(Finding(job.job, "overrunning", run.started + limit, facts))
    return found


def _worked(run: RunItem) -> bool:
    """Return whether ``started`` and ``ended`` of a run are those of one attempt."""
    return run.status in ("succeeded", "dead", "retrying") and 0 < run.started < run.ended


def _abandoned(job: JobMetadata, since: int, occurrence: str) -> Finding:
    return Finding(job.job, "abandoned", since, {"occurrence": occurrence, "timeout": job.timeout})
