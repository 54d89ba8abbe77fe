"""Sentences on the changes of one job, for all forms of output. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronstack_infra.changes.compare import JobChange, ScheduleChange
from cronstack_infra.changes.policies import length
from cronstack_infra.changes.sides import JobSide, TimedSchedule
from cronstack_infra.changes.times import Moved, Shift
from cronstack_infra.changes.waiting import Fate
from cronstack_infra.play.dry.changes import changes as clock_changes
from cronstack_infra.play.dry.minutes import Span
from cronstack_infra.plural import counted

COMPARED: Final = 400
"""Most occurrences whose local times are compared, to print one time of day for all."""
_DAY: Final = timedelta(days=1)


def schedule_lines(change: JobChange) -> Iterator[str]:
    """Yield a line for each schedule that differs."""
    only = change.new or change.old
    if change.kind in ("added", "removed") and only is not None:
        sign = "+" if change.kind == "added" else "-"
        if only.job.by_code:
            yield f"{sign} once(): code plans it"
        elif not only.schedules:
            yield f"{sign} without a schedule: it runs when triggered"
    for schedule in change.schedules:
        old, new = schedule.old, schedule.new
        if old is None and new is not None:
            text = f"+ {timetable(new)}"
        elif new is None and old is not None:
            text = f"- {timetable(old)}"
        elif old is not None and new is not None:
            text = timetable(new) if timetable(old) == timetable(new) else f"{timetable(old)} -> {timetable(new)}"
        yield text + (f"; {_restart(schedule)}" if schedule.restarts else "")


def _restart(schedule: ScheduleChange) -> str:
    if schedule.old is None:
        return "it counts from the deployment"
    return "it may restart at the deployment, which AWS does not document; the times below assume that it does"


def timetable(timed: TimedSchedule) -> str:
    """Return "cron(0 6 * * ? *) Europe/Berlin, within 15 min, from 2027-01-01 00:00 UTC, paused"."""
    schedule = timed.schedule
    parts = [schedule.expression if schedule.kind == "rate" else f"{schedule.expression} {schedule.timezone}"]
    if schedule.window:
        parts.append(f"within {schedule.window} min")
    for name, bound in (("from", schedule.start), ("until", schedule.end)):
        if bound is not None:
            parts.append(f"{name} {minute(bound)} UTC")
    if not timed.enabled:
        parts.append("paused")
    return ", ".join(parts)


def time_lines(change: JobChange, span: Span) -> Iterator[str]:
    """Yield the sentences on occurrences: those that move, appear and disappear."""
    times = change.times
    is_all = len(times.shifts) == 1 and not times.same
    yield from (moved(change, shift, is_all=is_all) for shift in times.shifts)
    if times.shifts and not is_all:
        yield from _clock_lines(change, span)
    yield from _window_lines(change)
    for pair in times.again:
        yield (
            f"Deployed now, the job runs at {local(pair.new, change.new)}, although its occurrence of"
            f" {local(pair.old, change.old)} is past."
        )
    for pair in times.lost:
        yield (
            f"Deployed now, the occurrence of {local(pair.old, change.old)} is lost:"
            f" {local(pair.new, change.new)} is past. To run the job: cronstack trigger {change.job}"
        )
    for verb, instants, side in (("appear", times.appear, change.new), ("disappear", times.disappear, change.old)):
        if instants:
            yield f"{counted(len(instants), 'run')} {_verb(instants, verb)}: {_range(instants, side)}."


def moved(change: JobChange, shift: Shift, *, is_all: bool) -> str:
    """Return "30 runs move 1 h later: 06:00 -> 07:00 Europe/Berlin."."""
    pairs, by = shift.moved, shift.by
    how = f"{length(abs(by.total_seconds()))} {'later' if by > timedelta() else 'earlier'}"
    verb = "move" if len(pairs) > 1 else "moves"
    when = "" if is_all else f", {_day(pairs[0].old)} to {_day(pairs[-1].old)}"
    return f"{counted(len(pairs), 'run')} {verb} {how}{when}: {example(change, pairs)}."


def example(change: JobChange, pairs: Sequence[Moved]) -> str:
    """Return the time of day of all pairs, if they have the same; else the first pair."""
    old, new = zone_of(pairs[0].old, change.old), zone_of(pairs[0].new, change.new)
    first_zone = "" if old == new else f" {old}"
    clocks = {
        (f"{pair.old.astimezone(ZoneInfo(old)):%H:%M}", f"{pair.new.astimezone(ZoneInfo(new)):%H:%M}")
        for pair in pairs[:COMPARED]
    }
    if len(clocks) == 1 and len(pairs) <= COMPARED and abs(pairs[0].by) < _DAY:
        ((at_first, at_last),) = clocks
        return f"{at_first}{first_zone} -> {at_last} {new}"
    such = "first " if len(pairs) > 1 else ""
    before, after = (pairs[0].old.astimezone(ZoneInfo(old)), pairs[0].new.astimezone(ZoneInfo(new)))
    if before.date() == after.date():
        return f"{such}{before:%a %Y-%m-%d %H:%M}{first_zone} -> {after:%H:%M} {new}"
    return f"{such}{before:%a %Y-%m-%d %H:%M}{first_zone} -> {after:%a %Y-%m-%d %H:%M} {new}"


def waiting_line(fate: Fate) -> str:
    """Return "3 plans (first 2027-03-02 06:00 UTC) stay planned at their times, ..."."""
    pending = fate.pending
    first = "" if pending.first is None else f", due {_due(pending.first, pending.last)}"
    some = "at least " if pending.at_least else ""
    return f"{some}{pending.count:,} {pending.kind}{first}: {fate.text}"


def local(instant: datetime, side: JobSide | None) -> str:
    """Return an instant in the time zone of the schedule that fires then: "Tue 2027-03-02 06:00 Europe/Berlin"."""
    zone = zone_of(instant, side)
    return f"{instant.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M} {zone}"


def zone_of(instant: datetime, side: JobSide | None) -> str:
    """Return the time zone of the schedule of this side that fires at an instant."""
    for timed in () if side is None else side.schedules:
        if not timed.is_rate and timed.schedule.kind != "rate" and timed.schedule.has(instant):
            return timed.schedule.timezone
    return "UTC"


def minute(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def _verb(instants: Sequence[datetime], verb: str) -> str:
    return verb if len(instants) > 1 else f"{verb}s"


def _window_lines(change: JobChange) -> Iterator[str]:
    """Yield a line for each schedule with another window: it changes starts, not due times."""
    for schedule in change.schedules:
        if schedule.old is None or schedule.new is None:
            continue
        before, after = schedule.old.schedule.window, schedule.new.schedule.window
        if before != after:
            start = f"up to {after} min after its time" if after else "at its time"
            yield f"A run may start {start}; now {f'up to {before} min after it' if before else 'at its time'}."


def _range(instants: Sequence[datetime], side: JobSide | None) -> str:
    first, last = local(instants[0], side), local(instants[-1], side)
    if len(instants) == 1:
        return first
    return f"{first} {'and' if len(instants) == 2 else 'to'} {last}"


def _due(first: datetime, last: datetime | None) -> str:
    until = "" if last is None or last == first else f" to {minute(last)}"
    return f"{minute(first)}{until} UTC"


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"


def _clock_lines(change: JobChange, span: Span) -> Iterator[str]:
    """Yield the clock changes of the zones of changed crons: they explain why not all runs move alike."""
    sides = [timed for schedule in change.schedules for timed in (schedule.old, schedule.new) if timed is not None]
    for zone in dict.fromkeys(timed.schedule.timezone for timed in sides if timed.schedule.kind == "cron"):
        for found in clock_changes(zone, span.first, span.last):
            yield f"The clocks of {zone} change on {_day(found.at)}."
