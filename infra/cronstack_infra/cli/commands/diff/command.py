"""``cronstack diff``: the changes of a deployment in time."""

from __future__ import annotations

from typing import Final

import click

from cronstack import clock
from cronstack_infra.changes.as_json import as_object
from cronstack_infra.changes.compare import Changes, changed_jobs, compare
from cronstack_infra.changes.markdown import as_markdown
from cronstack_infra.changes.sides import side_of
from cronstack_infra.changes.text import as_text
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.declared import declared_jobs
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.tables import print_json
from cronstack_infra.discovery.metadata import metadata_of

DIFFERENT: Final = 1
"""Exit code of ``--exit-code`` if something changes, as of ``git diff``."""
MOST_DAYS: Final = 366


@click.command(short_help="Show what a deployment changes in time: runs that appear, disappear or move.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=30, show_default=True, help="Days from now on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print Markdown for a pull request.")
@click.option("--exit-code", "with_exit_code", is_flag=True, help="End with exit code 1 if something changes in time.")
@cloud_options
def command(cloud: SelectedCloud, days: int, as_json: bool, markdown: bool, with_exit_code: bool) -> int:
    """Compare the deployed stack with the declared jobs: which runs appear, disappear or move at a deployment.

    Only what changes runs in time counts: schedules, time zones, windows, bounds, and the policies of runs. It also
    shows what waits in the stack for a changed job, and what happens to it. The command changes nothing.

    The deployed side is the stack's template, and the schedules as Scheduler stores them. So a change by hand is shown,
    too. A rate counts from its schedule's creation; a changed one is counted from now. Without a deployed stack,
    everything appears.

    \b
    cronstack diff
    cronstack diff --markdown > comment.md
    cronstack diff --exit-code --json
    """
    if as_json and markdown:
        raise click.UsageError("Give --json or --markdown, not both.")
    changes = _changes(cloud, days)
    if as_json:
        print_json(as_object(changes))
    else:
        click.echo(as_markdown(changes) if markdown else as_text(changes), nl=False)
    return DIFFERENT if with_exit_code and changes else 0


def _changes(cloud: SelectedCloud, days: int) -> Changes:
    from cronstack_infra.changes.deployed import is_deployed, read_pending, read_stack

    now = clock.now()
    found = declared_jobs(cloud.package, now).jobs
    declared = {job.name: side_of(metadata_of(job), job.job.input) for job in found}
    if not is_deployed(cloud("cloudformation"), cloud.stack):
        return compare(cloud.stack, None, declared, {}, now=now, days=days)
    deployed = read_stack(cloud, cloud.stack)
    with counting("rows") as seen:
        pending = read_pending(cloud, cloud.stack, changed_jobs(deployed, declared, now), now, seen)
    return compare(cloud.stack, deployed, declared, pending, now=now, days=days)
