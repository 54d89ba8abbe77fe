"""``cronstack retire JOB``: remove a deleted job from cronstack.lock, if nothing of it waits."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

import click

from cronstack import clock
from cronstack.errors import DeclarationError, OperationError
from cronstack_infra.cli.errors import is_aws, message
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.declared import declared_jobs
from cronstack_infra.lock_file import LOCK, Lock, read_lock, write_lock
from cronstack_infra.project import Project

EVEN_IF_WAITING: Final = "--even-if-waiting"
INDEX_LAG: Final = 2.0
"""Seconds until the index of the ledger shows earlier writes. The local cloud has no such lag."""


@click.command(short_help="Remove a deleted job from cronstack.lock.")
@click.argument("job")
@click.option(EVEN_IF_WAITING, is_flag=True, help="Do not check for waiting plans and runs of the job.")
@cloud_options
def command(cloud: SelectedCloud, job: str, even_if_waiting: bool) -> None:
    """Remove JOB, which the code no longer declares, from cronstack.lock. The next deployment then deletes the roles
    that send its plans and carriers.

    Until then, pending events of the job end as dead letters, and run if you declare the job again. So the command
    checks the deployed stack first. If plans or unfinished runs of the job wait, it lists them and ends with exit code
    1.

    A job that is still declared, but no longer with once(), loses the role of its plans.

    \b
    cronstack retire remind
    cronstack retire remind --even-if-waiting
    """
    root = Project.find().root
    lock = read_lock(root)
    if lock is None:
        raise DeclarationError(f"{LOCK} is missing", where=str(root), remedy="To write it: cronstack list")
    only_plans = _check(lock, cloud, job)
    if not even_if_waiting:
        _check_nothing_waits(cloud, job)
    write_lock(root, lock.without_once(cloud.package, job) if only_plans else lock.without(cloud.package, job))
    roles = "the role of its plans" if only_plans else "its roles"
    click.echo(f"{job} is retired in {LOCK}. Commit the file; the next deployment deletes {roles}.")


def _check(lock: Lock, cloud: SelectedCloud, job: str) -> bool:
    """Return whether the job is declared and has only lost ``once()``. Raise BadParameter if it cannot be retired."""
    known = lock.jobs(cloud.package)
    if job not in known:
        near = get_close_matches(job, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known jobs: {', '.join(sorted(known)) or 'none'}."
        raise click.BadParameter(
            f"{LOCK} has no job {job!r} of the package {cloud.package!r}. {hint}", param_hint="JOB"
        )
    declared = {found.name: found for found in declared_jobs(cloud.package, clock.now()).jobs}
    if job not in declared:
        return False
    if job in lock.dropped(cloud.package, {job: declared[job].job.by_code}):
        return True
    raise click.BadParameter(
        f"the job {job!r} is still declared, in {declared[job].where}. Remove it from the code first.", param_hint="JOB"
    )


def _check_nothing_waits(cloud: SelectedCloud, job: str) -> None:
    """Raise OperationError if something of the job waits, or if the stack cannot be read."""
    from cronstack_infra.ops.leftovers import find_leftovers_of

    try:
        deployment = cloud.deployment()
        left = find_leftovers_of(cloud, deployment, [job], now=clock.now_ms())
        if not left and cloud.address is None:
            clock.sleep(INDEX_LAG)
            left = find_leftovers_of(cloud, deployment, [job], now=clock.now_ms())
    except Exception as fault:  # errors of AWS have no common base class: all others are re-raised
        if not is_aws(fault) and not isinstance(fault, OperationError):
            raise
        raise OperationError(
            f"{job} was not retired, because the stack {cloud.stack} cannot be read: {message(fault)}",
            remedy=f"If nothing of it waits, or the stack is deleted: cronstack retire {job} {EVEN_IF_WAITING}",
        ) from fault
    if left:
        listed = "".join(f"\n    {line}" for waiting in left for line in waiting.lines())
        raise OperationError(
            f"{job} was not retired, because something waits for it in the stack {cloud.stack}:{listed}",
            remedy=f"Wait until these have ended as dead letters, or declare {job} again. To lose them:"
            f" cronstack retire {job} {EVEN_IF_WAITING}",
        )
