"""Check AWS's limits before anything is deployed: AWS would refuse in the middle of the deployment. Pure.

A thousand jobs need fourteen stacks, and 2,000 roles in addition to those of the stacks: two for each job, one for its
function and one for its carriers. IAM allows an account 1,000 roles until you request more. The second role prevents
forged carriers: with one role for all carriers, each job could send events to every other job. Carriers cost nothing
while nothing is retried, because a schedule is billed when it fires: a dollar a million, with 14 million a month free.
A thousand idle delay queues would be polled 650 million times a month, for 260 dollars. A carrier may add up to a
minute to a retry's pause.

A job that code may schedule needs three more resources: a role, an alias, and the retries of the alias. One stack has
room for 54 such jobs, or 48 if each has a schedule too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cronstack.errors import DeclarationError
from cronstack.settings import once_variable
from cronstack_infra import names

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

MOST_JOBS: Final = 73
"""Most jobs in one stack, each with one schedule. The policy with which Scheduler invokes them (10,240 characters) has
room for more, even with the longest names."""
MOST_RESOURCES: Final = 464
"""Most resources of Cronstack in one stack. CloudFormation allows 500; the rest is for the project's own resources."""
MOST_ENVIRONMENT: Final = 4096 - 1024
"""Bytes of a function's environment that a job may fill. Lambda allows 4 KB; the rest is for Cronstack's variables,
which have 700 with the longest names, and for the variables that ``resources`` adds."""

MOST_TO_START: Final = 6_500
"""Characters of the ARNs of jobs with on_missed="run", in the policy with which the watchdog invokes them. IAM allows
10,240 characters for all policies of a role; the watchdog's other rights take up to 3,600."""
_ARN: Final = len("arn:aws:lambda:ap-southeast-1:123456789012:function:") + len('"",')
_OF_A_JOB = 5  # log group, role, carrier role, function, event invoke configuration
_OF_CODE = 3  # if code may create one-time schedules: their role, the alias, its event invoke configuration
_OF_THE_WATCHDOG = _OF_A_JOB + 1  # its schedule
_OF_ALARMS = 6  # topic, its policy, a subscription; two alarms; the dashboard
# ledger; two queues, each with its policy; three groups; role; deploy check; one to spare
_OF_THE_STACK = 14 + _OF_ALARMS + _OF_THE_WATCHDOG


def check(
    stack: str, jobs: Sequence[DeclaredJob], *, removed: Mapping[str, bool] | None = None, dropped: Sequence[str] = ()
) -> None:
    """Raise DeclarationError, with the job, the limit and the remedy, if the jobs do not fit one stack.

    ``removed``: jobs of which only roles stay, and whether code could schedule each. ``dropped``: jobs that no longer
    have ``once()``.
    """
    longest = names.longest_job_name(stack)
    if longest < 1 or len(names.carriers_group(stack)) > names.LONGEST:
        raise DeclarationError(
            f"the stack's name {stack!r} has {len(stack)} characters; in "
            f"{names.carriers_group(stack)!r} and in names of jobs it exceeds the {names.LONGEST} characters that AWS "
            "allows in names of functions, schedules and their groups",
            where="cdk.json",
            remedy='Shorten "cronstack:project" in cdk.json.',
        )
    for declared in jobs:
        if len(declared.name) > longest:
            raise DeclarationError(
                f"the job's name {declared.name!r} has {len(declared.name)} characters; in the stack {stack!r} at "
                f"most {longest} fit, because AWS allows {names.LONGEST} in names of functions and schedules",
                where=declared.where,
                remedy='Shorten it: @job(name="..."), or shorten "cronstack:project" in cdk.json.',
            )
        size = sum(len(name.encode()) + len(value.encode()) for name, value in declared.job.env.items())
        if size > MOST_ENVIRONMENT:
            raise DeclarationError(
                f"env of the job {declared.name!r} has {size} bytes; Lambda allows 4096 for a function, of which a "
                f"job may fill {MOST_ENVIRONMENT}",
                where=declared.where,
                remedy="Put large values into S3 or the SSM parameter store and their names into env.",
            )
    _once_variables(jobs)
    _started_by_the_watchdog(stack, jobs)
    kept = sum(1 + once for once in (removed or {}).values()) + _OF_CODE * len(dropped)
    _count(stack, jobs, kept)


def resources(jobs: Sequence[DeclaredJob]) -> int:
    """Return the most resources that Cronstack creates in a stack, without those of removed jobs."""
    of_jobs = (_OF_A_JOB + len(declared.schedules) + _OF_CODE * declared.job.by_code for declared in jobs)
    return _OF_THE_STACK + sum(of_jobs)


def _once_variables(jobs: Sequence[DeclaredJob]) -> None:
    """Raise DeclarationError if two jobs have the same variable name, which cannot contain "-": one would be lost."""
    first: dict[str, DeclaredJob] = {}
    for declared in jobs:
        other = first.setdefault(once_variable(declared.name), declared) if declared.job.by_code else declared
        if other is not declared:
            raise DeclarationError(
                f"the jobs {other.name!r} and {declared.name!r}, which code may schedule, differ only in - and _",
                where=declared.where,
                remedy='Rename one of them: @job(name="...").',
            )


def _started_by_the_watchdog(stack: str, jobs: Sequence[DeclaredJob]) -> None:
    started = [declared.name for declared in jobs if declared.job.on_missed == "run"]
    size = sum(_ARN + len(names.function_name(stack, job)) for job in started)
    if size > MOST_TO_START:
        raise DeclarationError(
            f'{len(started)} jobs have on_missed="run"; their ARNs have {size} characters in the policy of the '
            f"watchdog, and the limit is {MOST_TO_START}",
            remedy='Use on_missed="report" for some of them, shorter names, or a second project.',
        )


def _count(stack: str, jobs: Sequence[DeclaredJob], kept: int) -> None:
    if len(jobs) > MOST_JOBS or resources(jobs) + kept > MOST_RESOURCES:
        schedules = sum(len(declared.schedules) for declared in jobs)
        raise DeclarationError(
            f"{len(jobs)} jobs with {schedules} schedules do not fit the one stack {stack!r}: {resources(jobs) + kept} "
            f"resources; the limit is {MOST_JOBS} jobs and {MOST_RESOURCES} resources (CloudFormation allows 500; some "
            "are for the project's own)",
            remedy='Split them: create a second project with its own "cronstack:project" in cdk.json.',
        )
