"""The instants of a schedule that fire after the clock jumped ahead. Pure.

The clock jumps when the machine slept or its clock was set. Only the latest instant fires. All missed instants
together could start hundreds of runs at once, and the next regular instant covers the work of the older ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cronstack.timetable.instants import Schedule

JUMP: Final = timedelta(seconds=60)
"""A clock that moves by this much between two readings has jumped. No two instants of a schedule are closer."""
MAX_COUNTED: Final = 10_000
_MOMENT: Final = timedelta(microseconds=1)


class Passed(NamedTuple):
    """The instants that do not fire."""

    number: int
    """At most ``MAX_COUNTED``; the real number may then be higher."""
    first: datetime
    last: datetime


def latest(timetable: Schedule, pending: datetime, now: datetime) -> tuple[datetime, Passed | None]:
    """Return the latest instant from ``pending`` up to ``now``, and the instants before it that are skipped."""
    chosen = next(timetable.before(now + _MOMENT), pending)
    if chosen <= pending:
        return pending, None
    count = 1
    for instant in timetable.after(pending):
        if instant >= chosen or count == MAX_COUNTED:
            break
        count += 1
    return chosen, Passed(count, pending, next(timetable.before(chosen)))
