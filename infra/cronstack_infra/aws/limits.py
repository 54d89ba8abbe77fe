"""What AWS would refuse in the middle of a deployment is refused here, before anything is deployed. Pure.

What a thousand jobs take: fourteen stacks, and 2,000 roles besides the stacks' own, two for each job (what it may do;
what its carriers are sent with), where IAM gives an account 1,000 until it is asked for more. The second role is the
price of carriers that nobody can forge: one role for all of them would let each job send events to every other. In
money they cost nothing while nothing is retried: a schedule is paid for when it fires, a dollar a million and 14
million a month free, whereas a thousand idle delay queues would be polled 650 million times a month, for 260 dollars.
In time they cost up to a minute, which a retry waits anyway.

A job that code may schedule takes three resources more: a role, an alias, and the retries of the alias. 54 such jobs
fit one stack, 48 if each has a schedule as well.
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
"""Jobs in one stack: so many fit with a schedule each. The 10,240 characters of the policy that lets Scheduler invoke
them would hold some more, however long their names."""
MOST_RESOURCES: Final = 454
"""Ours in one stack. CloudFormation allows 500; the rest is for the project's own."""
MOST_ENVIRONMENT: Final = 4096 - 1024
"""Bytes of a function's environment that a job may fill. Lambda allows 4 KB; the rest is for Cronstack's variables,
which have 700 where all names are as long as they can be, and for what ``resources`` adds."""

_OF_A_JOB = 5  # log group, role, carrier role, function, event invoke configuration
_OF_CODE = 3  # where code may make one-time schedules: their role, the alias, its event invoke configuration
_OF_THE_STACK = 16  # ledger; two queues, each with policy and alarm; three groups; role; deploy check; one to spare


def check(
    stack: str, jobs: Sequence[DeclaredJob], *, removed: Mapping[str, bool] | None = None, dropped: Sequence[str] = ()
) -> None:
    """Raise DeclarationError for what does not fit one stack, naming the job, the limit and the remedy.

    ``removed``: jobs of which only roles stay, and whether code could schedule each. ``dropped``: jobs without the
    ``once()`` that they had.
    """
    longest = names.longest_job_name(stack)
    if longest < 1 or len(names.carriers_group(stack)) > names.LONGEST:
        raise DeclarationError(
            f"the stack's name {stack!r} has {len(stack)} characters; with what is added to it in "
            f"{names.carriers_group(stack)!r} and in names of jobs it exceeds the {names.LONGEST} that AWS allows in "
            "names of functions, schedules and their groups",
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
    kept = sum(1 + once for once in (removed or {}).values()) + _OF_CODE * len(dropped)
    _count(stack, jobs, kept)


def resources(jobs: Sequence[DeclaredJob]) -> int:
    """How many resources of a stack are Cronstack's own, at most, without those of jobs that were removed."""
    of_jobs = (_OF_A_JOB + len(declared.schedules) + _OF_CODE * declared.job.by_code for declared in jobs)
    return _OF_THE_STACK + sum(of_jobs)


def _once_variables(jobs: Sequence[DeclaredJob]) -> None:
    """A function that may schedule both would be told of one only: a variable's name cannot hold a "-"."""
    first: dict[str, DeclaredJob] = {}
    for declared in jobs:
        other = first.setdefault(once_variable(declared.name), declared) if declared.job.by_code else declared
        if other is not declared:
            raise DeclarationError(
                f"the jobs {other.name!r} and {declared.name!r}, which code may schedule, differ in - and _ only",
                where=declared.where,
                remedy='Rename one of them: @job(name="...").',
            )


def _count(stack: str, jobs: Sequence[DeclaredJob], kept: int) -> None:
    if len(jobs) > MOST_JOBS or resources(jobs) + kept > MOST_RESOURCES:
        schedules = sum(len(declared.schedules) for declared in jobs)
        raise DeclarationError(
            f"{len(jobs)} jobs with {schedules} schedules do not fit the one stack {stack!r}: {resources(jobs) + kept} "
            f"resources; at most {MOST_JOBS} jobs and {MOST_RESOURCES} resources go into one (CloudFormation allows "
            "500, some are the project's own)",
            remedy='Divide them: a second project with its own "cronstack:project" in cdk.json.',
        )
