"""A note on plans of removed jobs. ``once list`` reads only jobs that code can schedule."""

from __future__ import annotations

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.cli.options.locked import locked_jobs
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.leftovers import find_leftovers_of
from cronstack_infra.ops.onetime import wirings


def note_removed(cloud: SelectedCloud, deployment: Deployment, job: str | None) -> None:
    """Print plans and runs that wait for locked jobs that code can no longer schedule: one job, or all."""
    removed = {name for name, once in locked_jobs(cloud).items() if once} - wirings(deployment).keys()
    selected = sorted(removed if job is None else removed & {job})
    for left in find_leftovers_of(cloud, deployment, selected, now=clock.now_ms()):
        click.echo(
            f"Note: {left.job} has {' and '.join(left.lines())}, and code can no longer schedule it."
            " To check whether they can run: cronstack strays",
            err=True,
        )
