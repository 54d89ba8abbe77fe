"""``cronstack runs``: list past, present and planned runs from the ledger, and its subcommands."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cronstack import clock
from cronstack.errors import OperationError
from cronstack.occurrence import is_job_name
from cronstack_infra.cli.commands.runs import pull, show
from cronstack_infra.cli.commands.runs.first_word import FirstWordGroup
from cronstack_infra.cli.commands.runs.followed import print_followed
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.rows import attempt_of, note_missed, note_paused, status_of, took, why
from cronstack_infra.cli.output.spans import utc
from cronstack_infra.cli.output.tables import print_json, print_keyed, short
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.listing import ROW_STATUSES, has_rows, list_planned, list_recent, list_runs
from cronstack_infra.ops.pause import pauses_of
from cronstack_infra.ops.runs import RunRow, find_key
from cronstack_infra.ops.viewing.following import follow_runs

COLUMNS = ("job", "due (UTC)", "status", "attempt", "started", "took", "occurrence", "key", "why")


@click.group(
    cls=FirstWordGroup,
    commands={"pull": pull.command, "show": show.command},
    short_help="List past, present and planned runs from the ledger.",
)
@click.argument("job", required=False)
@click.option("--status", type=click.Choice(ROW_STATUSES), help="Only runs with this status.")
@click.option("--since", metavar="T", help="Due since: 90m, 12h or 7d ago, or a time.")
@click.option("--key", metavar="K", help="Only the run that code scheduled for JOB under this key.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Most rows to show.")
@click.option("-f", "--follow", "following", is_flag=True, help="Print runs as their status changes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with -f one object per line.")
@cloud_options
def command(
    cloud: SelectedCloud,
    job: str | None,
    status: str | None,
    since: str | None,
    key: str | None,
    count: int,
    following: bool,
    as_json: bool,
) -> None:
    """List runs of one JOB, or of all, the latest first.

    WHY is the reason of a skipped or missed run, the occurrence that ran instead, and the last error. A missed run has
    a dead letter; the command that starts it is printed below the table. KEY is the key under which code has scheduled
    it. Of the plans, only the next few are shown; --status planned lists them, the next first. A plan is planned,
    cancelled or begun. "begun" means that its run is not written yet, or no longer stored in the ledger.

    The command reads about as many rows as it shows. --status succeeded, skipped, begun and cancelled may read all
    rows: add --since. --status running shows the lease's holder, and runs due in the last 6 hours or since --since.

    --follow prints the runs that wait or run, then each change of a status: of runs due in the last hour or with
    --since, and of runs that hold the lease. It sends one request in 2 s, and three for each job in 10 s; more for a
    job that code may schedule.

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
    if following and (status is not None or key is not None):
        raise click.UsageError("--follow excludes --status and --key.")
    now = clock.now()
    begin = None if since is None else since_option("--since", since, now)
    deployment = cloud.deployment()
    dynamodb, further = cloud("dynamodb"), None
    jobs, removed = _jobs(cloud, deployment, job)
    if following:
        print_followed(
            follow_runs(dynamodb, deployment, jobs, clock=clock.now, sleep=clock.sleep, since=begin), as_json
        )
        return
    with counting("rows") as seen:
        if key is not None:
            found = find_key(dynamodb, deployment, jobs[0], key, now)
            rows = [] if found is None else [found]
        elif status is None:
            rows, further = list_recent(
                dynamodb, deployment, jobs, now=now, most=count, since=begin, seen=seen, removed=removed
            )
        elif status == "planned":
            rows = list_planned(
                dynamodb, deployment, jobs, now=now, most=count, since=begin, seen=seen, removed=removed
            )
        else:
            rows = list_runs(
                dynamodb, deployment, jobs, now=now, most=count, status=status, since=begin, seen=seen, removed=removed
            )
    if removed:
        click.echo(f"The stack {deployment.stack} does not have the job {job} now; these are its rows.", err=True)
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
    if further is not None:
        click.echo(f"\nMore runs are planned, the next for {utc(further.due)} UTC: cronstack runs --status planned")


def _jobs(cloud: SelectedCloud, deployment: Deployment, job: str | None) -> tuple[Sequence[str], bool]:
    """Return the jobs to list, and whether the stack does not have the only one now. Raise OperationError."""
    try:
        return cloud.jobs(deployment, job), False
    except OperationError:
        if job is None or not is_job_name(job) or not has_rows(cloud("dynamodb"), deployment, job):
            raise
        return (job,), True


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
