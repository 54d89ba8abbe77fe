"""``cronstack simulate --dry``: the results of the what-if as tables, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import ceil
from typing import Any, Final

import click

from cronstack import clock
from cronstack_infra.cli.commands.simulate import dry_changes
from cronstack_infra.cli.commands.simulate.durations import cases, cut_note
from cronstack_infra.cli.options.clouds import Cloud
from cronstack_infra.cli.output.spans import iso, utc
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.discovery.meetings import meetings
from cronstack_infra.play.dry.minutes import Span
from cronstack_infra.play.dry.whatif import LIMIT, Case, Crowd, Peak, Planned, SelfOverlap, WhatIf, what_if
from cronstack_infra.play.dry.windows import Spread
from cronstack_infra.plural import counted

PATIENCE: Final = 1.0
"""Seconds after which a progress bar is shown."""
SHOWN: Final = 20
"""Lines of a table; ``--json`` has them all."""
NAMED: Final = 4
"""Jobs that a line names."""


def dry_run(
    cloud: Cloud,
    declared: Sequence[DeclaredJob],
    first: datetime,
    last: datetime,
    durations: Sequence[str],
    *,
    as_json: bool,
) -> int:
    """Compute the what-if of the declared jobs and print it. Return the exit code."""
    jobs = [planned(each) for each in declared if each.job.enabled and each.schedules]
    of_lengths = cases(cloud, durations, [each.name for each in declared])
    if note := cut_note(of_lengths, jobs):
        click.echo(f"Note: {note}", err=True)
    with _progress() as told:
        answers = what_if(jobs, Span(first, last), of_lengths, told=told)
    if as_json:
        print_json(as_object(answers, jobs, declared, of_lengths))
    else:
        _show(answers, jobs, declared, of_lengths)
    return 0


def planned(declared: DeclaredJob) -> Planned:
    of = declared.job
    return Planned(declared.name, declared.schedules, of.overlap, of.timeout, of.start_deadline)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a function that moves a bar on stderr. The bar appears if the work takes long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    bar, began = progress.add_task("jobs"), clock.monotonic()

    def told(done: int, of: int) -> None:
        if not progress.live.is_started and clock.monotonic() - began > PATIENCE:
            progress.start()
        progress.update(bar, completed=done, total=of)

    try:
        yield told
    finally:
        if progress.live.is_started:
            progress.stop()


def _show(
    answers: WhatIf, jobs: Sequence[Planned], declared: Sequence[DeclaredJob], of_lengths: Sequence[Case]
) -> None:
    span, total = answers.span, sum(answers.firings.values())
    click.echo(f"{utc(span.first)} to {utc(span.last)} UTC: {counted(len(jobs), 'job')}, {counted(total, 'firing')}.")
    for why, names in _left_out(declared):
        click.echo(f"Not counted, {why}: {_some(names)}.")
    if vague := [job.name for job in jobs if not all(schedule.has_grid for schedule in job.schedules)]:
        click.echo(f"A rate counts from the beginning of the span: {_some(vague)}.")
    for job in jobs:
        for met in meetings(job.schedules, span):
            both = f"{met.first.expression} and {met.second.expression}"
            click.echo(f"{job.name}: {both} are due together {counted(met.instants, 'time')}: one run serves both.")
    click.echo(f"Runs last {_meant(of_lengths)}")
    _show_overlaps(answers.overlaps)
    _show_crowds(answers.crowds)
    _show_spread(answers.spread)
    _show_peaks(answers.peaks)
    dry_changes.show(answers)


def _meant(of_lengths: Sequence[Case]) -> str:
    return {
        "timeout": "their job's timeout, the longest they can; --durations says otherwise.",
        "given": "as given by --durations; where nothing is given, their job's timeout.",
    }.get(of_lengths[0].name, "as the ledger has them: the median, and the 99th percentile (p99).")


def _show_overlaps(overlaps: Sequence[SelfOverlap]) -> None:
    _title("Due while the job still runs")
    if not overlaps:
        click.echo("None: no job overlaps itself.")
        return
    worst = sorted(overlaps, key=lambda each: (-each.played.overlapping, each.job))
    columns = ("job", "lasts", "firings", "while it runs", "first (UTC)", "overlap", "so")
    print_table(columns, [_overlap_row(each) for each in worst[:SHOWN]])
    _and_more(len(worst) - SHOWN)


def _overlap_row(each: SelfOverlap) -> tuple[str, ...]:
    lasts = f"{each.seconds:g} s" + (f" ({each.case})" if each.case in ("median", "p99") else "")
    counts = (f"{each.firings:,}", f"{each.played.overlapping:,}")
    return (each.job, lasts, *counts, utc(each.first), each.overlap, _so(each))


def _so(each: SelfOverlap) -> str:
    if each.overlap == "allow":
        return f"up to {each.played.together} side by side"
    missed = f" ({each.played.missed:,} of them missed)" if each.played.missed else ""
    parts = ((each.played.buffered, f"buffered{missed}"), (each.played.skipped, "skipped"))
    return ", ".join(f"{count:,} {what}" for count, what in parts if count)


def _show_crowds(crowds: Sequence[Crowd]) -> None:
    _title("Crowded minutes")
    if not crowds:
        click.echo("None: no two jobs start in the same minute.")
        return
    columns = ("starts", "at (UTC)", "on days", "first", "jobs then")
    rows = [(f"{c.starts:,}", f"{c.first:%H:%M}", f"{c.days:,}", f"{c.first:%Y-%m-%d}", _some(c.jobs)) for c in crowds]
    print_table(columns, rows)


def _show_spread(spread: Spread | None) -> None:
    if spread is None:
        return
    _title("Flexible windows")
    evenly = ceil(spread.evenly * 10) / 10
    click.echo(
        f"Most starts in a minute: {spread.without:,} without the windows, at {utc(spread.without_at)} UTC; "
        f"{evenly:,g} with them, at {utc(spread.evenly_at)} UTC, if Scheduler spreads them evenly."
    )
    click.echo("Scheduler promises the window and no even spread. The tables here count every start at its instant.")


def _show_peaks(peaks: Sequence[Peak]) -> None:
    _title("Runs at once")
    for peak in peaks:
        which = f" ({peak.case})" if len(peaks) > 1 else ""
        if peak.first is None:
            click.echo(f"0{which}: nothing fires.")
            continue
        enough = (
            f"beyond it for {counted(peak.beyond, 'minute')}: raise the quota, or spread the jobs"
            if peak.beyond
            else "which is enough if nothing else runs there"
        )
        click.echo(
            f"{peak.runs:,}{which} at most, in {counted(peak.minutes, 'minute')}, first at {utc(peak.first)} UTC. "
            f"Lambda's default limit is {LIMIT:,} for an account in a region, {enough}."
        )


def as_object(
    answers: WhatIf, jobs: Sequence[Planned], declared: Sequence[DeclaredJob], of_lengths: Sequence[Case]
) -> dict[str, Any]:
    """Return all results as JSON values."""
    return {
        "from": iso(answers.span.first),
        "until": iso(answers.span.last),
        "jobs": [
            {
                "job": job.name,
                "firings": answers.firings[job.name],
                "seconds": {case.name: case.lasts(job) for case in of_lengths},
                "counted_from": None if all(s.has_grid for s in job.schedules) else iso(answers.span.first),
                "due_together": sum(met.instants for met in meetings(job.schedules, answers.span)),
            }
            for job in jobs
        ],
        "not_counted": {name: why for why, names in _left_out(declared) for name in names},
        "overlaps": [
            {
                "job": each.job,
                "durations": each.case,
                "seconds": each.seconds,
                "firings": each.firings,
                "while_running": each.played.overlapping,
                "first": iso(each.first),
                "overlap": each.overlap,
                "skipped": each.played.skipped,
                "buffered": each.played.buffered,
                "missed": each.played.missed,
                "side_by_side": each.played.together,
            }
            for each in answers.overlaps
        ],
        "crowded": [
            {"starts": c.starts, "at": f"{c.first:%H:%M}", "days": c.days, "first": iso(c.first), "jobs": list(c.jobs)}
            for c in answers.crowds
        ],
        "windows": None if answers.spread is None else _spread_object(answers.spread),
        "concurrency": [
            {
                "durations": peak.case,
                "runs": peak.runs,
                "first": iso(peak.first),
                "minutes": peak.minutes,
                "limit": LIMIT,
                "minutes_beyond_limit": peak.beyond,
            }
            for peak in answers.peaks
        ],
        "changes": dry_changes.as_objects(answers),
    }


def _spread_object(spread: Spread) -> dict[str, Any]:
    return {
        "starts_without": spread.without,
        "first_without": iso(spread.without_at),
        "starts_evenly": round(spread.evenly, 3),
        "first_evenly": iso(spread.evenly_at),
    }


def _left_out(declared: Sequence[DeclaredJob]) -> Iterator[tuple[str, list[str]]]:
    paused = [each.name for each in declared if each.schedules and not each.job.enabled]
    triggered = [each.name for each in declared if not each.schedules]
    if paused:
        yield "paused", paused
    if triggered:
        yield "run only when triggered", triggered


def _title(text: str) -> None:
    click.echo(f"\n{click.style(text, underline=True)}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _and_more(number: int) -> None:
    if number > 0:
        click.echo(f"... and {number} more; --job J or --json shows them.")
