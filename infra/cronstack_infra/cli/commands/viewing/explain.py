"""``cronstack explain``: why an occurrence ran, ran late, waits, was skipped, was missed, or never arrived."""

from __future__ import annotations

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.occurrences import occurrence_arguments
from cronstack_infra.cli.output.tables import indented, print_json


@click.command(short_help="Show why an occurrence ran, ran late, was skipped, or did not run.")
@occurrence_arguments
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, job: str, time: str | None, key: str | None, as_json: bool) -> None:
    """Explain one occurrence of JOB: the one due at TIME, or the one that code planned under a key.

    TIME is a time in the job's zone (2026-03-29T06:00), a time with an offset (2026-03-29T04:00:00Z), or an occurrence
    as "cronstack runs" prints it. The first line is the answer. Below it are what happened when, where this is stored,
    and the commands to run next. The command reads only what is deployed, and deletes no dead letter.

    \b
    JSON; null for a missing value:
      job, occurrence, due     what was explained
      cause, class             a fixed word, such as "skipped-overlap"; class is ran, going, not_run, ahead, not_due
                               or unknown
      status                   of its row in the ledger
      facts                    the values behind the cause, by name
      answer, timeline         the first line; what happened, with times in UTC
      evidence, next           rows and schedules; commands
    """
    from cronstack_infra.ops.explaining.gathering import gather
    from cronstack_infra.ops.explaining.page import page_of

    page = page_of(gather(cloud, cloud.stack, job, time, key, now=clock.now()))
    if as_json:
        print_json(page.as_json())
        return
    for line in page.lines():
        click.echo(indented(line))
