"""``cronstack once strays``: list plans and schedules that do not match. ``--mend`` repairs them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click

from cronstack import clock
from cronstack.occurrence import to_datetime, to_milliseconds
from cronstack_infra.cli.commands.once.words import in_options
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.spans import span
from cronstack_infra.cli.output.tables import print_json, print_table, short
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.strays import Stray, Strays
from cronstack_infra.plural import counted

COLUMNS: Final = ("job", "key", "what it is", "since", "what mends it", "schedule")


@click.command("strays", short_help="List schedules without a plan, plans without a schedule, and odd carriers.")
@click.option("--mend", is_flag=True, help="Delete such schedules, make those that are missing.")
@click.option("--since", metavar="T", help="Plans due since then: 12h, 7d, or a time. Defaults to 2 days ago.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: Cloud, mend: bool, since: str | None, as_json: bool) -> int:
    """List what a crash, or a change in the console, has left: schedules without a plan, plans whose schedule is
    missing, plans that are overdue. Also carriers older than two days that repeat, do not delete themselves, or whose
    time is long past. Exit code 1 while there are any that were not mended.

    You can run it beside code that schedules: what was touched within five minutes is left alone. --mend deletes a
    schedule only if no plan stands for it, and a carrier only if its run is finished.

    \b
    JSON, one object for each; null where there is none:
      kind                     schedule, plan or carrier
      job, key, schedule       what it is about; the schedule that exists, or that is missing
      since, what, remedy      since when, what is wrong, what fixes it
      mended                   with --mend: what was done
    """
    begin = None if since is None else to_milliseconds(since_option("--since", since, clock.now()))
    deployment = cloud.deployment()
    strays = Strays(cloud, deployment, once_of(cloud, deployment), clock.now_ms)
    with in_options():
        with counting("schedules and plans") as count:
            found = strays.find(count, since=begin)
        how: dict[Stray, str] = {}
        with counting(f"of {counted(len(found), 'stray')}") as count:
            for number, stray in enumerate(found if mend else (), 1):
                how[stray] = strays.mend(stray)
                count(number)
    stays = sum(not mend or how[stray].startswith("left") for stray in found)
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
    return (stray.job or "?", short(stray.key) or "?", stray.what, ago, stray.remedy, stray.schedule)
