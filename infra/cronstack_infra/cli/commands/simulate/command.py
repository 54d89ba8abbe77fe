"""``cronstack simulate``: play the declared jobs through a span of time, or read it from their timetables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.declared import declared_jobs, named
from cronstack_infra.cli.options.switched import switch_option
from cronstack_infra.cli.options.times import bound_option
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.play.looks import MOST_LOOKS

YEAR: Final = 365
LONGEST: Final = 3660
"""Days."""
EARLIEST: Final = 1973
"""Earlier, some zones had offsets with half minutes."""
LATEST: Final = 2199
QUOTAS: Final = ("invocations=1000", "concurrency=1000")
"""AWS's own quotas in a large Region, as switches."""


@click.command(short_help="Play a span of time through in seconds, or ask its timetables (--dry).")
@click.option("--from", "begin", metavar="T", help="Where it begins, UTC unless T names an offset. Defaults to now.")
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST),
    help="How many days. Defaults to 365, 90, 30, 7 or 1, as many as take some ten seconds; with --dry to 365.",
)
@click.option("--until", metavar="T", help="Where it ends, instead of --days.")
@click.option("--job", "only", metavar="J", multiple=True, help="Only this job; may be repeated.")
@click.option("--seed", type=click.IntRange(0), help="Of all chance. Defaults to 0.")
@click.option("--faults", metavar="F", help="What fails on the way.")
@click.option("--quotas", is_flag=True, help=f"AWS's quotas: --switch {' --switch '.join(QUOTAS)}.")
@switch_option
@click.option(
    "--clock-reads",
    type=click.IntRange(1),
    help=f"How often a handler may read the clock without waiting. Defaults to {MOST_LOOKS:,}.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for trace and report.")
@click.option("--dry", is_flag=True, help="Run no handler: only ask the timetables what will be.")
@click.option(
    "--durations",
    metavar="D",
    multiple=True,
    help="With --dry: how long runs last. SECONDS, JOB=SECONDS,... or runs (as the ledger has them). "
    "Defaults to each job's timeout, the longest it can last.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: Cloud,
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
    """Play the declared jobs through a span of time on a virtual clock.

    When tests/simulation.py has a function prepare(cloud), it is called before the first firing, to load data. The
    argument is what tests get as the fixture "cloud". Ctrl-C ends the simulation early and keeps what was played.

    --dry runs no handler. It tells which jobs are due while they still run and what becomes of that, which minutes
    are crowded and how many runs go on at once, and what each change of the clocks does to each job.

    --quotas plays the account's quotas, and reports how late the latest start was, and which quota held it. For quotas
    of your own: --switch invocations=500 --switch concurrency=100.

    \b
    cronstack simulate --dry
    cronstack simulate --dry --from 2027-01-01 --days 31 --durations 20,nightly=700
    cronstack simulate --dry --durations runs --local

    --local, --port and --stack say which cloud's ledger "--durations runs" reads.
    """
    first, last = _span(begin, days, until)
    if dry:
        played_only = {"--seed": seed, "--faults": faults, "--quotas": quotas or None, "--switch": switches or None}
        _refuse_with_dry(played_only | {"--out": out, "--clock-reads": clock_reads})
        from cronstack_infra.cli.commands.simulate.dry import dry_run

        return dry_run(cloud, _jobs(cloud.package, only), first, last, durations, as_json=as_json)
    if durations:
        raise click.UsageError("--durations belongs to --dry; without it, handlers run as long as they run.")
    from cronstack_infra.cli.commands.simulate.played import Played, played
    from cronstack_infra.play.quick import quick_days

    jobs = _jobs(cloud.package, only)
    if days is None and until is None:
        last = first + timedelta(days=quick_days([one.schedules for one in jobs if one.job.enabled], first))
    reads = MOST_LOOKS if clock_reads is None else clock_reads
    asked = Played(
        cloud.package, jobs, first, last, seed or 0, faults, out, reads, (*(QUOTAS if quotas else ()), *switches)
    )
    return played(asked, as_json=as_json)


def _refuse_with_dry(given: Mapping[str, object]) -> None:
    """Raise UsageError for an option of the played simulation."""
    for option, value in given.items():
        if value is not None:
            raise click.UsageError(
                f"{option} has no meaning with --dry: no handler runs, and nothing is left to chance."
            )


def _span(begin: str | None, days: int | None, until: str | None) -> tuple[datetime, datetime]:
    """Return the span in whole minutes, in UTC. It begins with the next minute unless ``begin`` is given."""
    if days is not None and until is not None:
        raise click.UsageError("Give --days or --until, not both.")
    first = _next_minute(clock.now()) if begin is None else _minute("--from", begin)
    try:
        last = first + timedelta(days=days or YEAR) if until is None else _minute("--until", until)
    except OverflowError:
        raise click.BadParameter("the span does not end within the calendar.", param_hint="--days") from None
    if last <= first:
        why = f"{last:%Y-%m-%d %H:%M} is not after the beginning of the span, {first:%Y-%m-%d %H:%M} UTC."
        raise click.BadParameter(why, param_hint="--until")
    if last - first > timedelta(days=LONGEST):
        raise click.BadParameter(f"the span has more than {LONGEST} days.", param_hint="--until")
    if not EARLIEST <= first.year <= last.year <= LATEST:
        raise click.BadParameter(f"a span lies within the years {EARLIEST} to {LATEST}.", param_hint="--from")
    return first, last


def _minute(option: str, text: str) -> datetime:
    moment = bound_option(option, text, "UTC")
    if moment.second or moment.microsecond:
        raise click.BadParameter(f"{text!r} is no whole minute.", param_hint=option)
    return moment


def _next_minute(moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(minutes=1)


def _jobs(package: str, only: Sequence[str]) -> tuple[DeclaredJob, ...]:
    jobs = declared_jobs(package, clock.now()).jobs
    return tuple({name: named(name, jobs) for name in only}.values()) if only else jobs
