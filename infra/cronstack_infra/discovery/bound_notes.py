"""Notes on schedules with ``start``, ``end`` or ``at()`` that is past. None of them stops a deploy. Pure.

The deployed schedule is always on, and its function ends each event outside the bounds as skipped: that is an
invocation for each, and for an ``at()`` one a year.
"""

from __future__ import annotations

from datetime import datetime

from cronstack.timetable.instants import Schedule


def bound_note(schedule: Schedule, now: datetime) -> str:
    """Return what is past about a schedule, and what it costs. "": nothing."""
    if next(schedule.after(now), None) is None:
        if schedule.kind == "at":
            return "is past and never fires any more; remove it to save one skipped invocation a year"
        if schedule.end is not None and schedule.end <= now:
            return "is past its end and never fires any more; remove it to save a skipped invocation at each instant"
        return "never fires any more"
    if schedule.start is not None and schedule.start <= now:
        return f"has started, at {schedule.start:%Y-%m-%d %H:%M} UTC: you can leave its start out now"
    return ""
