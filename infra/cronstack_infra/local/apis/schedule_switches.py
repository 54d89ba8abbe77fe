"""What the switches make of requests to Scheduler's API. CloudFormation waits and retries by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from moto.scheduler.models import Schedule

from cronstack_infra.local.apis.schedule_checks import SchedulerError
from cronstack_infra.local.engine.chance import chance
from cronstack_infra.switches.settings import Switches


def refuse_by_chance(backend: Any, name: str, switches: Switches) -> None:
    """Raise the error that a CreateSchedule request gets whatever it says. Nothing is carried out then."""
    throttled, conflicts = switches.create_throttled, switches.create_conflicts
    if not throttled and not conflicts:
        return
    count = vars(backend)["asked"] = vars(backend).get("asked", 0) + 1
    if chance(switches.seed, "create throttled", name, count) < throttled:
        raise SchedulerError("ThrottlingException", "Rate exceeded", 429)
    if chance(switches.seed, "create conflicts", name, count) < conflicts:
        text = "Updating or deleting the resource can cause an inconsistent state."
        raise SchedulerError("ConflictException", text, 409)


def note_creation(schedule: Schedule, now: datetime) -> None:
    """Remember when a schedule was created."""
    vars(schedule)["made"] = now


def is_shown(schedule: Schedule, switches: Switches, now: datetime) -> bool:
    """Whether GetSchedule and ListSchedules show a schedule by now."""
    made: datetime | None = vars(schedule).get("made")
    return made is None or not switches.stale_schedules or now - made >= timedelta(seconds=switches.stale_schedules)
