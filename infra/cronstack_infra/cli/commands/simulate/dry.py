"""``cronstack simulate --dry``: the computed firings and their effects as tables, or as JSON."""

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
from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.cli.output.spans import iso, utc
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.discovery.coincidences import coincidences
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.play.dry.minutes import Span
from cronstack_infra.play.dry.whatif import LIMIT, Case, Crowd, JobTimetable, Peak, SelfOverlap, WhatIf, what_if
from cronstack_infra.play.dry.windows import Spread
from cronstack_infra.plural import counted

PATIENCE: Final = 1.0
"""Seconds before a progress bar is shown."""
SHOWN: Final = 20
"""Most lines of a table; ``--json`` has all."""
NAMED: Final = 4
"""Most jobs that a line names."""


def dry_run(
    cloud: SelectedCloud,
    declared: Sequence[DeclaredJob],
    first: datetime,
    last: datetime,
    durations: Sequence[str],
    *,
    as_json: bool,
) -> int:
    """Compute the what-if of the declared jobs and print it. Return the exit code."""
    jobs = [planned(found) for found in declared if found.job.enabled and found.schedules]
    length_cases = cases(cloud, durations, [found.name for found in declared])
    if note := cut_note(length_cases, jobs):
        click.echo(f"Note: {note}", err=True)
    with _progress() as on_progress:
        answers = what_if(jobs, Span(first, last), length_cases, on_progress=on_progress)
    if as_json:
        print_json(as_object(answers, jobs, declared, length_cases))
    else:
        _show(answers, jobs, declared, length_cases)
    return 0


def planned(declared: DeclaredJob) -> JobTimetable:
    job = declared.job
    return JobTimetable(declared.name, declared.schedules, job.overlap, job.timeout, job.start_deadline)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a progress callback for a bar on stderr. The bar appears if the work takes long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    bar, began = progress.add_task("jobs"), clock.monotonic()

    def on_progress(done: int, total: int) -> None:
        if not progress.live.is_started and clock.monotonic() - began > PATIENCE:
            progress.start()
        progress.update(bar, completed=done, total=total)

    try:
        yield on_progress
    finally:
        if progress.live.is_started:
            progress.stop()


def _show(
    answers: WhatIf, jobs: Sequence[JobTimetable], declared: Sequence[DeclaredJob], length_cases: Sequence[Case]
) -> None:
    span, total = answers.span, sum(answers.firings.values())
    click.echo(f"{utc(span.first)} to {utc(span.last)} UTC: {counted(len(jobs), 'job')}, {counted(total, 'firing')}.")
    for reason, names in _left_out(declared):
        click.echo(f"Not counted, {reason}: {_some(names)}.")
    if rates := [job.name for job in jobs if not all(schedule.has_grid for schedule in job.schedules)]:
        click.echo(f"Rates, counted from the beginning of the span: {_some(rates)}.")
    for job in jobs:
        for coincidence in coincidences(job.schedules, span):
            both = f"{coincidence.first.expression} and {coincidence.second.expression}"
            times = counted(coincidence.instants, "time")
            click.echo(f"{job.name}: {both} are due together {times}. One run serves both.")
    click.echo(f"Runs last {_lengths_used(length_cases)}")
    _show_overlaps(answers.overlaps)
    _show_crowds(answers.crowds)
    _show_spread(answers.spread)
    _show_peaks(answers.peaks)
    dry_changes.show(answers)


def _lengths_used(length_cases: Sequence[Case]) -> str:
    return {
        "timeout": "as long as the timeout of their job. To change it: --durations",
        "given": "as given by --durations; jobs without a value, as long as their timeout.",
    }.get(length_cases[0].name, "as measured in the ledger: the median, and the 99th percentile (p99).")


def _show_overlaps(overlaps: Sequence[SelfOverlap]) -> None:
    _title("Due while the job still runs")
    if not overlaps:
        click.echo("None: no job overlaps itself.")
        return
    worst = sorted(overlaps, key=lambda overlap: (-overlap.played.overlapping, overlap.job))
    columns = ("job", "lasts", "firings", "while it runs", "first (UTC)", "overlap", "so")
    print_table(columns, [_overlap_row(overlap) for overlap in worst[:SHOWN]])
    _and_more(len(worst) - SHOWN)


def _overlap_row(found: SelfOverlap) -> tuple[str, ...]:
    lasts = f"{found.seconds:g} s" + (f" ({found.case})" if found.case in ("median", "p99") else "")
    counts = (f"{found.firings:,}", f"{found.played.overlapping:,}")
    return (found.job, lasts, *counts, utc(found.first), found.overlap, _effect(found))


def _effect(found: SelfOverlap) -> str:
    if found.overlap == "allow":
        return f"up to {found.played.together} side by side"
    missed = f" ({found.played.missed:,} of them missed)" if found.played.missed else ""
    parts = ((found.played.buffered, f"buffered{missed}"), (found.played.skipped, "skipped"))
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
    click.echo("Scheduler guarantees the window, but no even spread. The tables count each start at its instant.")


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
    answers: WhatIf, jobs: Sequence[JobTimetable], declared: Sequence[DeclaredJob], length_cases: Sequence[Case]
) -> dict[str, Any]:
    """Return all results as JSON values."""
    return {
        "from": iso(answers.span.first),
        "until": iso(answers.span.last),
        "jobs": [
            {
                "job": job.name,
                "firings": answers.firings[job.name],
                "seconds": {case.name: case.lasts(job) for case in length_cases},
                "counted_from": None if all(s.has_grid for s in job.schedules) else iso(answers.span.first),
                "due_together": sum(coincidence.instants for coincidence in coincidences(job.schedules, answers.span)),
            }
            for job in jobs
        ],
        "not_counted": {name: reason for reason, names in _left_out(declared) for name in names},
        "overlaps": [
            {
                "job": found.job,
                "durations": found.case,
                "seconds": found.seconds,
                "firings": found.firings,
                "while_running": found.played.overlapping,
                "first": iso(found.first),
                "overlap": found.overlap,
                "skipped": found.played.skipped,
                "buffered": found.played.buffered,
                "missed": found.played.missed,
                "side_by_side": found.played.together,
            }
            for found in answers.overlaps
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
    paused = [found.name for found in declared if found.schedules and not found.job.enabled]
    triggered = [found.name for found in declared if not found.schedules]
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
        click.echo(f"... and {number} more. To see them: --job J, or --json")
