"""``cronstack pause``: stop a job without a deploy, until it is resumed."""

from __future__ import annotations

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.jobs import all_or_one
from cronstack_infra.cli.output.tables import print_json, printable
from cronstack_infra.names import WATCHDOG
from cronstack_infra.ops.pause import describe, pause


@click.command(short_help="Stop a job without a deploy, until it is resumed.")
@click.argument("job", required=False)
@click.option("--all", "every", is_flag=True, help="Pause all jobs of the stack but the watchdog.")
@click.option("--reason", metavar="TEXT", required=True, help="Why. The next operator reads it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, job: str | None, every: bool, reason: str, as_json: bool) -> None:
    """Pause JOB: none of its attempts begins until "cronstack resume JOB". No deploy ends the pause.

    A handler that runs now continues to its end. An occurrence that is due while the job is paused becomes skipped
    (paused). Retries and redrives wait until the job is resumed. "cronstack trigger --while-paused" runs nevertheless.

    --all leaves out the watchdog: while it is paused, no alert comes.

    \b
    cronstack pause daily_stats --reason "wrong totals since the import of 3 May"
    cronstack pause --all --reason "the database is being moved"
    """
    jobs = all_or_one(job, every=every)
    deployment = cloud.deployment()
    chosen = [name for name in cloud.jobs(deployment, jobs) if not every or name != WATCHDOG]
    results = [pause(cloud, deployment, name, now=clock.now(), reason=reason) for name in chosen]
    if as_json:
        print_json([result.pause.as_json() | {"new": result.is_new} for result in results])
        return
    for result in results:
        alerts = " No alert comes until it is resumed." if result.pause.job == WATCHDOG else ""
        if result.is_new:
            click.echo(f"Paused: {result.pause.job}. Attempts that run now end; no other one begins.{alerts}")
        else:
            click.echo(printable(f"Nothing was changed: {describe(result.pause)}{alerts and '.'}{alerts}"))
    if any(result.is_new for result in results):
        click.echo(f"To resume: cronstack resume {'--all' if every else job}")
