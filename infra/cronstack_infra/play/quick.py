"""The length of a simulation that takes only seconds, by the number of firings. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from cronstack.timetable.instants import Schedule
from cronstack_infra.play.dry.minutes import Span, firings

QUICK: Final = 11_000
"""Firings that take about ten seconds to play. A job of every minute fires 10,080 times in a week."""
DAYS: Final = (365, 90, 30, 7, 1)


def quick_days(jobs: Collection[Iterable[Schedule]], first: datetime) -> int:
    """Return the longest of DAYS in which the jobs fire at most QUICK times; the shortest if none fits."""
    fitting = (days for days in DAYS if count(jobs, first, first + timedelta(days=days)) <= QUICK)
    return next(fitting, DAYS[-1])


def count(jobs: Iterable[Iterable[Schedule]], first: datetime, last: datetime) -> int:
    """Return the firings from ``first`` to before ``last``. Schedules of a job due in the same minute fire once."""
    span, total = Span(first, last), 0
    for schedules in jobs:
        minutes = 0
        for schedule in schedules:
            minutes |= firings(schedule, span, anchor=first)
        total += minutes.bit_count()
    return total
