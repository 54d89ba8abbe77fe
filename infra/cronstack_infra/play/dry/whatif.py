"""Forecast of a span for the declared jobs, from their timetables and the durations of runs. No handler runs.

It answers: which jobs are due while they still run, and what their policy does then; which minutes are crowded, and how
many runs overlap; what each clock change does to each job. Everything is counted at starts of minutes: Scheduler starts
an occurrence somewhere within its minute, so at worst all at once. Flexible windows are ignored, with two exceptions:
the spread, and jobs that are due while they still run, which may start at the end of their window. Faults and retries
are not played. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Final, NamedTuple

from cronstack.defaults import DEFAULTS, Overlap
from cronstack.timetable.instants import Schedule
from cronstack_infra.play.dry.changes import ClockChange, changes
from cronstack_infra.play.dry.effects import Effect, effect
from cronstack_infra.play.dry.minutes import MINUTES, Span, days_of, fires_in, firings, lowest
from cronstack_infra.play.dry.overlaps import JobRuns, play
from cronstack_infra.play.dry.tally import Tally
from cronstack_infra.play.dry.windows import Spread, spread_of

LIMIT: Final = 1000
"""Lambda's default limit of concurrent executions of an account in a region."""
CROWDED: Final = 10
"""Number of times of day that are listed."""


class JobTimetable(NamedTuple):
    """The properties of a job that the forecast needs."""

    name: str
    schedules: tuple[Schedule, ...]
    overlap: Overlap
    timeout: int
    """Seconds. No run lasts longer."""
    start_deadline: int = DEFAULTS.start_deadline
    """Seconds."""


class Case(NamedTuple):
    """Durations of runs in seconds, by job. A job that is not named lasts its timeout."""

    name: str
    seconds: Mapping[str, float]

    def lasts(self, job: JobTimetable) -> float:
        return min(self.seconds.get(job.name, job.timeout), job.timeout)

    def is_cut(self, job: JobTimetable) -> bool:
        """Return whether the given duration exceeds the timeout of the job."""
        return self.seconds.get(job.name, 0) > job.timeout


class SelfOverlap(NamedTuple):
    """A job that is due while it still runs."""

    case: str
    job: str
    overlap: Overlap
    seconds: float
    firings: int
    first: datetime
    played: JobRuns
    """Its counts, without the timetables."""


class Crowd(NamedTuple):
    """A time of day (UTC) at which many jobs start."""

    starts: int
    first: datetime
    days: int
    """Number of days on which so many start then."""
    jobs: tuple[str, ...]
    """The jobs of the first such day."""


class Peak(NamedTuple):
    """The concurrency that is needed."""

    case: str
    runs: int
    first: datetime | None
    minutes: int
    """Number of minutes in which so many run."""
    beyond: int
    """Number of minutes in which more than LIMIT run."""


class JobEffect(NamedTuple):
    """The effect of a change on one of a job's schedules."""

    job: str
    schedule: Schedule
    effect: Effect


class WhatIf(NamedTuple):
    """The forecast."""

    span: Span
    firings: Mapping[str, int]
    """Firings of each job. Two of its schedules due in the same minute count as one."""
    overlaps: tuple[SelfOverlap, ...]
    crowds: tuple[Crowd, ...]
    peaks: tuple[Peak, ...]
    changes: tuple[tuple[ClockChange, tuple[JobEffect, ...]], ...]
    spread: Spread | None
    """The effect of flexible windows on the fullest minute; None if no job has one."""


Progress = Callable[[int, int], None]
"""Progress callback: steps done, steps in total."""


