"""``cronstack runs show``: everything that is stored about one run."""

from __future__ import annotations

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.occurrences import occurrence_arguments
from cronstack_infra.cli.output.tables import indented, print_json


@click.command(short_help="Show everything that is stored about one run.")
@occurrence_arguments
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, job: str, time: str | None, key: str | None, as_json: bool) -> None:
    """Show one run of JOB: its attempts, times, error, result, input, dead letter, carriers, plan, and actions.

    TIME is a time in the job's zone, a time with an offset, or an occurrence as "cronstack runs" prints it. Values of
    the input and of the result that look like secrets are redacted. The ledger stores the input of a run until it has
    succeeded. A job that is named "show": cronstack runs -- show.

    \b
    JSON: the fields of "cronstack runs --json", and; null for a missing value:
      attempts                 ends of its invocations, from the log: at, attempt, status, reason, error
      input, checkpoint        redacted
      trace                    frames of the last error
      holder, expires          of a running attempt: until when Lambda lets it run
      generations              all occurrences of this time; a backfill adds them
      letters, carriers        dead letters; schedules that bring it back
      plan, actions            of its key; what operators did
      unread                   what could not be read
    """
    from cronstack_infra.ops.explaining.gathering import gather
    from cronstack_infra.ops.viewing.one_run import details, lines

    facts = gather(cloud, cloud.stack, job, time, key, now=clock.now(), whole=True)
    if as_json:
        print_json(details(facts))
        return
    for line in lines(facts):
        click.echo(indented(line))
