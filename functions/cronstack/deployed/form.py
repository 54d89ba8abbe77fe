"""The form in which a declared schedule is deployed, and its conversion back. Pure.

A template must be deployable at any time, but AWS may refuse a StartDate or an at() in the past, also in an update or
rollback. So the deployed schedule is always active, and an at() becomes a yearly cron in UTC. The job's function skips
events outside the bounds (``cronstack.timetable.bounds``). The Description of the schedule stores the rest:

    at(2026-12-24T18:00:00) Europe/Berlin
    start=2026-01-01T00:00:00+00:00 end=2027-01-01T00:00:00+00:00
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from cronstack.errors import ScheduleError
from cronstack.timetable.expressions import At
from cronstack.timetable.instants import Schedule, parse

_AT: Final = re.compile(r"(?P<at>at\([0-9T:-]+\)) (?P<zone>\S+)")
_BOUND: Final = r"[0-9T:.-]+\+00:00"
_BOUNDS: Final = re.compile(rf"(?:start=(?P<start>{_BOUND}))?(?:(?:^| )end=(?P<end>{_BOUND}))?")


class DeployedForm(NamedTuple):
    """The properties of a deployed schedule that define its times."""

    expression: str
    timezone: str
    description: str | None


def deployed_form(schedule: Schedule) -> DeployedForm:
    """Return the form in which a schedule is deployed."""
    value = schedule.value
    if isinstance(value, At):
        due = schedule.due(value)
        yearly = f"cron({due.minute} {due.hour} {due.day} {due.month} ? *)"
        return DeployedForm(yearly, "UTC", f"{schedule.expression} {schedule.timezone}")
    bounds = (("start", schedule.start), ("end", schedule.end))
    kept = " ".join(f"{name}={bound.isoformat()}" for name, bound in bounds if bound is not None)
    return DeployedForm(schedule.expression, schedule.timezone, kept or None)


def read_schedule(got: Mapping[str, Any]) -> Schedule:
    """Return the declared schedule of a deployed one. ``got`` is the answer of GetSchedule.

    A Description that Cronstack did not write is ignored.
    """
    described, window = str(got.get("Description") or ""), got.get("FlexibleTimeWindow") or {}
    zone = got.get("ScheduleExpressionTimezone") or "UTC"
    deployed = parse(
        got["ScheduleExpression"],
        timezone=zone,
        start=got.get("StartDate"),
        end=got.get("EndDate"),
        window=int(window.get("MaximumWindowInMinutes") or 0),
    )
    try:
        if (at := _AT.fullmatch(described)) is not None:
            declared = parse(at["at"], timezone=at["zone"])
            return declared if deployed_form(declared).expression == deployed.expression else deployed
        if (bounds := _BOUNDS.fullmatch(described)) is not None and described:
            start, end = (datetime.fromisoformat(text) if (text := bounds[name]) else None for name in ("start", "end"))
            return parse(deployed.expression, timezone=zone, start=start, end=end, window=deployed.window)
    except (ScheduleError, ValueError):
        pass
    return deployed