def what_if(
    jobs: Sequence[JobTimetable], span: Span, cases: Sequence[Case], *, on_progress: Progress | None = None
) -> WhatIf:
    """Return the forecast of a span. A rate without start counts from the span's start, as from a deployment."""
    starts, running = Tally(), [Tally() for _ in cases]
    counts: dict[str, int] = {}
    overlaps: list[SelfOverlap] = []
    windowed: list[tuple[int, int]] = []
    for number, job in enumerate(jobs):
        fires = 0
        for schedule in job.schedules:
            new = firings(schedule, span, anchor=span.first) & ~fires
            fires |= new
            windowed.append((new, schedule.window))
        late = max((schedule.window for schedule in job.schedules), default=0)
        starts.add(fires)
        counts[job.name] = fires.bit_count()
        played: dict[int, JobRuns] = {}
        for case, tally in zip(cases, running, strict=True):
            length = max(1, ceil(case.lasts(job) / 60))
            if length not in played:
                played[length] = _play(job, fires, length)
            # A run that starts at the end of its window is more likely to overlap the next instant.
            longest = played[length] if not late else _play(job, fires, length + late)
            overlaps += _overlap(job, case, longest, span, counts[job.name])
            for each in played[length].running:
                tally.add(each & span.mask)
        if on_progress is not None:
            on_progress(number + 1, len(jobs))
    return WhatIf(
        span,
        counts,
        tuple(overlaps),
        tuple(_crowds(jobs, starts, span)),
        tuple(_peak(case, tally, span) for case, tally in zip(cases, running, strict=True)),
        tuple(_changes(jobs, span)),
        spread_of(windowed, span),
    )


def _play(job: JobTimetable, fires: int, length: int) -> JobRuns:
    late = 60 * max((schedule.window for schedule in job.schedules), default=0)
    return play(fires, length, job.overlap, start_deadline=job.start_deadline + late)


def _overlap(job: JobTimetable, case: Case, played: JobRuns, span: Span, count: int) -> Iterator[SelfOverlap]:
    if played.first is not None:
        first = span.instant(played.first)
        yield SelfOverlap(case.name, job.name, job.overlap, case.lasts(job), count, first, played._replace(running=()))


def _peak(case: Case, tally: Tally, span: Span) -> Peak:
    runs, reach = tally.peak()
    first = span.instant(lowest(reach)) if reach else None
    return Peak(case.name, runs, first, reach.bit_count(), tally.above(LIMIT).bit_count())


def _crowds(jobs: Sequence[JobTimetable], starts: Tally, span: Span) -> Iterator[Crowd]:
    """Yield the times of day with the most starts, each with its highest count."""
    listed = 0
    for count, reach in starts.levels():
        if count < 2:
            return
        days = days_of(reach)
        times = 0
        for of_day in days:
            times |= of_day
        times &= ~listed
        while times:
            time_of_day = lowest(times)
            times, listed = times & (times - 1), listed | 1 << time_of_day
            on = [number for number, of_day in enumerate(days) if of_day >> time_of_day & 1]
            first = span.instant(on[0] * MINUTES + time_of_day)
            yield Crowd(count, first, len(on), _starting(jobs, first, span))
            if listed.bit_count() == CROWDED:
                return


def _starting(jobs: Sequence[JobTimetable], minute: datetime, span: Span) -> tuple[str, ...]:
    return tuple(
        job.name for job in jobs if any(fires_in(minute, schedule, anchor=span.first) for schedule in job.schedules)
    )


def _changes(jobs: Sequence[JobTimetable], span: Span) -> Iterator[tuple[ClockChange, tuple[JobEffect, ...]]]:
    """Yield the clock changes in the span, in order, with their effects."""
    of_zone: dict[str, list[tuple[str, Schedule]]] = {}
    for job in jobs:
        for schedule in job.schedules:
            if schedule.kind != "rate":
                of_zone.setdefault(schedule.timezone, []).append((job.name, schedule))
    in_span = (change for name in of_zone for change in changes(name, span.first, span.last))
    for change in sorted(in_span, key=lambda change: (change.at, change.zone)):
        yield change, tuple(_effects_of(change, of_zone[change.zone], span))


def _effects_of(change: ClockChange, schedules: Sequence[tuple[str, Schedule]], span: Span) -> Iterator[JobEffect]:
    for job, schedule in schedules:
        found = effect(change, schedule)
        if found is not None and (found.kind != "moved" or (found.next is not None and found.next < span.last)):
            yield JobEffect(job, schedule, found)
