"""Notes on schedules whose ``start``, ``end`` or ``at()`` is past. They do not stop a deploy. Pure.

The deployed schedule is always active. Its function skips each event outside the bounds. That costs an invocation per
event; for an ``at()``, one invocation a year.
"""

from __future__ import annotations

from datetime import datetime

from cronstack.timetable.instants import Schedule


def bound_note(schedule: Schedule, now: datetime) -> str:
    """Return a note on a past bound or time, and its cost. Return "" without one."""
    if next(schedule.after(now), None) is None:
        if schedule.kind == "at":
            return "is past and never fires again; remove it to save one skipped invocation a year"
        if schedule.end is not None and schedule.end <= now:
            return "is past its end and never fires again; remove it to save a skipped invocation at each instant"
        return "never fires again"
    if schedule.start is not None and schedule.start <= now:
        return f"has started, at {schedule.start:%Y-%m-%d %H:%M} UTC: you can remove its start now"
    return ""
