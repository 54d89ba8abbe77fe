"""``cronstack runs``: the runs in the ledger, past, present and planned."""

from __future__ import annotations

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.rows import attempt_of, note_missed, status_of, took, why
from cronstack_infra.cli.output.spans import utc
from cronstack_infra.cli.output.tables import print_json, print_keyed, short
from cronstack_infra.ops.listing import ROW_STATUSES, list_planned, list_recent, list_runs
from cronstack_infra.ops.runs import Row, find_key

COLUMNS = ("job", "due (UTC)", "status", "attempt", "started", "took", "occurrence", "key", "why")


@click.command(short_help="List what the ledger knows of past and present runs.")
@click.argument("job", required=False)
@click.option("--status", type=click.Choice(ROW_STATUSES), help="Only runs in this status.")
@click.option("--since", metavar="T", help="Due since then: 90m, 12h, 7d, or a time.")
@click.option("--key", metavar="K", help="Only the run by which code has scheduled this key of JOB.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: Cloud, job: str | None, status: str | None, since: str | None, key: str | None, count: int, as_json: bool
) -> None:
    """List runs, the latest first: of one JOB, or of all.

    WHY has the reason of a skipped or missed run, the occurrence that ran instead, and the last error. A missed run
    has a dead letter: the command that starts it is printed below the table. KEY is the key under which code has
    scheduled it. Of what is planned ahead the next few are shown; --status planned lists the next first. A key that has
    not begun is planned or cancelled; it is "begun" while its run is not written yet, or after the ledger has forgotten
    it.

    About as many rows are read as are shown. Only --status succeeded, skipped, begun and cancelled read as far back as
    they need: add --since. --status running shows the holder of a job's lease, and what is due in the last 6 hours, or
    since --since.

    \b
    JSON, one object for each run; null or "" where there is none:
      job, occurrence, key     what ran; key is what code has scheduled it by
      status, due              due is the time at which it was to run
      attempt, limit           the last attempt, and the most there may be; 0 before the first
      started, ended, took     of the last attempt; took in seconds
      after                    the time of the next attempt of a retrying run
      reason, met              why it was skipped, missed or dead; the occurrence that it met
      error, result            of the last failed attempt; of the handler
      overdue                  running beyond its lease, or planned and past its time
      remedy                   the command that starts a missed run
    """
    if key is not None and (job is None or status is not None or since is not None):
        raise click.UsageError("--key needs a JOB, and neither --status nor --since.")
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
    if following is not None:
        click.echo(f"\nMore are planned, the next for {utc(following.due)} UTC: cronstack runs --status planned")


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a run's row."""
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
