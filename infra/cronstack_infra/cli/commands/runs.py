"""``cronstack runs``: list past, present and planned runs from the ledger."""

from __future__ import annotations

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.rows import attempt_of, note_missed, note_paused, status_of, took, why
from cronstack_infra.cli.output.spans import utc
from cronstack_infra.cli.output.tables import print_json, print_keyed, short
from cronstack_infra.ops.listing import ROW_STATUSES, list_planned, list_recent, list_runs
from cronstack_infra.ops.pause import pauses_of
from cronstack_infra.ops.runs import RunRow, find_key

COLUMNS = ("job", "due (UTC)", "status", "attempt", "started", "took", "occurrence", "key", "why")


@click.command(short_help="List past, present and planned runs from the ledger.")
@click.argument("job", required=False)
@click.option("--status", type=click.Choice(ROW_STATUSES), help="Only runs with this status.")
@click.option("--since", metavar="T", help="Due since: 90m, 12h or 7d ago, or a time.")
@click.option("--key", metavar="K", help="Only the run that code scheduled for JOB under this key.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Most rows to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: SelectedCloud,
    job: str | None,
    status: str | None,
    since: str | None,
    key: str | None,
    count: int,
    as_json: bool,
) -> None:
    """List runs of one JOB, or of all, the latest first.

    WHY is the reason of a skipped or missed run, the occurrence that ran instead, and the last error. A missed run has
    a dead letter; the command that starts it is printed below the table. KEY is the key under which code has scheduled
    it. Of the plans, only the next few are shown; --status planned lists them, the next first. A plan is planned,
    cancelled or begun. "begun" means that its run is not written yet, or no longer stored in the ledger.

    The command reads about as many rows as it shows. --status succeeded, skipped, begun and cancelled may read all
    rows: add --since. --status running shows the lease's holder, and runs due in the last 6 hours or since --since.

    \b
    JSON, one object per run; null or "" for a missing value:
      job, occurrence, key     what ran; key is the key under which code has scheduled it
      status, due              due is the time at which it should run
      attempt, limit           number of the last attempt, 0 before the first; most attempts
      started, ended, took     of the last attempt; took is in seconds
      after                    time of the next attempt of a retrying run
      reason                   why it was skipped, missed or dead
      other_occurrence         the occurrence that ran at that time
      error, result            error of the last failed attempt; result of the handler
      overdue                  true if it runs beyond its lease, or is planned and past its time
      remedy                   command that starts a missed run
    """
    if key is not None and (job is None or status is not None or since is not None):
        raise click.UsageError("--key needs JOB, and excludes --status and --since.")
    now = clock.now()
    begin = None if since is None else since_option("--since", since, now)
    deployment = cloud.deployment()
    jobs = cloud.jobs(deployment, job)
    dynamodb, following = cloud("dynamodb"), None
    with counting("rows") as seen:
        if key is not None:
            found = find_key(dynamodb, deployment, jobs[0], key, now)
            rows = [] if found is None else [found]
        elif status is None:
            rows, following = list_recent(dynamodb, deployment, jobs, now=now, most=count, since=begin, seen=seen)
        elif status == "planned":
            rows = list_planned(dynamodb, deployment, jobs, now=now, most=count, since=begin, seen=seen)
        else:
            rows = list_runs(dynamodb, deployment, jobs, now=now, most=count, status=status, since=begin, seen=seen)
    if as_json:
        print_json([row.as_json() for row in rows])
        return
    if rows:
        print_keyed(COLUMNS, [cells(row) for row in rows])
    else:
        click.echo("No runs.")
    if note := note_missed(rows):
        click.echo(f"\n{note}")
    if note := note_paused(pauses_of(dynamodb, deployment.ledger, jobs).values()):
        click.echo(f"\n{note}")
    if following is not None:
        click.echo(f"\nMore runs are planned, the next for {utc(following.due)} UTC: cronstack runs --status planned")


def cells(row: RunRow) -> tuple[str, ...]:
    """Return the cells of one row of the table."""
    started = "-" if row.started is None else f"{row.started:%m-%d %H:%M:%S}"
    return (
        row.job,
        utc(row.due),
        status_of(row),
        attempt_of(row),
        started,
        took(row.took),
        row.occurrence,
        short(row.key),
        why(row),
    )
