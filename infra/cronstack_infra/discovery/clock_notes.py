"""Notes on schedules whose local time a clock change of the next year skips or repeats. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cronstack.timetable.expressions import At, Cron
from cronstack.timetable.instants import Schedule
from cronstack_infra.play.dry.changes import ClockChange, changes
from cronstack_infra.play.dry.effects import Effect, effect

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

YEAR: Final = timedelta(days=366)
"""Period that the notes cover. An at() is checked at any distance."""
_AROUND: Final = timedelta(days=2)
"""More than the largest offset from UTC of any time zone."""
_LISTED: Final = 3
"""Most times that a note lists."""


def clock_notes(jobs: Iterable[DeclaredJob], now: datetime) -> Iterator[str]:
    """Yield the notes on all jobs that are not paused, with file and line."""
    for declared in jobs:
        for schedule in declared.schedules if declared.job.enabled else ():
            note = clock_note(schedule, now)
            if note is not None:
                yield f"{declared.where}: {declared.name}: {note}"


def clock_note(schedule: Schedule, now: datetime) -> str | None:
    """Return how clock changes after ``now`` affect a schedule, with the remedy. Return None if no change does."""
    effects = [
        (change, found) for change in _changes(schedule, now) if (found := _effect(change, schedule)) is not None
    ]
    if not effects:
        return None
    sentences = "; ".join(_sentence(change, found, schedule) for change, found in effects)
    return f"{schedule.expression} ({schedule.timezone}): {sentences}. {_remedy([c for c, _ in effects], schedule)}"


def _changes(schedule: Schedule, now: datetime) -> Sequence[ClockChange]:
    first, last = now, now + YEAR
    if isinstance(schedule.value, At):
        local = schedule.value.local.replace(tzinfo=UTC)
        first, last = max(now, local - _AROUND), local + _AROUND
    return changes(schedule.timezone, first, last) if first < last else ()


def _effect(change: ClockChange, schedule: Schedule) -> Effect | None:
    """Return the effect to report. An hourly cron is unaffected by a skipped hour: its runs stay an hour apart."""
    found = effect(change, schedule)
    if found is None or found.kind == "moved":
        return None
    every_hour = isinstance(schedule.value, Cron) and len(schedule.value.hours) == 24
    return None if every_hour and found.kind == "left out" else found


def _sentence(change: ClockChange, found: Effect, schedule: Schedule) -> str:
    times, day = _times(found.times), f"{found.times[0]:%a %Y-%m-%d}"
    match found.kind:
        case "not at all":
            return f"the clocks skip {times} on {day}, so it does not run that day"
        case "left out":
            return f"the clocks skip {times} on {day}, so it does not run at that time"
        case "shifted":
            return (
                f"the clocks skip {times} on {day}, so it runs at {found.fires[0].astimezone(_zone(schedule)):%H:%M %Z}"
            )
    first = change.at - timedelta(seconds=1)
    return f"{times} occurs twice on {day}, and it runs only the first time ({first.astimezone(_zone(schedule)):%Z})"


def _remedy(changes: Sequence[ClockChange], schedule: Schedule) -> str:
    if isinstance(schedule.value, Cron) and len(schedule.value.hours) == 24:
        return 'For even intervals, use timezone="UTC" or a rate().'
    stretches = sorted({"{:%H:%M} to {:%H:%M}".format(*change.stretch) for change in changes})
    return f'Use a local time outside {" and ".join(stretches)}, or timezone="UTC".'


def _times(times: Sequence[datetime]) -> str:
    shown = [f"{time:%H:%M}" for time in times]
    return ", ".join(shown) if len(shown) <= _LISTED else f"{shown[0]} to {shown[-1]}"


def _zone(schedule: Schedule) -> ZoneInfo:
    return ZoneInfo(schedule.timezone)
