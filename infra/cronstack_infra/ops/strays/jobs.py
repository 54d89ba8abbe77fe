"""Find jobs with waiting work that are not deployed, or that code may no longer schedule.

A schedule stores its event, which names the job. So such jobs are found by the schedules in the group of plans, one
read for each job. Other names come from the project's lock file.

    its function is not deployed        reported: an operator must state whether it was renamed, moved or retired
    it has the alias of plans           its plans run: they are checked like those of other jobs (``wiring_of``)
    its alias was deleted               reported: Scheduler cannot deliver its plans
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cronstack.guard.carried import event_of
from cronstack.onetime.schedules import Wiring
from cronstack.settings import PLANS
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment
from cronstack_infra.ops.leftovers import find_leftovers_of
from cronstack_infra.ops.strays.groups import Groups, Listed
from cronstack_infra.ops.strays.plans import foreign
from cronstack_infra.ops.strays.stray import ABANDONED_AFTER, Stray
from cronstack_infra.plural import counted

GONE: Final = (
    "declare it again and deploy: what is due then runs. If it was renamed or removed: while cronstack.lock has the"
    " job, each ends as a dead letter at its time; then: cronstack dead-letters redrive {job} --as NEWNAME"
)


@dataclass
class Unwired:
    """The schedules in the group of plans whose jobs code may not schedule."""

    jobs: dict[str, list[str]] = field(default_factory=dict)
    """Names of schedules, by job."""
    foreign: list[Stray] = field(default_factory=list)
    """Strays for schedules that bring nothing that code has planned."""


def sort_out(groups: Groups, group: str, listed: Mapping[str, Listed], wired: Iterable[str], now: int) -> Unwired:
    """Sort the schedules of the group that are not of ``wired`` jobs (prefixes of names) by their jobs.

    One schedule of each job is read, and each schedule whose name contains no job. Schedules younger than five minutes
    are ignored.
    """
    unwired, own = Unwired(), tuple(wired)
    by_prefix: dict[str, list[str]] = {}
    for name in sorted(listed):
        if now - listed[name].made > ABANDONED_AFTER and not (own and name.startswith(own)):
            known = names.job_of_plan(name) is not None
            by_prefix.setdefault(name.rpartition(".")[0].rpartition(".")[0] if known else name, []).append(name)
    for of_job in by_prefix.values():
        for number, name in enumerate(of_job):
            got = groups.get(group, name)
            event = event_of(got)
            if event is not None and event.revision is not None:
                unwired.jobs.setdefault(event.job, []).extend(of_job[number:])
                break
            if got is not None:
                unwired.foreign.append(foreign(name, listed[name], event))
    return unwired


def wiring_of(clients: Clients, deployment: Deployment, job: str, got: Any) -> Wiring | None:
    """Return the wiring of a deployed job without an output; None if its alias is missing.

    ``got``: one of its schedules. All names except the queue's are fixed.
    """
    functions, function = clients("lambda"), names.function_name(deployment.stack, job)
    try:
        alias = functions.get_alias(FunctionName=function, Name=PLANS)["AliasArn"]
    except functions.exceptions.ResourceNotFoundException:
        return None
    _, partition, _, region, account, _ = got["Arn"].split(":", 5)
    attributes = clients("sqs").get_queue_attributes(
        QueueUrl=deployment.delivery_dead_letters, AttributeNames=["QueueArn"]
    )["Attributes"]
    return Wiring(
        job,
        deployment.ledger,
        names.once_group(deployment.stack),
        f"arn:{partition}:iam::{account}:role/{names.role_name(deployment.stack, job, region, 'once')}",
        alias,
        attributes["QueueArn"],
        got["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"],
    )


def without_alias(job: str, schedules: Collection[str], listed: Mapping[str, Listed]) -> Stray:
    """Return the stray of a deployed job whose plans Scheduler cannot deliver."""
    since = min(listed[name].made for name in schedules)
    what = f"code may not schedule it, and its alias {PLANS!r} is missing: {counted(len(schedules), 'plan')} cannot run"
    return Stray("job", job, "", "", since, what, "declare it by once() again, and deploy")


def waiting(
    clients: Clients,
    deployment: Deployment,
    jobs: Collection[str],
    listed: Mapping[str, Listed],
    unwired: Mapping[str, Collection[str]],
    now: int,
) -> Iterator[Stray]:
    """Yield a stray for each job that is not deployed and has waiting work."""
    left = {of_job.job: of_job.lines() for of_job in find_leftovers_of(clients, deployment, jobs, now=now)}
    for job in sorted(left.keys() | (unwired.keys() & {*jobs})):
        since = min((listed[name].made for name in unwired.get(job, ())), default=now)
        waits = left.get(job) or [counted(len(unwired[job]), "one-time schedule")]
        what = f"it is not deployed, and these wait for it: {', '.join(waits)}"
        yield Stray("job", job, "", "", since, what, GONE.format(job=job))
