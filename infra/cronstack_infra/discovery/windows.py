"""The faults of a flexible window. Pure.

A window must be shorter than the shortest time between two instants of its schedule: else Scheduler could start the
second one before the first, and a time within the window could belong to either. The start deadline counts from the
end of the window, and the two together bound the age of Scheduler's event, which is a day at most.
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
"""Minutes."""
LONGEST_AGE: Final = 86_400
"""Seconds of an event's age, Scheduler's limit."""
_FIRST_YEAR: Final = 2026
"""First year of the two that are looked at. Fixed, so that the answer does not depend on the day of the synth."""


def window_faults(job: Job, when: When, *, readable: bool) -> Iterator[tuple[str, str]]:
    """Yield the faults of a schedule's window with their remedies. ``readable``: the schedule itself has no fault."""
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
            least = "Leave it out." if shortest == 1 else f"Let it be at most {shortest - 1}."
            yield (
                f"window={window} is not shorter than the {shortest} minutes between two runs of {when.expression}",
                least,
            )
    if type(job.start_deadline) is int and job.start_deadline <= LONGEST_AGE < job.start_deadline + window * 60:
        yield (
            f"window={window} and start_deadline={job.start_deadline} together are {job.start_deadline + window * 60}"
            f" seconds: the deadline counts from the end of the window, and Scheduler keeps an event {LONGEST_AGE}",
            f"Let start_deadline be at most {LONGEST_AGE - window * 60}, or the window shorter.",
        )


def shortest_interval(schedule: Schedule) -> int | None:
    """Return the minutes between the two closest instants of a cron. None: more than ``LONGEST``."""
    cron = schedule.value
    assert isinstance(cron, Cron), "only a cron has a window"
    years = [year for year in cron.years if year >= _FIRST_YEAR] or list(cron.years)
    span = Span(datetime(years[0], 1, 1, tzinfo=UTC), datetime(min(years[0] + 2, 2200), 1, 1, tzinfo=UTC))
    fires = firings(schedule, span, anchor=span.first)
    low, high = 0, LONGEST + 1  # closer than ``low`` minutes: none; within ``high``: some
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
