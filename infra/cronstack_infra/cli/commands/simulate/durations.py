"""The option ``--durations``: lengths of runs, from the user or from the ledger, as cases to compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Final

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.play.dry.whatif import Case, JobTimetable

RUNS: Final = "runs"
_NAMED: Final = 5
"""Most jobs that a note names."""


def cases(cloud: SelectedCloud, given: Sequence[str], jobs: Sequence[str]) -> tuple[Case, ...]:
    """Return one case, or median and p99 if the ledger is read. A length from the user is used in both."""
    by_job: dict[str, float] = {}
    for_all: float | None = None
    from_ledger = False
    for item in _items(given):
        name, equals, number = item.rpartition("=")
        if item == RUNS:
            from_ledger = True
        elif not equals:
            for_all = _seconds(item, for_all is not None)
        elif name not in jobs:
            raise _invalid(f"unknown job {name!r}. {_hint(name, jobs)}")
        else:
            by_job[name] = _seconds(number, name in by_job)
    if from_ledger:
        return _of_ledger(cloud, jobs, by_job, for_all)
    default = {} if for_all is None else dict.fromkeys(jobs, for_all)
    return (Case("given" if given else "timeout", default | by_job),)


def cut_note(length_cases: Sequence[Case], jobs: Sequence[JobTimetable]) -> str:
    """Return a note on jobs whose given length exceeds their timeout, which ends every run. Return "" if none does."""
    cut = {job.name: (case.seconds[job.name], job.timeout) for case in length_cases for job in jobs if case.is_cut(job)}
    shown = [f"{name} ({seconds:g} s, timeout {timeout} s)" for name, (seconds, timeout) in cut.items()]
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return (
        f"counted with the timeout instead, because it is shorter: {', '.join(shown[:_NAMED])}{more}." if shown else ""
    )


def _of_ledger(
    cloud: SelectedCloud, jobs: Sequence[str], by_job: dict[str, float], for_all: float | None
) -> tuple[Case, ...]:
    from cronstack_infra.ops.durations import measured

    known = measured(cloud("dynamodb"), cloud.deployment(), jobs, clock.now())
    if unknown := [job for job in jobs if job not in known and job not in by_job]:
        listed = ", ".join(unknown[:_NAMED]) + (f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else "")
        lasts = "their timeout" if for_all is None else f"{for_all:g} s"
        click.echo(f"Note: the ledger has no successful run of {listed}: counted with {lasts}.", err=True)
    default = {} if for_all is None else dict.fromkeys(jobs, for_all)
    median = {job: lengths.median for job, lengths in known.items()}
    p99 = {job: lengths.p99 for job, lengths in known.items()}
    return (Case("median", default | median | by_job), Case("p99", default | p99 | by_job))


def _items(given: Sequence[str]) -> Iterator[str]:
    for text in given:
        yield from (item.strip() for item in text.split(","))


def _seconds(text: str, twice: bool) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (isfinite(seconds) and seconds > 0):
        raise _invalid(
            f"{text!r} is not a length in seconds. Write 20, JOB=2.5, or runs; separate several with commas."
        )
    if twice:
        raise _invalid(f"the same length is given twice; the second value is {text}.")
    return seconds


def _hint(name: str, jobs: Sequence[str]) -> str:
    near = get_close_matches(name, jobs, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known jobs: {', '.join(jobs) or 'none'}."


def _invalid(reason: str) -> click.BadParameter:
    return click.BadParameter(reason, param_hint="--durations")
