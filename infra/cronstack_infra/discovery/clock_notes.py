"""Notes on schedules whose local time a clock change of the next year skips or repeats. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cronstack.timetable.expressions import At, Cron
from cronstack.timetable.instants import Schedule
from cronstack_infra.play.dry.changes import Change, changes
from cronstack_infra.play.dry.effects import Effect, effect

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

YEAR: Final = timedelta(days=366)
"""How far a note looks ahead. An at() is noted however far it is."""
_AROUND: Final = timedelta(days=2)
"""Longer than the distance between a local time and UTC anywhere."""
_LISTED: Final = 3


def clock_notes(jobs: Iterable[DeclaredJob], now: datetime) -> Iterator[str]:
    """Yield the notes of the declared jobs that are not paused, each with file and line."""
    for declared in jobs:
        for schedule in declared.schedules if declared.job.enabled else ():
            note = clock_note(schedule, now)
            if note is not None:
                yield f"{declared.where}: {declared.name}: {note}"


def clock_note(schedule: Schedule, now: datetime) -> str | None:
    """Return what the clock changes after ``now`` do to a schedule, with the remedy. None: they do nothing."""
    noted = [(change, found) for change in _changes(schedule, now) if (found := _noted(change, schedule)) is not None]
    if not noted:
        return None
    happens = "; ".join(_sentence(change, found, schedule) for change, found in noted)
    return f"{schedule.expression} ({schedule.timezone}): {happens}. {_remedy([c for c, _ in noted], schedule)}"


def _changes(schedule: Schedule, now: datetime) -> Sequence[Change]:
    first, last = now, now + YEAR
    if isinstance(schedule.value, At):
        local = schedule.value.local.replace(tzinfo=UTC)
        first, last = max(now, local - _AROUND), local + _AROUND
    return changes(schedule.timezone, first, last) if first < last else ()


def _noted(change: Change, schedule: Schedule) -> Effect | None:
    """A cron of every hour loses nothing where the clocks skip an hour: its runs stay as far apart as ever."""
    found = effect(change, schedule)
    if found is None or found.kind == "moved":
        return None
    every_hour = isinstance(schedule.value, Cron) and len(schedule.value.hours) == 24
    return None if every_hour and found.kind == "left out" else found


def _sentence(change: Change, found: Effect, schedule: Schedule) -> str:
    times, day = _times(found.times), f"{found.times[0]:%a %Y-%m-%d}"
    match found.kind:
        case "not at all":
            return f"the clocks skip {times} on {day}, so it does not run that day"
        case "left out":
            return f"the clocks skip {times} on {day}, so it leaves that out"
        case "shifted":
            return (
                f"the clocks skip {times} on {day}, so it runs at {found.fires[0].astimezone(_zone(schedule)):%H:%M %Z}"
            )
    first = change.at - timedelta(seconds=1)
    return f"{times} comes twice on {day}, and it runs the first time only ({first.astimezone(_zone(schedule)):%Z})"


def _remedy(noted: Sequence[Change], schedule: Schedule) -> str:
    if isinstance(schedule.value, Cron) and len(schedule.value.hours) == 24:
        return 'For even intervals, take timezone="UTC" or a rate().'
    stretches = sorted({"{:%H:%M} to {:%H:%M}".format(*change.stretch) for change in noted})
    return f'Take a local time outside {" and ".join(stretches)}, or timezone="UTC".'


def _times(times: Sequence[datetime]) -> str:
    shown = [f"{time:%H:%M}" for time in times]
    return ", ".join(shown) if len(shown) <= _LISTED else f"{shown[0]} to {shown[-1]}"


def _zone(schedule: Schedule) -> ZoneInfo:
    return ZoneInfo(schedule.timezone)
