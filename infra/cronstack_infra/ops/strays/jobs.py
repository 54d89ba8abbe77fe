"""Jobs that are not deployed, or that code may not schedule any more, and for which something waits.

A schedule keeps its event, which names the job. So such jobs are found by the schedules in the group of plans, one look
for each job; others are known by the project's lock file.

    its function is not deployed        told: only a person knows whether it was renamed, moved or retired
    it has the alias of plans           its plans run: they are looked at like those of other jobs (``wiring_of``)
    it has lost the alias               told: Scheduler cannot deliver its plans
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cronstack.onetime.schedules import Wiring
from cronstack.settings import PLANS
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment
from cronstack_infra.ops.leftovers import find_leftovers_of
from cronstack_infra.ops.strays.groups import Groups, Listed, event_of
from cronstack_infra.ops.strays.plans import foreign
from cronstack_infra.ops.strays.stray import FORGOTTEN, Stray
from cronstack_infra.plural import counted

GONE: Final = (
    "declare it again and deploy: what is due then runs. If it was renamed or goes for good: while cronstack.lock has"
    " the job, each ends as a dead letter at its time; then: cronstack dead-letters redrive {job} --as NEWNAME"
)


@dataclass
class Unwired:
    """The schedules in the group of plans that are not of a job which code may schedule."""

    jobs: dict[str, list[str]] = field(default_factory=dict)
    """Names of schedules, by job."""
    foreign: list[Stray] = field(default_factory=list)
    """Those that bring nothing which code has planned."""


def sort_out(groups: Groups, group: str, listed: Mapping[str, Listed], wired: Iterable[str], now: int) -> Unwired:
    """Sort the schedules of the group that are not of ``wired`` jobs (prefixes of names) by their jobs.

    One schedule of each job is looked at, and each whose name says nothing. Those younger than five minutes wait.
    """
    found, own = Unwired(), tuple(wired)
    by_prefix: dict[str, list[str]] = {}
    for name in sorted(listed):
        if now - listed[name].made > FORGOTTEN and not (own and name.startswith(own)):
            known = names.job_of_plan(name) is not None
            by_prefix.setdefault(name.rpartition(".")[0].rpartition(".")[0] if known else name, []).append(name)
    for of_job in by_prefix.values():
        for number, name in enumerate(of_job):
            got = groups.get(group, name)
            event = event_of(got)
            if event is not None and event.revision is not None:
                found.jobs.setdefault(event.job, []).extend(of_job[number:])
                break
            if got is not None:
                found.foreign.append(foreign(name, listed[name], event))
    return found


def wiring_of(clients: Clients, deployment: Deployment, job: str, got: Any) -> Wiring | None:
    """Return how a deployed job without an output is reached by its plans; None if its alias is gone.

    ``got``: one of its schedules. All names but those of the queue are fixed.
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
    what = f"code may not schedule it, and its alias {PLANS!r} is gone: {counted(len(schedules), 'plan')} cannot run"
    return Stray("job", job, "", "", since, what, "declare it by once() again, and deploy")


def waiting(
    clients: Clients,
    deployment: Deployment,
    jobs: Collection[str],
    listed: Mapping[str, Listed],
    unwired: Mapping[str, Collection[str]],
    now: int,
) -> Iterator[Stray]:
    """Yield a stray for each job that is not deployed and for which something waits."""
    left = {one.job: one.lines() for one in find_leftovers_of(clients, deployment, jobs, now=now)}
    for job in sorted(left.keys() | (unwired.keys() & {*jobs})):
        since = min((listed[name].made for name in unwired.get(job, ())), default=now)
        what = left.get(job) or [counted(len(unwired[job]), "one-time schedule")]
        told = f"it is not deployed, and these wait for it: {', '.join(what)}"
        yield Stray("job", job, "", "", since, told, GONE.format(job=job))
