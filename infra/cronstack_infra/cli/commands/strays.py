"""``cronstack strays``: what waits and nothing brings, and schedules that nothing knows. ``--mend`` fixes them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click

from cronstack import clock
from cronstack.occurrence import to_datetime, to_milliseconds
from cronstack_infra.cli.commands.once.words import in_options
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.locked import locked_jobs
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.spans import span
from cronstack_infra.cli.output.tables import print_json, print_table, short
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.strays.find import Strays
from cronstack_infra.ops.strays.stray import LEFT, Stray
from cronstack_infra.plural import counted

COLUMNS: Final = ("kind", "job", "key", "what it is", "since", "what mends it", "schedule or run")


@click.command(short_help="Find what waits and nothing brings, and schedules that nothing knows; fix them.")
@click.option("--mend", is_flag=True, help="Make, delete or invoke what the list says.")
@click.option("--since", metavar="T", help="Plans due since then: 12h, 7d, or a time. Defaults to 2 days ago.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: Cloud, mend: bool, since: str | None, as_json: bool) -> int:
    """List what a crash, a deploy or a change in the console has left. Exit code 1 while any of it is not mended.

    
    plan       its schedule is missing, disabled, or has a role, function or queue that was replaced; it is overdue
    schedule   no plan stands for it
    carrier    older than two days, and it repeats, does not delete itself, or its time is long past
    declared   a schedule that the stack has not made, or that it has made and that is gone
    run        it waits for an attempt, its time has passed by ten minutes, and nothing brings it
    job        it is not deployed, and plans or runs wait for it

    You can run it beside code that schedules, and beside a deploy: what was touched within five minutes is left alone.
    --mend looks at each again first. It deletes a schedule only if no plan stands for it, and a carrier only if its run
    is finished. A run is invoked with the event that the ledger keeps: if another delivery comes, too, the guard runs
    one of them.

    
    JSON, one object for each; null where there is none:
      kind                     as above
      job, key, occurrence     what it is about
      schedule                 the schedule that exists, or that is missing
      since, what, remedy      since when, what is wrong, what fixes it
      mended                   with --mend: what was done
    """
    begin = None if since is None else to_milliseconds(since_option("--since", since, clock.now()))
    deployment = cloud.deployment()
    strays = Strays(cloud, deployment, once_of(cloud, deployment), clock.now_ms, known=locked_jobs(cloud))
    with in_options():
        with counting("schedules and rows") as count:
            found = strays.find(count, since=begin)
        how: dict[Stray, str] = {}
        with counting(f"of {counted(len(found), 'stray')}") as count:
            for number, stray in enumerate(found if mend else (), 1):
                how[stray] = strays.mend(stray)
                count(number)
    stays = sum(not mend or how[stray].startswith(LEFT) for stray in found)
    if as_json:
        print_json([{**stray.as_json(), "mended": how.get(stray)} for stray in found])
    elif found:
        now = clock.now()
        columns = (*COLUMNS, "result") if mend else COLUMNS
        print_table(columns, [(*_cells(stray, now), *([how[stray]] if mend else [])) for stray in found])
        click.echo(
            f"\n{len(found) - stays:,} mended, {stays:,} left." if mend else f"\n{counted(len(found), 'stray')}."
        )
    else:
        click.echo("No strays.")
    return 1 if stays else 0


def _cells(stray: Stray, now: datetime) -> tuple[str, ...]:
    ago = f"{span(now - to_datetime(stray.since))} ago"
    named = (stray.kind, stray.job or "?", short(stray.key) or "-")
    return (*named, stray.what, ago, stray.remedy, stray.schedule or stray.occurrence)
