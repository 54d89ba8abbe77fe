"""``cronstack backfill``: run the missing occurrences of a past span in order, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.times import a_time, bound_option
from cronstack_infra.cli.output.spans import local, utc
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.cli.output.waiting import Attempts
from cronstack_infra.ops.backfill import UNASKED, Filled, Plan, Planned, carry_out, plan_backfill, timezone_of
from cronstack_infra.ops.deployment import Deployment

COLUMNS = ("due", "occurrence", "result", "attempt", "why")
WELL = ("succeeded", "duplicate")


@click.command(short_help="Run the occurrences of a past span that have not run.")
@click.argument("job")
@click.option(
    "--from", "first", metavar="T", required=True, callback=a_time, help="Included: 2013-01-01, 2013-01-01T06:00."
)
@click.option(
    "--to",
    "last",
    metavar="T",
    required=True,
    callback=a_time,
    help="Not included. Both in the job's zone unless they say.",
)
@click.option("--again", is_flag=True, help="Also what has run, and what is too old to tell: as a new generation.")
@click.option("--max", "most", type=click.IntRange(1), default=UNASKED, show_default=True, help="Run at most so many.")
@click.option("--dry-run", is_flag=True, help="Only show what would be run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: Cloud, job: str, first: str, last: str, again: bool, most: int, dry_run: bool, as_json: bool) -> int:
    """Run the occurrences of JOB from --from to before --to that are missing in the ledger, one after the other.

    What was due is told by the deployed schedules. An occurrence that ended keeps its end; --again runs it once more,
    as a new generation (~2, ~3, ...). One that was missed has a dead letter: redrive that. Exit code 1 unless all
    succeeded.

    \b
    cronstack backfill daily_stats --from 2013-01-01 --to 2013-02-01 --again
    """
    now, deployment = clock.now(), cloud.deployment()
    zone = timezone_of(cloud, deployment, job)
    begin, end = bound_option("--from", first, zone), bound_option("--to", last, zone)
    if end <= begin:
        raise click.UsageError(
            f"--to is not after --from: {last} is {utc(end)} UTC, {first} is {utc(begin)} UTC. "
            "--from is included, --to is not."
        )
    if end > now:
        click.echo(f"Note: --to {last} is in the future: what is due after {utc(now)} UTC is left out.", err=True)
    plan = plan_backfill(
        cloud,
        deployment,
        job,
        first=begin,
        last=end,
        now=now,
        again=again,
        most=most,
    )
    filled = [] if dry_run else _work(cloud, deployment, plan)
    if as_json:
        print_json(_objects(plan, filled))
    else:
        _show(plan, filled, dry_run)
    return 0 if all(one.ended.status in WELL for one in filled) else 1


def _work(cloud: Cloud, deployment: Deployment, plan: Plan) -> list[Filled]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    def above(line: str) -> None:
        progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    filled: list[Filled] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(plan.job.name, total=len(plan.missing))

        def report(one: Planned) -> Attempts:
            return Attempts(plan.job.name, prefix=f"{local(one.due, plan.timezone)}: ", write=above)

        for one in carry_out(cloud, deployment, plan, clock=clock.now, sleep=clock.sleep, report=report):
            filled.append(one)
            progress.update(bar, advance=1, description=f"{plan.job.name} {local(one.planned.due, plan.timezone)}")
    return filled


def _show(plan: Plan, filled: Sequence[Filled], dry_run: bool) -> None:
    if not plan.planned:
        click.echo("Nothing was due in that span.")
        return
    ended = {one.planned.occurrence: one.ended for one in filled}
    rows = []
    for one in plan.planned:
        how = ended.get(one.occurrence)
        due = local(one.due, plan.timezone)
        if how is not None:
            rows.append((due, one.occurrence, how.status, str(how.attempt or "-"), how.detail))
        else:
            said = f"already {one.stands}" if one.stands else "missing"
            rows.append((due, one.occurrence, said, "-", ""))
    print_table(COLUMNS, rows)
    well = sum(one.ended.status in WELL for one in filled)
    already = len(plan.planned) - len(plan.missing)
    if dry_run:
        click.echo(f"\n{len(plan.missing)} would be run, {already} had ended already.")
    else:
        click.echo(f"\n{well} succeeded, {len(filled) - well} did not, {already} had ended already.")
    if any(one.stands.startswith("missed") for one in plan.planned):
        click.echo(f"To start what was missed: cronstack dead-letters redrive {plan.job.name} --origin missed")


def _objects(plan: Plan, filled: Sequence[Filled]) -> list[dict[str, Any]]:
    ended = {one.planned.occurrence: one.ended for one in filled}
    objects = []
    for one in plan.planned:
        how = ended.get(one.occurrence)
        objects.append(
            {
                "job": plan.job.name,
                "occurrence": one.occurrence,
                "due": one.due.isoformat().replace("+00:00", "Z"),
                "already": one.stands or None,
                "result": None if how is None else how.status,
                "attempt": None if how is None else how.attempt,
                "why": None if how is None else how.detail,
            }
        )
    return objects
