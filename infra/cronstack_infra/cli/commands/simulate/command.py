"""``cronstack simulate``: run the declared jobs in a simulated span of time, or only compute their firings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.declared import declared_jobs, named
from cronstack_infra.cli.options.switched import switch_option
from cronstack_infra.cli.options.times import bound_option
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.play.looks import MAX_CLOCK_READS

YEAR: Final = 365
LONGEST: Final = 3660
"""Most days of a span."""
EARLIEST: Final = 1973
"""Earliest year. Before it, some zones had offsets with half minutes."""
LATEST: Final = 2199
QUOTAS: Final = ("invocations=1000", "concurrency=1000")
"""Quotas of AWS in a large Region, as switches."""


@click.command(short_help="Simulate a span of time in seconds, or only compute its firings (--dry).")
@click.option("--from", "begin", metavar="T", help="First time, in UTC unless T has an offset. Defaults to now.")
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST),
    help="Length in days. Defaults to 365, 90, 30, 7 or 1, whichever takes about ten seconds; with --dry to 365.",
)
@click.option("--until", metavar="T", help="End, instead of --days.")
@click.option("--job", "only", metavar="J", multiple=True, help="Only this job; may be repeated.")
@click.option("--seed", type=click.IntRange(0), help="Random seed. Defaults to 0.")
@click.option("--faults", metavar="F", help="Faults to inject.")
@click.option("--quotas", is_flag=True, help=f"Simulate the quotas of AWS: --switch {' --switch '.join(QUOTAS)}.")
@switch_option
@click.option(
    "--clock-reads",
    type=click.IntRange(1),
    help=f"Most clock reads of a handler without waiting. Defaults to {MAX_CLOCK_READS:,}.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for trace and report.")
@click.option("--dry", is_flag=True, help="Run no handler; only compute the firings.")
@click.option(
    "--durations",
    metavar="D",
    multiple=True,
    help="With --dry: length of runs. SECONDS, JOB=SECONDS,... or runs (measured, from the ledger). "
    "Defaults to the timeout of each job.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: SelectedCloud,
    begin: str | None,
    days: int | None,
    until: str | None,
    only: tuple[str, ...],
    seed: int | None,
    faults: str | None,
    quotas: bool,
    switches: tuple[str, ...],
    clock_reads: int | None,
    out: Path | None,
    dry: bool,
    durations: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run the declared jobs in a simulated span of time, on a virtual clock.

    If tests/simulation.py has a function prepare(cloud), it is called before the first firing, to load data. Its
    argument is the fixture "cloud" of tests. Ctrl-C ends the simulation early and keeps the results so far.

    --dry runs no handler. It shows which jobs are due while they still run, and the effect; which minutes are crowded;
    how many runs are active at once; and the effect of each clock change on each job.

    --quotas simulates the quotas of the account. It reports the latest start and the quota that delayed it. To use your
    own quotas: --switch invocations=500 --switch concurrency=100.

    \b
    cronstack simulate --dry
    cronstack simulate --dry --from 2027-01-01 --days 31 --durations 20,nightly=700
    cronstack simulate --dry --durations runs --local

    --local, --port and --stack select the ledger that "--durations runs" reads.
    """
    first, last = _span(begin, days, until)
    if dry:
        played_only = {"--seed": seed, "--faults": faults, "--quotas": quotas or None, "--switch": switches or None}
        _refuse_with_dry(played_only | {"--out": out, "--clock-reads": clock_reads})
        from cronstack_infra.cli.commands.simulate.dry import dry_run

        return dry_run(cloud, _jobs(cloud.package, only), first, last, durations, as_json=as_json)
    if durations:
        raise click.UsageError("--durations needs --dry: otherwise the handlers decide how long they run.")
    from cronstack_infra.cli.commands.simulate.played import SimulationRequest, simulate_request
    from cronstack_infra.play.quick import quick_days

    jobs = _jobs(cloud.package, only)
    if days is None and until is None:
        last = first + timedelta(days=quick_days([found.schedules for found in jobs if found.job.enabled], first))
    reads = MAX_CLOCK_READS if clock_reads is None else clock_reads
    request = SimulationRequest(
        cloud.package, jobs, first, last, seed or 0, faults, out, reads, (*(QUOTAS if quotas else ()), *switches)
    )
    return simulate_request(request, as_json=as_json)


def _refuse_with_dry(given: Mapping[str, object]) -> None:
    """Raise UsageError for an option that only a simulation without ``--dry`` has."""
    for option, value in given.items():
        if value is not None:
            raise click.UsageError(f"{option} cannot be used with --dry, which runs no handler and is not random.")


def _span(begin: str | None, days: int | None, until: str | None) -> tuple[datetime, datetime]:
    """Return the span in whole minutes, in UTC. Without ``begin`` it begins with the next minute."""
    if days is not None and until is not None:
        raise click.UsageError("Give --days or --until, not both.")
    first = _next_minute(clock.now()) if begin is None else _minute("--from", begin)
    try:
        last = first + timedelta(days=days or YEAR) if until is None else _minute("--until", until)
    except OverflowError:
        raise click.BadParameter("the span ends after the year 9999.", param_hint="--days") from None
    if last <= first:
        reason = f"{last:%Y-%m-%d %H:%M} is not after the beginning of the span, {first:%Y-%m-%d %H:%M} UTC."
        raise click.BadParameter(reason, param_hint="--until")
    if last - first > timedelta(days=LONGEST):
        raise click.BadParameter(f"the span has more than {LONGEST} days.", param_hint="--until")
    if not EARLIEST <= first.year <= last.year <= LATEST:
        raise click.BadParameter(f"the span must be within the years {EARLIEST} to {LATEST}.", param_hint="--from")
    return first, last


def _minute(option: str, text: str) -> datetime:
    moment = bound_option(option, text, "UTC")
    if moment.second or moment.microsecond:
        raise click.BadParameter(f"{text!r} is not a whole minute.", param_hint=option)
    return moment


def _next_minute(moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(minutes=1)


def _jobs(package: str, only: Sequence[str]) -> tuple[DeclaredJob, ...]:
    jobs = declared_jobs(package, clock.now()).jobs
    return tuple({name: named(name, jobs) for name in only}.values()) if only else jobs
