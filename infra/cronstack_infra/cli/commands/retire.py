"""``cronstack retire JOB``: take a removed job out of cronstack.lock, once nothing of it waits any more."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

import click

from cronstack import clock
from cronstack.errors import DeclarationError, OperationError
from cronstack_infra.cli.errors import is_aws, message
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.declared import declared_jobs
from cronstack_infra.lock_file import LOCK, Lock, read_lock, write_lock
from cronstack_infra.project import Project

REGARDLESS: Final = "--even-if-waiting"
INDEX_LAG: Final = 2.0
"""Seconds after which the index of the ledger shows what was written before. The local cloud has no such lag."""


@click.command(short_help="Take a removed job out of cronstack.lock.")
@click.argument("job")
@click.option(REGARDLESS, is_flag=True, help="Do not look whether plans or runs of the job wait.")
@cloud_options
def command(cloud: Cloud, job: str, even_if_waiting: bool) -> None:
    """Take JOB, which the code does not declare any more, out of cronstack.lock. The next deployment then deletes the
    roles with which its plans and carriers are sent.

    Until then, what is pending for a removed job ends as a dead letter, and runs if you declare the job again. So this
    looks at the deployed stack first: while plans or unfinished runs of the job wait, it lists them and ends with exit
    code 1.

    A job that is still declared, but no longer by once(), loses the role of its plans.

    \b
    cronstack retire remind
    cronstack retire remind --even-if-waiting
    """
    root = Project.find().root
    lock = read_lock(root)
    if lock is None:
        raise DeclarationError(f"there is no {LOCK}", where=str(root), remedy="Write it: cronstack list")
    only_plans = _check(lock, cloud, job)
    if not even_if_waiting:
        _look(cloud, job)
    write_lock(root, lock.without_once(cloud.package, job) if only_plans else lock.without(cloud.package, job))
    gone = "the role of its plans" if only_plans else "its roles"
    click.echo(f"{job} is retired in {LOCK}. Commit the file; the next deployment deletes {gone}.")


def _check(lock: Lock, cloud: Cloud, job: str) -> bool:
    """Return whether the job is declared and has only lost its ``once()``. Raise BadParameter if it cannot go."""
    known = lock.jobs(cloud.package)
    if job not in known:
        near = get_close_matches(job, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(sorted(known)) or 'none'}."
        raise click.BadParameter(f"no job {job!r} of the package {cloud.package!r} in {LOCK}. {hint}", param_hint="JOB")
    declared = {one.name: one for one in declared_jobs(cloud.package, clock.now()).jobs}
    if job not in declared:
        return False
    if job in lock.dropped(cloud.package, {job: declared[job].job.by_code}):
        return True
    raise click.BadParameter(
        f"the job {job!r} is still declared, in {declared[job].where}. Remove it from the code first.", param_hint="JOB"
    )


def _look(cloud: Cloud, job: str) -> None:
    """Raise OperationError while something of the job waits, or if that cannot be read."""
    from cronstack_infra.ops.leftovers import find_leftovers_of

    try:
        deployment = cloud.deployment()
        left = find_leftovers_of(cloud, deployment, [job], now=clock.now_ms())
        if not left and cloud.address is None:
            clock.sleep(INDEX_LAG)
            left = find_leftovers_of(cloud, deployment, [job], now=clock.now_ms())
    except Exception as fault:  # AWS's errors have no common base class: is_aws knows them, all others go on
        if not is_aws(fault) and not isinstance(fault, OperationError):
            raise
        raise OperationError(
            f"{job} is not retired, because the stack {cloud.stack} cannot be looked at: {message(fault)}",
            remedy=f"If nothing of it waits, or the stack is gone, go on: cronstack retire {job} {REGARDLESS}",
        ) from fault
    if left:
        listed = "".join(f"\n    {line}" for one in left for line in one.lines())
        raise OperationError(
            f"{job} is not retired, because something waits for it in the stack {cloud.stack}:{listed}",
            remedy=f"Wait until these have ended as dead letters, or declare {job} again. Or lose them:"
            f" cronstack retire {job} {REGARDLESS}",
        )
