"""Quotas of the account: roles, and functions that run at the same time.

IAM and Lambda report their own limits, with rights to read that operators usually have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.occurrence import to_datetime
from cronstack_infra.ops.doctor.checks.zones import schedules_of
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.requests import NotRead
from cronstack_infra.ops.doctor.scene import Scene

NEAR: Final = 0.8
"""Share of a limit from which it is reported."""
AHEAD: Final = timedelta(days=7)
_NOTHING_MORE: Final = "A deployment with another job fails in its middle."
_REQUEST: Final = (
    "aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {}"
)
ROLES_CODE: Final = ("iam", "L-FE177D64")
CONCURRENCY_CODE: Final = ("lambda", "L-B99A9384")


@dataclass(frozen=True)
class Facts:
    """None: not known."""

    roles: int | None = None
    most_roles: int | None = None
    concurrency: int | None = None
    """Functions of the account that may run at the same time, without reserved ones."""
    most_concurrency: int | None = None
    """The account's limit, with reserved ones."""
    peak: int = 0
    """Most jobs of the stack that start in the same minute of the next days."""
    peak_at: datetime | None = None


def check(scene: Scene) -> Iterator[Finding | NotRead]:
    """Yield the quotas that are nearly used up."""
    requests, summary, limit = scene.requests, {}, {}
    try:
        summary = (requests.ask("iam", "get_account_summary") or {}).get("SummaryMap", {})
    except NotRead as fault:
        yield fault
    try:
        limit = (requests.ask("lambda", "get_account_settings") or {}).get("AccountLimit", {})
    except NotRead as fault:
        yield fault
    at, peak = peak_of(scene.jobs.values(), to_datetime(scene.now()))
    facts = Facts(
        summary.get("Roles"),
        summary.get("RolesQuota"),
        limit.get("UnreservedConcurrentExecutions"),
        limit.get("ConcurrentExecutions"),
        peak,
        at,
    )
    yield from judge(facts)


def judge(facts: Facts) -> Iterator[Finding]:
    roles, most = facts.roles, facts.most_roles
    if roles is not None and most and roles >= NEAR * most:
        remedy = _REQUEST.format(*ROLES_CODE, most * 2)
        yield Finding("warning", "account", f"it has {roles:,} of {most:,} roles", _NOTHING_MORE, remedy)
    if facts.concurrency is not None and facts.peak > NEAR * facts.concurrency:
        minute = f"{facts.peak_at:%Y-%m-%d %H:%M} UTC"
        what = f"{facts.peak} jobs start at {minute}; Lambda may run {facts.concurrency:,} at a time"
        why = "Lambda throttles the others: they start later, and after their start deadline not at all."
        remedy = _REQUEST.format(*CONCURRENCY_CODE, 2 * (facts.most_concurrency or facts.concurrency))
        yield Finding("warning", "account", what, why, remedy)


def peak_of(jobs: Iterable[JobMetadata], now: datetime) -> tuple[datetime | None, int]:
    """Return the minute of the next days in which most jobs start, and their number. ``rate()`` has no minutes."""
    starts: Counter[datetime] = Counter()
    for job in jobs:
        minutes = set()
        for schedule in schedules_of(job) if job.enabled else ():
            if schedule.has_grid:
                for instant in schedule.after(now):
                    if instant >= now + AHEAD:
                        break
                    minutes.add(instant.replace(second=0, microsecond=0))
        starts.update(minutes)
    if not starts:
        return None, 0
    at, count = min(starts.items(), key=lambda item: (-item[1], item[0]))
    return at, count
