"""``cronstack runs``: the runs in the ledger, past, present and planned."""

from __future__ import annotations

import click

from cronstack import clock
from cronstack.ledger.rows import STATUSES
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.spans import utc
from cronstack_infra.cli.output.tables import print_json, print_keyed, short
from cronstack_infra.ops.runs import Row, list_planned, list_recent, list_runs

COLUMNS = ("job", "due (UTC)", "status", "attempt", "started", "took", "occurrence", "key", "why")


@click.command(short_help="List what the ledger knows of past and present runs.")
@click.argument("job", required=False)
@click.option("--status", type=click.Choice(STATUSES), help="Only runs that stand so.")
@click.option("--since", metavar="T", help="Due since then: 90m, 12h, 7d, or a time.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: Cloud, job: str | None, status: str | None, since: str | None, count: int, as_json: bool) -> None:
    """List runs, the latest first: of one JOB, or of all.

    WHY has the reason of a skipped or missed run, the occurrence that ran instead, and the last error. KEY is the one
    by which code has scheduled it; of what is planned ahead the next few are shown, and by --status planned the next
    first.
    """
    now = clock.now()
    begin = None if since is None else since_option("--since", since, now)
    deployment = cloud.deployment()
    jobs = cloud.jobs(deployment, job)
    dynamodb, more = cloud("dynamodb"), 0
    if status is None:
        rows, more = list_recent(dynamodb, deployment, jobs, now=now, most=count, since=begin)
    elif status == "planned":
        rows = list_planned(dynamodb, deployment, jobs, now=now, most=count, since=begin)
    else:
        rows = list_runs(dynamodb, deployment, jobs, now=now, most=count, status=status, since=begin)
    if as_json:
        print_json([row.as_json() for row in rows])
    elif rows:
        print_keyed(COLUMNS, [cells(row) for row in rows])
        if more:
            click.echo(f"\n{more:,} more are planned for later: cronstack once list")
    else:
        click.echo("No runs.")


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a run's row."""
    started = "-" if row.started is None else f"{row.started:%m-%d %H:%M:%S}"
    attempt = f"{row.attempt}/{row.limit}" if row.attempt else "-"
    status = f"{row.status} (overdue)" if row.overdue else row.status
    if row.after is not None:
        status = f"{status} at {row.after:%H:%M:%S}"
    failed = row.error if row.status in ("retrying", "crashed", "dead", "running") else ""
    met = row.met if row.status in ("skipped", "buffered") else ""
    why = ": ".join(part for part in (row.reason, met, failed) if part)
    return (row.job, utc(row.due), status, attempt, started, took(row.took), row.occurrence, short(row.key), why)


def took(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f}s" if seconds < 100 else f"{seconds:.0f}s"
