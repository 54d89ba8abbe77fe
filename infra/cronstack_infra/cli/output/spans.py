"""Lengths of time and instants as text. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronstack.timetable.instants import Schedule

_UNITS: Final = (("year", 365 * 86400), ("day", 86400), ("h", 3600), ("min", 60), ("s", 1))


def span(length: timedelta) -> str:
    """Return a length in its two largest units: "3 years 12 days", "1 day 4h", "12min 4s"; "0s" below a second."""
    seconds = max(0, length // timedelta(seconds=1))
    for number, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            count, rest = divmod(seconds, size)
            smaller = _UNITS[number + 1] if number + 1 < len(_UNITS) else None
            more = rest // smaller[1] if smaller else 0
            return _counted(count, unit) + (f" {_counted(more, smaller[0])}" if smaller and more else "")
    return "0s"


def _counted(count: int, unit: str) -> str:
    if unit in ("year", "day"):
        return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{count}{unit}"


def local(moment: datetime, zone: str) -> str:
    """Return "Sun 2026-03-29 06:00 CEST". Seconds are shown unless they are zero."""
    there = moment.astimezone(ZoneInfo(zone))
    return f"{there:%a} {_minute(there)} {there:%Z}"


def utc(moment: datetime) -> str:
    """Return "2026-03-29 04:00". ``moment`` is in UTC."""
    return _minute(moment)


def with_window(schedule: Schedule) -> str:
    """Return "cron(0 6 * * ? *)", or "cron(0 6 * * ? *) within 15 min"."""
    return f"{schedule.expression} within {schedule.window} min" if schedule.window else schedule.expression


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.second else f"{moment:%Y-%m-%d %H:%M}"


def iso(moment: datetime | None) -> str | None:
    """Return "2026-03-29T04:00:00Z". ``moment`` is in UTC; None stays None."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
