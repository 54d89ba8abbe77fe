"""Instants at which two schedules of a job are due together. Both mean the same occurrence, so it runs once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

from cronstack.timetable.expressions import Rate
from cronstack.timetable.instants import Schedule
from cronstack_infra.play.dry.minutes import Span, firings, lowest
from cronstack_infra.plural import counted

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

YEAR: Final = timedelta(days=366)
"""Period that the notes cover."""
_MINUTE: Final = timedelta(minutes=1)


class Coincidence(NamedTuple):
    """Two schedules of a job that are due together within a span."""

    first: Schedule
    second: Schedule
    instants: int
    next: datetime


def coincidences(schedules: Sequence[Schedule], span: Span) -> Iterator[Coincidence]:
    """Yield each pair of schedules that is due together in the span."""
    known = [(schedule, firings(schedule, span, anchor=span.first)) for schedule in schedules if _is_known(schedule)]
    for (first, bits), (second, others) in combinations(known, 2):
        if together := bits & others:
            yield Coincidence(first, second, together.bit_count(), span.instant(lowest(together)))


def coincidence_notes(jobs: Iterable[DeclaredJob], now: datetime) -> Iterator[str]:
    """Yield the notes on all jobs that are not paused, with file and line."""
    first = now.replace(second=0, microsecond=0) + _MINUTE
    for declared in jobs:
        if declared.job.enabled and len(declared.schedules) > 1:
            for coincidence in coincidences(declared.schedules, Span(first, first + YEAR)):
                times = f"{counted(coincidence.instants, 'time')} in the next year"
                both = f"{coincidence.first.expression} and {coincidence.second.expression}"
                yield (
                    f"{declared.where}: {declared.name}: {both} are due together {times}, next at "
                    f"{coincidence.next:%Y-%m-%d %H:%M} UTC. One run serves both."
                )


def _is_known(schedule: Schedule) -> bool:
    """Return whether the instants are known before the deployment."""
    return not isinstance(schedule.value, Rate)
