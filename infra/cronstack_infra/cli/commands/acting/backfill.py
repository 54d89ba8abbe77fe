"""``cronstack backfill``: run occurrences of a past span again or for the first time, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.reasons import reason_option
from cronstack_infra.cli.options.times import a_time, bound_option
from cronstack_infra.cli.output.spans import local, utc
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.cli.output.waiting import AttemptPrinter
from cronstack_infra.cli.stopping import stop_like_ctrl_c
from cronstack_infra.ops.backfill import (
    KINDS,
    UNASKED,
    BackfillPlan,
    DueOccurrence,
    Filled,
    Kind,
    carry_out,
    plan_backfill,
    timezone_of,
)
from cronstack_infra.ops.backfill.carrying_out import refuse_concurrency
from cronstack_infra.ops.backfill.recording import (
    Recorded,
    find_backfill,
    find_same,
    plan_to_continue,
    record_backfill,
    record_continuation,
)
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.pause import refuse_if_paused

COLUMNS: Final = ("due", "occurrence", "result", "attempt", "why")
MOST_AT_ONCE: Final = 50


@click.command(short_help="Run missing, failed or all occurrences of a past span.")
@click.argument("job")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@click.option(
    "--from",
    "first",
    metavar="T",
    callback=a_time,
    help="First time, inclusive: 2013-01-01 or 2013-01-01T06:00.",
)
@click.option(
    "--to",
    "last",
    metavar="T",
    callback=a_time,
    help="Last time, exclusive. Both are in the job's time zone unless they have an offset.",
)
@click.option("--again", is_flag=True, help="Repeat all, also if the same backfill has been carried out.")
@click.option("--resume", metavar="ID", help="Continue an interrupted backfill. Needs only JOB.")
@click.option(
    "--max", "most", type=click.IntRange(1), default=UNASKED, show_default=True, help="Run at most this many."
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, MOST_AT_ONCE),
    default=1,
    show_default=True,
    help='Occurrences at the same time. More than one needs overlap="allow".',
)
@click.option("--while-paused", is_flag=True, help="Run them although the job is paused.")
@click.option("--dry-run", is_flag=True, help="Only list the occurrences.")
@reason_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: SelectedCloud,
    job: str,
    kind: Kind | None,
    first: str | None,
    last: str | None,
    again: bool,
    resume: str | None,
    most: int,
    concurrency: int,
    while_paused: bool,
    dry_run: bool,
    reason: str,
    as_json: bool,
) -> int:
    """Run the occurrences of JOB from --from to before --to, the oldest first. The deployed schedules decide what was
    due. Exit code 1 unless all succeeded.

    \b
    missing  what has never started: no run, missed, or skipped by a pause (the default)
    failed   what is dead or missed: its next attempt, as by a redrive
    all      everything; what has ended runs again as a new generation (~2, ~3, ...)

    After an interruption, the same command continues and doubles nothing; so does --resume ID, which needs no other
    option. The ledger keeps the plan of a backfill with who, when and why: "cronstack audit JOB".

    \b
    cronstack backfill daily_stats --from 2013-01-01 --to 2013-02-01 --dry-run
    cronstack backfill daily_stats failed --from 2013-01-01 --to 2013-02-01 --reason "supplier was down"
    cronstack backfill daily_stats all --from 2013-01-01 --to 2013-02-01
    """
    kind = _check_options(kind, first, last, again, resume)
    now, deployment = clock.now(), cloud.deployment()
    plan: BackfillPlan
    recorded: Recorded | None = None
    if resume is not None:
        recorded = find_backfill(cloud, deployment, job, resume, now=now)
        plan = plan_to_continue(cloud, deployment, job, recorded, now=now)
    else:
        begin, end = _span(cloud, deployment, job, first or "", last or "", now)
        plan = plan_backfill(cloud, deployment, job, kind, first=begin, last=end, now=now, most=most)
        if kind == "all" and not again:
            recorded = find_same(cloud, deployment, plan, now=now)
            if recorded is not None:
                plan = plan_to_continue(cloud, deployment, job, recorded, now=now)
                _note_same(recorded, plan)
    if concurrency > 1:
        refuse_concurrency(cloud, deployment, job, concurrency)
    filled: list[Filled] = []
    if plan.missing and not dry_run:
        if not while_paused:
            anyway = f"cronstack backfill {job} … --while-paused"
            refuse_if_paused(cloud("dynamodb"), deployment.ledger, job, what="the occurrences", anyway=anyway)
        if recorded is None:
            recorded = record_backfill(cloud, deployment, plan, now=now, reason=reason)
        else:
            record_continuation(cloud, deployment, job, recorded, now=now, reason=reason)
        with _continued_by(f"cronstack backfill {job} --resume {recorded.id}"):
            _run(cloud, deployment, plan, filled, concurrency=concurrency, while_paused=while_paused)
    if as_json:
        print_json(_objects(plan, filled, recorded))
    else:
        _show(plan, filled, dry_run)
    return 0 if all(result.ended.status == "succeeded" for result in filled) else 1


def _check_options(kind: Kind | None, first: str | None, last: str | None, again: bool, resume: str | None) -> Kind:
    """Return the kind. Raise UsageError for options that exclude each other."""
    if resume is not None:
        if kind is not None or first is not None or last is not None or again:
            raise click.UsageError("--resume continues a backfill as it was planned: it needs only JOB.")
        return "missing"
    if again and kind not in (None, "all"):
        raise click.UsageError(f"--again repeats all, so it excludes {kind!r}.")
    for option, given in (("--from", first), ("--to", last)):
        if given is None:
            raise click.UsageError(f"Missing option '{option}'.")
    return "all" if again else kind or "missing"


def _span(
    cloud: SelectedCloud, deployment: Deployment, job: str, first: str, last: str, now: datetime
) -> tuple[datetime, datetime]:
    zone = timezone_of(cloud, deployment, job)
    begin, end = bound_option("--from", first, zone), bound_option("--to", last, zone)
    if end <= begin:
        raise click.UsageError(
            f"--to must be after --from, but {last} is {utc(end)} UTC and {first} is {utc(begin)} UTC. "
            "--from is inclusive, --to is exclusive."
        )
    if end > now:
        click.echo(f"Note: --to {last} is in the future; occurrences after {utc(now)} UTC are left out.", err=True)
    return begin, end


def _note_same(recorded: Recorded, plan: BackfillPlan) -> None:
    begun = f"the same backfill began at {utc(recorded.at)} UTC ({recorded.id})"
    if plan.missing:
        click.echo(f"Note: {begun}, and {len(plan.missing)} have not ended: this continues it.", err=True)
    else:
        click.echo(f"Note: {begun}, and all have ended. To repeat everything, add --again.", err=True)


@contextmanager
def _continued_by(command: str) -> Iterator[None]:
    """Print the command that continues the backfill if the block is interrupted."""
    click.echo(f"To continue after an interruption: {command}", err=True)
    try:
        with stop_like_ctrl_c():
            yield
    except BaseException:
        click.echo(f"Interrupted. What has started goes on without this command. To continue: {command}", err=True)
        raise


def _run(
    cloud: SelectedCloud, deployment: Deployment, plan: BackfillPlan, filled: list[Filled], **options: Any
) -> None:
    """Carry out the plan with the options of ``carry_out``, and add each result to ``filled``."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    def print_above(line: str) -> None:
        progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(plan.job.name, total=len(plan.missing))

        def report(planned: DueOccurrence) -> AttemptPrinter:
            return AttemptPrinter(plan.job.name, prefix=f"{local(planned.due, plan.timezone)}: ", write=print_above)

        for result in carry_out(cloud, deployment, plan, clock=clock.now, sleep=clock.sleep, report=report, **options):
            filled.append(result)
            progress.update(bar, advance=1, description=f"{plan.job.name} {local(result.planned.due, plan.timezone)}")


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
            rows.append((due, planned.occurrence, _state(planned), "-", ""))
    print_table(COLUMNS, rows)
    succeeded = sum(result.ended.status == "succeeded" for result in filled)
    already = sum(bool(planned.earlier_result) and planned.aimed for planned in plan.planned)
    others = sum(not planned.aimed for planned in plan.planned)
    left_out = f", {others} are left out" if others else ""
    if dry_run:
        click.echo(f"\n{len(plan.missing)} would be run, {already} have ended already{left_out}.")
    else:
        click.echo(
            f"\n{succeeded} succeeded, {len(filled) - succeeded} did not, {already} had ended already{left_out}."
        )
    for note in _notes(plan, filled):
        click.echo(note)


