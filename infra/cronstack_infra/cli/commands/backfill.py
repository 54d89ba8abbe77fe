"""``cronstack backfill``: run the missing occurrences of a past span in order, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.times import a_time, bound_option
from cronstack_infra.cli.output.spans import local, utc
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.cli.output.waiting import AttemptPrinter
from cronstack_infra.ops.backfill import (
    UNASKED,
    BackfillPlan,
    DueOccurrence,
    Filled,
    carry_out,
    plan_backfill,
    timezone_of,
)
from cronstack_infra.ops.deployment import Deployment

COLUMNS = ("due", "occurrence", "result", "attempt", "why")
SUCCESSFUL = ("succeeded", "duplicate")


@click.command(short_help="Run the missing occurrences of a past span.")
@click.argument("job")
@click.option(
    "--from",
    "first",
    metavar="T",
    required=True,
    callback=a_time,
    help="First time, inclusive: 2013-01-01 or 2013-01-01T06:00.",
)
@click.option(
    "--to",
    "last",
    metavar="T",
    required=True,
    callback=a_time,
    help="Last time, exclusive. Both are in the job's time zone unless they have an offset.",
)
@click.option("--again", is_flag=True, help="Also run what has run, or is too old to know, as a new generation.")
@click.option(
    "--max", "most", type=click.IntRange(1), default=UNASKED, show_default=True, help="Run at most this many."
)
@click.option("--dry-run", is_flag=True, help="Only list the occurrences.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: SelectedCloud, job: str, first: str, last: str, again: bool, most: int, dry_run: bool, as_json: bool
) -> int:
    """Run the occurrences of JOB from --from to before --to that are missing in the ledger, one after the other.

    The deployed schedules decide what was due. An occurrence that has ended is not run again. With --again it runs as
    a new generation (~2, ~3, ...). A missed occurrence has a dead letter: redrive it instead. Exit code 1 unless all
    succeeded.

    \b
    cronstack backfill daily_stats --from 2013-01-01 --to 2013-02-01 --again
    """
    now, deployment = clock.now(), cloud.deployment()
    zone = timezone_of(cloud, deployment, job)
    begin, end = bound_option("--from", first, zone), bound_option("--to", last, zone)
    if end <= begin:
        raise click.UsageError(
            f"--to must be after --from, but {last} is {utc(end)} UTC and {first} is {utc(begin)} UTC. "
            "--from is inclusive, --to is exclusive."
        )
    if end > now:
        click.echo(f"Note: --to {last} is in the future; occurrences after {utc(now)} UTC are left out.", err=True)
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
    filled = [] if dry_run else _run(cloud, deployment, plan)
    if as_json:
        print_json(_objects(plan, filled))
    else:
        _show(plan, filled, dry_run)
    return 0 if all(result.ended.status in SUCCESSFUL for result in filled) else 1


def _run(cloud: SelectedCloud, deployment: Deployment, plan: BackfillPlan) -> list[Filled]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    def print_above(line: str) -> None:
        progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    filled: list[Filled] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(plan.job.name, total=len(plan.missing))

        def report(planned: DueOccurrence) -> AttemptPrinter:
            return AttemptPrinter(plan.job.name, prefix=f"{local(planned.due, plan.timezone)}: ", write=print_above)

        for result in carry_out(cloud, deployment, plan, clock=clock.now, sleep=clock.sleep, report=report):
            filled.append(result)
            progress.update(bar, advance=1, description=f"{plan.job.name} {local(result.planned.due, plan.timezone)}")
    return filled


def _show(plan: BackfillPlan, filled: Sequence[Filled], dry_run: bool) -> None:
    if not plan.planned:
        click.echo("Nothing was due in that span.")
        return
    ended = {result.planned.occurrence: result.ended for result in filled}
    rows = []
    for planned in plan.planned:
        end = ended.get(planned.occurrence)
        due = local(planned.due, plan.timezone)
        if end is not None:
            rows.append((due, planned.occurrence, end.status, str(end.attempt or "-"), end.detail))
        else:
            status = f"already {planned.earlier_result}" if planned.earlier_result else "missing"
            rows.append((due, planned.occurrence, status, "-", ""))
    print_table(COLUMNS, rows)
    succeeded = sum(result.ended.status in SUCCESSFUL for result in filled)
    already = len(plan.planned) - len(plan.missing)
    if dry_run:
        click.echo(f"\n{len(plan.missing)} would be run, {already} have ended already.")
    else:
        click.echo(f"\n{succeeded} succeeded, {len(filled) - succeeded} did not, {already} had ended already.")
    if any(planned.earlier_result.startswith("missed") for planned in plan.planned):
        click.echo(f"To start the missed runs: cronstack dead-letters redrive {plan.job.name} --origin missed")


def _objects(plan: BackfillPlan, filled: Sequence[Filled]) -> list[dict[str, Any]]:
    ended = {result.planned.occurrence: result.ended for result in filled}
    objects = []
    for planned in plan.planned:
        end = ended.get(planned.occurrence)
        objects.append(
            {
                "job": plan.job.name,
                "occurrence": planned.occurrence,
                "due": planned.due.isoformat().replace("+00:00", "Z"),
                "already": planned.earlier_result or None,
                "result": None if end is None else end.status,
                "attempt": None if end is None else end.attempt,
                "why": None if end is None else end.detail,
            }
        )
    return objects
