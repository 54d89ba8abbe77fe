"""``cronstack cost``: the price of a month, per job and in total."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Final

import click

from cronstack import clock
from cronstack.deployed.job_metadata import JobMetadata, jobs_of_template
from cronstack.errors import CronstackError, OperationError
from cronstack_infra.cli.errors import is_aws, message
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.declared import declared_jobs
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.discovery.metadata import metadata_of
from cronstack_infra.ops.cost import gather, measured
from cronstack_infra.ops.cost.bill import COLUMNS, NOT_INCLUDED, Bill, Deployed, Line, bill
from cronstack_infra.ops.cost.measured import Measured
from cronstack_infra.ops.cost.month import Month, month_of, next_days
from cronstack_infra.ops.cost.prices import DATE, PRICES, USUAL
from cronstack_infra.ops.doctor.scene import read_scene

FOR_ALL: Final = ""
_WATCHDOG: Final = "watchdog"


@click.command(short_help="Compute the price of a month: per job, and in total.")
@click.option("--month", "month_text", metavar="YYYY-MM", help="A month, in UTC. Defaults to the next 30 days.")
@click.option(
    "--duration",
    "durations",
    metavar="[JOB=]SECONDS",
    multiple=True,
    help="Duration of the handler, such as 0.2s or import_prices=20s. Repeatable.",
)
@click.option("--plans", "plan_texts", metavar="JOB=N", multiple=True, help="Occurrences that code plans in the month.")
@click.option("--region", metavar="REGION", help="Region of the prices. Defaults to that of the stack.")
@click.option("--free-tier", is_flag=True, help="Subtract what AWS gives free each month, without end.")
@click.option("--declared", is_flag=True, help="Use the declared jobs, and ask no cloud.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: SelectedCloud,
    month_text: str | None,
    durations: Sequence[str],
    plan_texts: Sequence[str],
    region: str | None,
    free_tier: bool,
    declared: bool,
    as_json: bool,
) -> None:
    """Compute the price of a month from timetables, durations and the requests of each run.

    Durations, retries and skips are means of the newest runs in the ledger of the deployed stack. A job without runs
    counts with one second, unless --duration gives another. Before the first deployment, the declared jobs count.

    \b
    JSON:
      total, currency        the price in dollars
      month, from, to        the span
      prices                 region and date of the list prices
      lines                  one object per job: name, runs, seconds, duration (given, measured or assumed), dollars,
                             by_service, used
      not_included, notes    what the price does not contain
    """
    month = _month(month_text)
    jobs, form, sample, here = _declared(cloud) if declared else _deployed(cloud)
    wanted = region or here
    if region is not None and region not in PRICES:
        click.echo(f"Note: prices are known of {', '.join(PRICES)}.", err=True)
    seconds = _seconds(durations, list(jobs))
    plans = _plans(plan_texts, jobs)
    facts = gather.facts_of(jobs, month, measured=sample, seconds=seconds, plans=plans)
    result = bill(facts, month, wanted, deployed=form, free_tier=free_tier)
    uncounted = [name for name, job in jobs.items() if job.by_code and name not in plans]
    if as_json:
        print_json(result.as_json())
    else:
        _print(result, uncounted)


Known = tuple[Mapping[str, JobMetadata], Deployed, Mapping[str, Measured], str]


def _declared(cloud: SelectedCloud) -> Known:
    """Return the declared jobs, as a new stack would deploy them."""
    jobs = {job.name: metadata_of(job) for job in declared_jobs(cloud.package, clock.now()).jobs}
    return gather.with_watchdog(jobs), Deployed(), {}, os.environ.get("AWS_REGION") or USUAL


def _deployed(cloud: SelectedCloud) -> Known:
    """Return the deployed jobs, and how their recent runs went. Without a stack, return the declared ones."""
    try:
        deployment = cloud.deployment()
        scene = read_scene(cloud, deployment, clock.now_ms)
        jobs = jobs_of_template(scene.stack.template)
    except Exception as fault:
        if not (isinstance(fault, OperationError) or is_aws(fault)):
            raise
        click.echo(f"Note: no deployed stack counts: {message(fault).splitlines()[0]}", err=True)
        return _declared(cloud)
    sample: Mapping[str, Measured] = {}
    try:
        with counting("rows") as seen:
            sample = measured.measure(cloud("dynamodb"), deployment, jobs, clock.now_ms(), seen)
    except Exception as fault:
        if not is_aws(fault):
            raise
        click.echo(f"Note: no run was measured: {message(fault).splitlines()[0]}", err=True)
    return jobs, gather.deployed_form(scene.stack.template), sample, scene.stack.region


def _month(text: str | None) -> Month:
    if text is None:
        return next_days(clock.now())
    try:
        return month_of(text)
    except CronstackError as fault:
        raise click.BadParameter(f"{fault.args[0]}. {fault.remedy}", param_hint="--month") from None


def _seconds(given: Sequence[str], jobs: Sequence[str]) -> dict[str, float]:
    """Return the given durations by job. One without a job counts for all others, except the watchdog."""
    by_job: dict[str, float] = {}
    for text in given:
        name, _, number = text.rpartition("=")
        if name:
            _check_job("--duration", name, jobs)
        try:
            seconds = float(number.removesuffix("s"))
        except ValueError:
            seconds = 0.0
        if not (isfinite(seconds) and 0 < seconds <= 900):
            reason = f"{text!r} is not a duration. Write seconds from 0 to 900: 0.2s, or import_prices=20s."
            raise click.BadParameter(reason, param_hint="--duration")
        if name in by_job:
            raise click.BadParameter(f"{text!r}: this duration is given twice.", param_hint="--duration")
        by_job[name] = seconds
    if (for_all := by_job.pop(FOR_ALL, None)) is not None:
        by_job = {job: for_all for job in jobs if job != _WATCHDOG} | by_job
    return by_job


def _plans(given: Sequence[str], jobs: Mapping[str, JobMetadata]) -> dict[str, int]:
    plans: dict[str, int] = {}
    for text in given:
        name, _, number = text.rpartition("=")
        _check_job("--plans", name, list(jobs))
        if not number.isdecimal():
            raise click.BadParameter(f"{text!r} has no count. Write JOB=N.", param_hint="--plans")
        if not jobs[name].by_code:
            raise click.BadParameter(f"{name} has no once(), so code cannot plan it.", param_hint="--plans")
        plans[name] = int(number)
    return plans


def _check_job(option: str, name: str, jobs: Sequence[str]) -> None:
    if name not in jobs:
        near = get_close_matches(name, jobs, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known jobs: {', '.join(jobs) or 'none'}."
        raise click.BadParameter(f"unknown job {name!r}. {hint}", param_hint=option)


def _print(result: Bill, uncounted: Sequence[str]) -> None:
    print_table(("job", "runs", "duration", *COLUMNS, "total"), [*map(_row, result.lines), _total(result)])
    click.echo(f"\nDollars for {result.month.name}, at list prices of {result.region} as of {DATE}.")
    click.echo(f"Not included: {'; '.join(NOT_INCLUDED)}.")
    for note in result.notes:
        click.echo(f"Note: {note}.")
    if uncounted:
        names = ", ".join(uncounted[:5]) + (", …" if len(uncounted) > 5 else "")
        click.echo(f"Note: plans of {names} are not counted. Add --plans {uncounted[0]}=N.")


def _row(line: Line) -> tuple[str, ...]:
    duration = "-" if line.seconds is None else f"{line.seconds:.3g}s {line.source}"
    runs = f"{line.runs:,}" if line.runs else "-"
    return line.name, runs, duration, *(_cell(line.dollars[name]) for name in COLUMNS), _cell(line.total)


def _total(result: Bill) -> tuple[str, ...]:
    sums = (sum(line.dollars[name] for line in result.lines) for name in COLUMNS)
    return "total", "", "", *map(_cell, sums), _cell(result.total)


def _cell(dollars: float) -> str:
    return "-" if not dollars else f"{dollars:.2f}" if dollars >= 0.005 else "<0.01"
