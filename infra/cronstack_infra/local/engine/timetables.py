"""The timetable of a schedule, by Scheduler's rules. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.local.engine.values import ScheduleConfig


def timetable(config: ScheduleConfig, anchor: datetime) -> Schedule:
    bare = parse(config.expression, timezone=config.timezone)
    if bare.kind == "at":
        return bare
    start = config.start
    if start is None and bare.kind == "rate":
        start = anchor
    if start is not None and config.end is not None and config.end <= start:
        start = config.end - timedelta(seconds=1) if config.start is None else start
    return parse(config.expression, timezone=config.timezone, start=start, end=config.end)


def grid(config: ScheduleConfig) -> tuple[str, str, datetime | None]:
    """Return the fields that determine the instants of a rate()."""
    return config.expression, config.timezone, config.start
