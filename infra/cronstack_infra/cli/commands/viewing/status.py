"""``cronstack status``: everything of the deployed stack at a glance."""

from __future__ import annotations

from datetime import datetime

import click

from cronstack import clock
from cronstack.occurrence import to_datetime
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.output.spans import span, utc
from cronstack_infra.cli.output.tables import print_json, print_table, printable
from cronstack_infra.ops.viewing.status import JobStatus, StackStatus, status

COLUMNS = ("job", "state", "last run (UTC)", "status", "next due (UTC)", "now", "dead")


@click.command(short_help="Show the whole stack at a glance: jobs, incidents, dead letters.")
@click.option("--exit-code", "by_exit_code", is_flag=True, help="Exit with 1 if anything needs attention.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, by_exit_code: bool, as_json: bool) -> int:
    """Show each job with its last run and its next time, and what needs attention.

    Incidents that are not acknowledged, paused jobs, dead letters, plans past their time, runs that perhaps nothing
    brings back, a silent watchdog and alarms without a subscription need attention; each has the command that shows
    more. The exit code is 0, or with --exit-code 1 if anything needs attention. "dead" counts the newest 50 runs that
    wait or have failed.

    \b
    JSON; null for a missing value:
      stack, state, updated    of CloudFormation
      jobs                     job, state (enabled, disabled, partly disabled, paused, by hand, by code), running, last,
                               next, every, waiting, dead, overdue_plans, perhaps_strays, paused
      dead_letters             about so many, as SQS counts them
      incidents                open ones: job, cause
      watchdog                 time of its last finished pass
      alarm_topic              and its confirmed subscriptions
      problems                 what needs attention, each with a command
    """
    now = clock.now()
    found = status(cloud, cloud.stack, now=now)
    problems = found.problems(now)
    if as_json:
        print_json(found.as_json(now))
    else:
        _print(found, now)
        for what, shows in problems:
            click.echo(f"! {printable(what)}: {shows}")
        if not problems:
            click.echo("Nothing needs attention.")
    return 1 if by_exit_code and problems else 0


def _print(found: StackStatus, now: datetime) -> None:
    updated = "" if found.updated is None else f", deployed {span(now - found.updated)} ago"
    click.echo(f"{found.stack}: {found.state}{updated}")
    watched = "never" if found.watched is None else f"{span(now - found.watched)} ago"
    click.echo(f"watchdog: {f'last pass {watched}' if found.has_watchdog else 'not deployed'}")
    click.echo(f"alarms: {_alarms(found)}\n")
    if found.jobs:
        print_table(COLUMNS, [_cells(job) for job in found.jobs])
    else:
        click.echo("No jobs.")
    click.echo("")


def _alarms(found: StackStatus) -> str:
    if not found.topic:
        return "the stack has no topic for alarms"
    if found.subscriptions is None:
        return f"{found.topic} (its subscriptions were not read)"
    confirmed, pending = found.subscriptions
    return f"{confirmed} subscribed" + (f", {pending} not confirmed" if pending else "")


def _cells(job: JobStatus) -> tuple[str, ...]:
    last = job.last
    doing = [f"running {job.running}" if job.running else "", f"{job.waiting} waiting" if job.waiting else ""]
    return (
        job.job,
        job.state,
        "-" if last is None else utc(to_datetime(last.due)),
        "-" if last is None else last.status,
        job.every or "-" if job.next is None else utc(job.next),
        ", ".join(text for text in doing if text) or "-",
        str(job.dead or "-"),
    )
