"""The changes as JSON values, with each occurrence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from cronstack.occurrence import print_instant
from cronstack_infra.changes.compare import Changes, JobChange
from cronstack_infra.changes.sides import TimedSchedule
from cronstack_infra.changes.times import Moved, Shift
from cronstack_infra.changes.waiting import Fate

LISTED: Final = 1000
"""Most occurrences in one list. Counts are of all."""


def as_object(changes: Changes) -> dict[str, Any]:
    return {
        "stack": changes.stack,
        "deployed": changes.deployed,
        "changes": bool(changes),
        "from": print_instant(changes.span.first),
        "until": print_instant(changes.span.last),
        "same": changes.same,
        "jobs": [_job(change) for change in changes.jobs],
    }


def _job(change: JobChange) -> dict[str, Any]:
    times = change.times
    return {
        "job": change.job,
        "change": change.kind,
        "where": change.where or None,
        "schedules": [
            {"old": _schedule(each.old), "new": _schedule(each.new), "restarts": each.restarts}
            for each in change.schedules
        ],
        "policies": [
            {"name": policy.name, "old": policy.old, "new": policy.new, "effect": policy.effect}
            for policy in change.policies
        ],
        "stay": times.same,
        "move": [_shift(shift) for shift in times.shifts],
        "again": _moved(times.again),
        "lost": _moved(times.lost),
        "appear": _listed(times.appear),
        "disappear": _listed(times.disappear),
        "waiting": [_fate(fate) for fate in change.waiting],
        "notes": list(change.notes),
    }


def _schedule(timed: TimedSchedule | None) -> dict[str, Any] | None:
    if timed is None:
        return None
    schedule = timed.schedule
    return {
        "number": timed.number,
        "expression": schedule.expression,
        "timezone": schedule.timezone,
        "start": None if schedule.start is None else print_instant(schedule.start),
        "end": None if schedule.end is None else print_instant(schedule.end),
        "window": schedule.window or None,
        "enabled": timed.enabled,
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {"seconds": int(shift.by.total_seconds()), "count": len(shift.moved), "occurrences": _moved(shift.moved)}


def _moved(pairs: Iterable[Moved]) -> list[dict[str, str]]:
    return [{"old": print_instant(pair.old), "new": print_instant(pair.new)} for pair in list(pairs)[:LISTED]]


def _listed(instants: tuple[datetime, ...]) -> dict[str, Any]:
    return {"count": len(instants), "occurrences": [print_instant(instant) for instant in instants[:LISTED]]}


def _fate(fate: Fate) -> dict[str, Any]:
    pending = fate.pending
    return {
        "kind": pending.kind,
        "count": pending.count,
        "at_least": pending.at_least,
        "first": None if pending.first is None else print_instant(pending.first),
        "last": None if pending.last is None else print_instant(pending.last),
        "refused": fate.refused,
        "result": fate.text,
    }
