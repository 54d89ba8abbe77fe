"""The effect of switches on requests to Scheduler's API. CloudFormation is not affected: it waits and retries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from moto.scheduler.models import Schedule

from cronstack_infra.local.apis.schedule_checks import SchedulerError
from cronstack_infra.local.engine.chance import chance
from cronstack_infra.switches.settings import Switches


def refuse_by_chance(backend: Any, name: str, switches: Switches) -> None:
    """Raise an error for a random share of CreateSchedule requests, by the switches. The request has no effect then."""
    throttled, conflicts = switches.create_throttled, switches.create_conflicts
    if not throttled and not conflicts:
        return
    count = vars(backend)["create_count"] = vars(backend).get("create_count", 0) + 1
    if chance(switches.seed, "create throttled", name, count) < throttled:
        raise SchedulerError("ThrottlingException", "Rate exceeded", 429)
    if chance(switches.seed, "create conflicts", name, count) < conflicts:
        text = "Updating or deleting the resource can cause an inconsistent state."
        raise SchedulerError("ConflictException", text, 409)


def note_creation(schedule: Schedule, now: datetime) -> None:
    """Store when a schedule was created."""
    vars(schedule)["created_at"] = now


def is_shown(schedule: Schedule, switches: Switches, now: datetime) -> bool:
    """Return whether GetSchedule and ListSchedules already show a schedule."""
    created: datetime | None = vars(schedule).get("created_at")
    age = switches.stale_schedules
    return created is None or not age or now - created >= timedelta(seconds=age)
