"""Work that waits in a stack, and that would be lost if the stack were destroyed: dead letters, plans, waiting runs.

Destroying a stack deletes its functions and its schedule groups, and with them the schedule of each plan and each
carrier. So these occurrences never run, even if the ledger and the queues are kept. Counting reads only, and stops at
``MOST``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from cronstack.guard import carrier
from cronstack.ledger.partitions import open_lists, plan_partitions
from cronstack.onetime import schedules
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment, deployed_jobs
from cronstack_infra.ops.ledger.keyed import open_runs, planned
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.plural import counted

MOST: Final = 1_000
"""Highest count of each kind; it is printed as "at least 1,000"."""
BEHIND: Final = 2 * 86_400_000
"""Milliseconds. How far back plans are read: Scheduler tries for a day at most, and then leaves a dead letter."""
UNFINISHED: Final = ("retrying", "crashed", "buffered")
"""Statuses of open runs that a carrier or Lambda brings back. Dead and missed runs have a dead letter."""
_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class Leftovers:
    """Counts of one stack."""

    letters: int
    plans: int
    """One-time schedules that code has created."""
    carriers: int
    """One-time schedules that bring a run back."""
    runs: dict[str, int] = field(default_factory=dict)
    """Runs that wait for an attempt, by job."""
    protected: bool = True
    """Whether the ledger's table refuses to be deleted."""

    def __bool__(self) -> bool:
        return bool(self.letters or self.plans or self.carriers or self.runs)

    def lines(self) -> list[str]:
        """Return one line for each kind that exists."""
        runs = [f"{_some(count, 'run')} of {job} to come back" for job, count in self.runs.items()]
        return [
            *([_some(self.letters, "dead letter")] if self.letters else []),
            *([_some(self.plans, "planned occurrence")] if self.plans else []),
            *runs,
            *([_some(self.carriers, "carrier")] if self.carriers and not runs else []),
        ]


@dataclass(frozen=True)
class JobLeftovers:
    """Counts of one job, which may no longer be declared or deployed."""

    job: str
    plans: int
    """Rows of keys that are planned."""
    runs: int
    """Runs that wait for an attempt."""
    schedules: int
    """One-time schedules of plans. A plan has one; right after a move it may have two."""
    carriers: int
    """One-time schedules that bring a run back."""

    def __bool__(self) -> bool:
        return bool(self.plans or self.runs or self.schedules or self.carriers)

    def lines(self) -> list[str]:
        """Return one line for each kind that exists. Schedules are listed only if no row explains them."""
        return [
            *([_some(self.plans, "planned occurrence")] if self.plans else []),
            *([_some(self.runs, "run") + " to come back"] if self.runs else []),
            *([_some(self.schedules, "one-time schedule")] if self.schedules and not self.plans else []),
            *([_some(self.carriers, "carrier")] if self.carriers and not self.runs else []),
        ]


def find_leftovers(clients: Clients, deployment: Deployment) -> Leftovers:
    """Count the work that waits in the queues, the schedule groups and the ledger of a stack."""
    queues = (deployment.delivery_dead_letters, deployment.handler_dead_letters)
    outputs = deployment.outputs
    reader = Reader(clients("dynamodb"), deployment.ledger)
    runs = {}
    for job in deployed_jobs(clients("lambda"), deployment):
        if count := _runs(reader, job.name, by_code=names.once_output(job.name) in outputs):
            runs[job.name] = count
    table = clients("dynamodb").describe_table(TableName=deployment.ledger)["Table"]
    return Leftovers(
        letters=sum(_letters(clients("sqs"), queue) for queue in queues),
        plans=_schedules(clients("scheduler"), names.once_group(deployment.stack)),
        carriers=_schedules(clients("scheduler"), names.carriers_group(deployment.stack)),
        runs=runs,
        protected=bool(table.get("DeletionProtectionEnabled")),
    )


def find_leftovers_of(
    clients: Clients, deployment: Deployment, jobs: Iterable[str], *, now: int
) -> tuple[JobLeftovers, ...]:
    """Count the waiting work of some jobs, in their order; omit jobs without waiting work. Change nothing.

    The jobs need not be declared or deployed. ``now``: epoch milliseconds. The index of the ledger is a moment behind
    its table, so count twice before an action that cannot be undone.
    """
    scheduler, reader = clients("scheduler"), Reader(clients("dynamodb"), deployment.ledger)
    leftovers = (
        JobLeftovers(
            job,
            plans=len(list(islice(planned(reader, job, plan_partitions(job), now - BEHIND), MOST))),
            runs=_runs(reader, job, by_code=True),
            schedules=_schedules(scheduler, names.once_group(deployment.stack), schedules.prefix(job)),
            carriers=_schedules(scheduler, names.carriers_group(deployment.stack), carrier.prefix(job)),
        )
        for job in jobs
    )
    return tuple(of_job for of_job in leftovers if of_job)


def _runs(reader: Reader, job: str, *, by_code: bool) -> int:
    runs = islice(open_runs(reader, open_lists(job, by_code=by_code)), MOST)
    return sum(run.status in UNFINISHED for run in runs)


def _letters(sqs: Any, queue: str) -> int:
    """Count the letters of a queue, including letters that another reader holds."""
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(_COUNTS))["Attributes"]
    return sum(int(counts.get(name, 0)) for name in _COUNTS)


def _schedules(scheduler: Any, group: str, prefix: str = "") -> int:
    from botocore.exceptions import ClientError

    filters = {"NamePrefix": prefix} if prefix else {}
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group, **filters)
    try:
        return len(list(islice((schedule for page in pages for schedule in page["Schedules"]), MOST)))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return 0


def _some(count: int, what: str) -> str:
    return f"{'at least ' if count >= MOST else ''}{counted(count, what)}"
