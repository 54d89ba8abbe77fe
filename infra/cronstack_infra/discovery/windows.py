"""The faults of a flexible window. Pure.

A window must be shorter than the shortest time between two instants of its schedule. Otherwise Scheduler could start
the second before the first, and a time could belong to two windows. The start deadline counts from the end of the
window. Both together limit the age of Scheduler's event, which is at most a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from cronstack.declaration import Job, When
from cronstack.timetable.expressions import Cron
from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.play.dry.minutes import Span, firings, spread

LONGEST: Final = 1440
"""Longest window in minutes."""
LONGEST_AGE: Final = 86_400
"""Longest age of an event in seconds: Scheduler's limit."""
_FIRST_YEAR: Final = 2026
"""First of the two years that are checked. It is fixed, so that the result does not depend on the current date."""


def window_faults(job: Job, when: When, *, readable: bool) -> Iterator[tuple[str, str]]:
    """Yield the faults of a schedule's window with remedies. ``readable``: the schedule itself is valid."""
    window = when.window
    if window is None:
        return
    example = f"For example {_code(when, 15)}." if readable else "For example window=15."
    if type(window) is not int:
        yield f"window={window!r} is {type(window).__name__}; it must be a whole number of minutes, 1 to 1440", example
        return
    if not 1 <= window <= LONGEST:
        yield f"window={window} is not within 1 to {LONGEST} minutes (Scheduler's limits)", example
        return
    if readable:
        shortest = shortest_interval(parse(when.expression, timezone=when.timezone or "UTC"))
        if shortest is not None and window >= shortest:
            remedy = "Remove it." if shortest == 1 else f"Use at most {shortest - 1}."
            yield (
                f"window={window} is not shorter than the {shortest} minutes between two runs of {when.expression}",
                remedy,
            )
    if type(job.start_deadline) is int and job.start_deadline <= LONGEST_AGE < job.start_deadline + window * 60:
        yield (
            f"window={window} and start_deadline={job.start_deadline} together are {job.start_deadline + window * 60}"
            f" seconds: the deadline counts from the end of the window, and Scheduler keeps an event for {LONGEST_AGE}",
            f"Use start_deadline={LONGEST_AGE - window * 60} or less, or a shorter window.",
        )


def shortest_interval(schedule: Schedule) -> int | None:
    """Return the minutes between the two closest instants of a cron. Return None for more than ``LONGEST``."""
    cron = schedule.value
    assert isinstance(cron, Cron), "only a cron has a window"
    years = [year for year in cron.years if year >= _FIRST_YEAR] or list(cron.years)
    span = Span(datetime(years[0], 1, 1, tzinfo=UTC), datetime(min(years[0] + 2, 2200), 1, 1, tzinfo=UTC))
    fires = firings(schedule, span, anchor=span.first)
    low, high = 0, LONGEST + 1  # no two instants are ``low`` minutes apart or less; some are at most ``high`` apart
    if not fires & spread(fires << 1, LONGEST):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if fires & spread(fires << 1, middle):
            high = middle
        else:
            low = middle
    return high


def _code(when: When, window: int) -> str:
    return f'{when.expression.replace("(", "(" + chr(34), 1)[:-1]}", timezone="{when.timezone}", window={window})'