def _state(planned: DueOccurrence) -> str:
    if not planned.aimed:
        return f"left out: {planned.earlier_result}"
    if planned.earlier_result:
        return f"already {planned.earlier_result}"
    return planned.before or "missing"


def _notes(plan: BackfillPlan, filled: Sequence[Filled]) -> list[str]:
    """Return what to do next, as sentences."""
    job, notes = plan.job.name, []
    if any(result.planned.redrive is not None and result.ended.status == "succeeded" for result in filled):
        notes.append(f"Their dead letters stay until you run: cronstack dead-letters redrive {job}")
    if any(result.ended.status == "skipped" for result in filled):
        notes.append(f"What was skipped runs only as a new generation: cronstack backfill {job} all --from … --to …")
    if any(not planned.aimed and planned.before.startswith(("dead", "missed")) for planned in plan.planned):
        notes.append(f"To run what is dead: cronstack backfill {job} failed --from … --to …")
    return notes


def _objects(plan: BackfillPlan, filled: Sequence[Filled], recorded: Recorded | None) -> list[dict[str, Any]]:
    ended = {result.planned.occurrence: result.ended for result in filled}
    objects = []
    for planned in plan.planned:
        end = ended.get(planned.occurrence)
        objects.append(
            {
                "job": plan.job.name,
                "backfill": None if recorded is None else recorded.id,
                "occurrence": planned.occurrence,
                "due": planned.due.isoformat().replace("+00:00", "Z"),
                "before": planned.before or None,
                "already": planned.earlier_result or None,
                "chosen": planned.aimed,
                "result": None if end is None else end.status,
                "attempt": None if end is None else end.attempt,
                "why": None if end is None else end.detail,
            }
        )
    return objects
