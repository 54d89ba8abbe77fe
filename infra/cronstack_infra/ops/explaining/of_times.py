"""Decide about a time without a run: by the deployed schedules, the dead letters and the carriers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack.defaults import DEFAULTS
from cronstack.occurrence import scheduled_id, split_generation, to_datetime, to_milliseconds
from cronstack.timetable.expressions import Cron, Rate
from cronstack.timetable.instants import Schedule, parse
from cronstack.timetable.zones import zone
from cronstack_infra.ops.explaining.asking import ulid_time
from cronstack_infra.ops.explaining.facts import Facts, ScheduleSeen
from cronstack_infra.ops.explaining.of_runs import late_after, paused, start_deadline
from cronstack_infra.ops.explaining.verdict import Cause, Verdict

RETENTION: Final = timedelta(seconds=DEFAULTS.retention)
_MICROSECOND: Final = timedelta(microseconds=1)


def of_time(facts: Facts) -> Verdict:
    """Return the verdict on an occurrence without a run and without a plan."""
    asked = facts.question
    if asked.at is None:
        return _without_row(facts)
    due = [seen for seen in facts.schedules if fires(seen, asked.at)]
    cause, more = _due(facts, asked.at, due) if due else _not_due(facts, asked.at)
    expressions = {"schedules": tuple(described(seen) for seen in due or facts.schedules)}
    return Verdict(cause, asked.occurrence if due else "", asked.at, "", expressions | more)


def fires(seen: ScheduleSeen, at: datetime) -> bool:
    """Return whether a schedule is due at an instant. A rate counts only if its instants are fixed."""
    schedule = seen.deployed.schedule
    return schedule.has_grid and schedule.has(at)


def in_window(schedules: Iterable[ScheduleSeen], at: datetime) -> datetime | None:
    """Return the instant whose flexible window contains ``at``; None if no schedule has such a window."""
    for seen in schedules:
        schedule = seen.deployed.schedule
        if not schedule.window or not schedule.has_grid:
            continue
        last = next(iter(schedule.before(at + _MICROSECOND)), None)
        if last is not None and last < at <= last + timedelta(minutes=schedule.window):
            return last
    return None


def described(seen: ScheduleSeen) -> str:
    """Return "cron(0 6 * * ? *) Europe/Berlin"."""
    schedule = seen.deployed.schedule
    return schedule.expression if schedule.kind == "rate" else f"{schedule.expression} {schedule.timezone}"


def _without_row(facts: Facts) -> Verdict:
    occurrence = facts.question.occurrence
    base = split_generation(occurrence)[0]
    at = to_datetime(ulid_time(base)) if base.startswith("m-") else None
    old = at is not None and facts.now - at > RETENTION
    return Verdict(Cause.TOO_OLD if old else Cause.NO_ROW, occurrence, at, "", {"key": facts.question.key})


# -- due ---------------------------------------------------------------------------------------------------------------
def _due(facts: Facts, at: datetime, due: list[ScheduleSeen]) -> tuple[Cause, dict[str, Any]]:
    """Decide about a time at which schedules of the job are due. No row of it exists."""
    enabled = [seen for seen in due if seen.deployed.enabled]
    if at > facts.now:
        return _ahead(facts, bool(enabled))
    if facts.letters:
        letter = facts.letters[0]
        more = {"error": letter.contents.error, "reason": letter.reason, "letter": letter.id, "since": letter.since}
        return (Cause.UNDELIVERED if letter.contents.origin == "delivery" else Cause.REFUSED), more
    if facts.carriers:
        deferred = [end.reason for end in facts.logged.ends if end.status == "deferred"]
        reason = deferred[-1] if deferred else None
        return Cause.DEFERRED, {"carrier": facts.carriers[0].due, "reason": reason, "until": start_deadline(facts, at)}
    if facts.now - at > RETENTION:
        return Cause.TOO_OLD, {"retention": RETENTION.days}
    until = start_deadline(facts, at)
    if enabled and facts.now <= at + _patience(facts, enabled):
        return Cause.DUE_NOW, {"until": until}
    if all(seen.changed is not None and seen.changed > at for seen in due):
        changed = max(seen.changed for seen in due if seen.changed is not None)
        existed = any(seen.created is not None and seen.created <= at for seen in due)
        return Cause.CHANGED_SINCE, {"changed": changed, "existed": existed}
    if not enabled:
        return Cause.DISABLED, {"schedule": due[0].deployed.name, "changed": due[0].changed}
    return Cause.NEVER_ARRIVED, {"until": until if until > facts.now else None, "schedule": enabled[0].deployed.name}


def _ahead(facts: Facts, enabled: bool) -> tuple[Cause, dict[str, Any]]:
    if not enabled:
        return Cause.FUTURE_DISABLED, {"declared": facts.declared is not None and not facts.declared.enabled}
    if facts.pause is not None:
        return Cause.FUTURE_PAUSED, paused(facts)
    return Cause.FUTURE, {}


def _patience(facts: Facts, due: list[ScheduleSeen]) -> timedelta:
    """Return the time after which an occurrence that has not arrived is late: its window, and ``late_after``."""
    minutes = max(seen.deployed.schedule.window for seen in due)
    return timedelta(minutes=minutes, seconds=late_after(facts))


# -- not due -----------------------------------------------------------------------------------------------------------
def _not_due(facts: Facts, at: datetime) -> tuple[Cause, dict[str, Any]]:
    if facts.keys:
        return Cause.SEVERAL, {"keys": facts.keys}
    if not facts.schedules:
        return Cause.NO_SCHEDULE, {"by_code": facts.declared is not None and facts.declared.by_code}
    near = nearest(facts.schedules, at)
    for seen in facts.schedules:
        schedule = seen.deployed.schedule
        if schedule.kind == "cron" and _unbounded(schedule).has(at):
            if schedule.start is not None and at < schedule.start:
                return Cause.BEFORE_START, {"start": schedule.start} | near
            return Cause.AFTER_END, {"end": schedule.end} | near
    if facts.question.skipped and any(_has_wall(seen.deployed.schedule, facts) for seen in facts.schedules):
        return Cause.CLOCKS_SKIP, near
    if (first := _first_pass(facts.schedules, at)) is not None:
        return Cause.SECOND_PASS, {"first_pass": first, "other": scheduled_id(to_milliseconds(first))} | near
    if any(not seen.deployed.schedule.has_grid for seen in facts.schedules):
        return Cause.RATE, near | _around(facts)
    return Cause.NOT_DUE, near


def nearest(schedules: Iterable[ScheduleSeen], at: datetime) -> dict[str, datetime | None]:
    """Return the last instant before ``at`` and the next one after it, of all schedules with fixed instants."""
    grids = [seen.deployed.schedule for seen in schedules if seen.deployed.schedule.has_grid]
    before = [found for schedule in grids for found in _one(schedule.before(at))]
    after = [found for schedule in grids for found in _one(schedule.after(at))]
    return {"before": max(before, default=None), "next": min(after, default=None)}


def _one(instants: Iterable[datetime]) -> list[datetime]:
    return [instant for instant in [next(iter(instants), None)] if instant is not None]


def _unbounded(schedule: Schedule) -> Schedule:
    return parse(schedule.expression, timezone=schedule.timezone)


def _has_wall(schedule: Schedule, facts: Facts) -> bool:
    """Return whether a cron names the local time that the clocks of its zone have skipped."""
    wall = datetime.fromisoformat(facts.question.text)
    return isinstance(schedule.value, Cron) and schedule.timezone == facts.question.zone and schedule.value.has(wall)


def _first_pass(schedules: Iterable[ScheduleSeen], at: datetime) -> datetime | None:
    """Return the first pass of the local time of ``at``, if ``at`` is the second one and a schedule fires then."""
    for seen in schedules:
        wall = at.astimezone(zone(seen.deployed.schedule.timezone))
        first = wall.replace(fold=0).astimezone(UTC)
        if wall.fold and first != at and fires(seen, first):
            return first
    return None


def _around(facts: Facts) -> dict[str, Any]:
    """Return the runs before and after a time, for a rate, whose instants only Scheduler knows.

    "missing": how many firings fit between them, by the shortest period of the job.
    """
    runs = {"run_before": facts.before, "run_after": facts.after}
    dues: dict[str, Any] = {name: to_datetime(run.due) for name, run in runs.items() if run is not None}
    values = [seen.deployed.schedule.value for seen in facts.schedules]
    period = min(value.seconds for value in values if isinstance(value, Rate))
    until = dues.get("run_after", facts.now)
    if "run_before" in dues:
        gap = (until - dues["run_before"]).total_seconds()
        dues["missing"] = max(0, round(gap / period) - 1) if "run_after" in dues else max(0, int(gap / period - 0.1))
    return dues
