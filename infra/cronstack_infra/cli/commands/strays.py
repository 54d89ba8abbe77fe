"""``cronstack strays``: find leftover schedules, and plans and runs that nothing will start. ``--fix`` fixes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import click

from cronstack import clock
from cronstack.occurrence import to_datetime, to_milliseconds
from cronstack_infra.cli.commands.once.wording import errors_as_options
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.locked import locked_jobs
from cronstack_infra.cli.options.reasons import announce_action, reason_option
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.spans import span
from cronstack_infra.cli.output.tables import print_json, print_table, short
from cronstack_infra.ops.audit import THE_STACK, names_of
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.strays.find import Strays
from cronstack_infra.ops.strays.stray import LEFT, Stray
from cronstack_infra.plural import counted

COLUMNS: Final = ("kind", "job", "key", "what it is", "since", "what fixes it", "schedule or run")


@click.command(short_help="Find leftover schedules and runs that nothing will start; fix them.")
@click.option("--fix", is_flag=True, help="Fix each stray: create, delete or invoke, as listed.")
@click.option("--since", metavar="T", help="Check plans due since: 12h or 7d ago, or a time. Defaults to 2 days ago.")
@reason_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, fix: bool, since: str | None, reason: str, as_json: bool) -> int:
    """List strays that a crash, a deploy or a change in the console has left. Exit code 1 if any is not fixed.

    
    plan       its schedule is missing, disabled, or has a role, function or queue that was replaced; it is overdue
    schedule   it belongs to no plan
    carrier    older than two days, and it repeats, does not delete itself, or is long overdue
    declared   a schedule that the stack did not create, or one of the stack that is missing
    run        it waits for an attempt that is overdue by ten minutes, and no event will start it
    job        it is not deployed, and plans or runs wait for it

    You can run it while code schedules and during a deploy: anything changed in the last five minutes is ignored.
    --fix checks each stray again first. It deletes a schedule only if it belongs to no plan, and a carrier only if its
    run is finished. It invokes a run with the event in the ledger. If another delivery arrives, the guard runs only one
    of them.

    
    JSON, one object per stray; null for a missing value:
      kind                     as above
      job, key, occurrence     whose plan or run it is
      schedule                 the leftover or missing schedule
      since, what, remedy      begin, problem and fix
      fixed                    with --fix: what was done
    """
    begin = None if since is None else to_milliseconds(since_option("--since", since, clock.now()))
    deployment = cloud.deployment()
    strays = Strays(cloud, deployment, once_of(cloud, deployment), clock.now_ms, known=locked_jobs(cloud))
    with errors_as_options():
        with counting("schedules and rows") as count:
            found = strays.find(count, since=begin)
        if fix and any(stray.fix for stray in found):
            _announce(cloud, deployment, reason, [stray for stray in found if stray.fix])
        results: dict[Stray, str] = {}
        with counting(f"of {counted(len(found), 'stray')}") as count:
            for number, stray in enumerate(found if fix else (), 1):
                results[stray] = strays.fix(stray)
                count(number)
    remaining = sum(not fix or results[stray].startswith(LEFT) for stray in found)
    if as_json:
        print_json([{**stray.as_json(), "fixed": results.get(stray)} for stray in found])
    elif found:
        now = clock.now()
        columns = (*COLUMNS, "result") if fix else COLUMNS
        print_table(columns, [(*_cells(stray, now), *([results[stray]] if fix else [])) for stray in found])
        click.echo(
            f"\n{len(found) - remaining:,} fixed, {remaining:,} left." if fix else f"\n{counted(len(found), 'stray')}."
        )
    else:
        click.echo("No strays.")
    return 1 if remaining else 0


def _announce(cloud: SelectedCloud, deployment: Deployment, reason: str, strays: Sequence[Stray]) -> None:
    """Record one action for all strays: of their job, or of the stack if they have several jobs."""
    jobs = {stray.job for stray in strays}
    names = [stray.occurrence or stray.key or stray.schedule for stray in strays]
    job = jobs.pop() if len(jobs) == 1 else THE_STACK
    announce_action(cloud, deployment, job, "strays", reason, **names_of(names))


def _cells(stray: Stray, now: datetime) -> tuple[str, ...]:
    ago = f"{span(now - to_datetime(stray.since))} ago"
    names = (stray.kind, stray.job or "?", short(stray.key) or "-")
    return (*names, stray.what, ago, stray.remedy, stray.schedule or stray.occurrence)
