"""Times and lengths of time as the page shows them: in UTC, and in the zone of the job. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cronstack.timetable.zones import zone

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def both(moment: datetime, timezone: str) -> str:
    """Return "2026-03-29 04:00 UTC (06:00 CEST)"; only the first part for a job in UTC."""
    text = f"{moment:%Y-%m-%d} {clock_time(moment)} UTC"
    if timezone == "UTC":
        return text
    there = moment.astimezone(zone(timezone))
    day = "" if there.date() == moment.date() else f"{there:%Y-%m-%d} "
    return f"{text} ({day}{clock_time(there)} {there:%Z})"


def clock_time(moment: datetime) -> str:
    """Return "06:00", or "06:00:05" with seconds."""
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def span(length: timedelta) -> str:
    """Return a length in its two largest units: "3d 4h", "12min 4s"; "0s" below a second."""
    seconds = max(0, length // timedelta(seconds=1))
    for number, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            count, rest = divmod(seconds, size)
            smaller = _UNITS[number + 1] if number + 1 < len(_UNITS) else None
            more = rest // smaller[1] if smaller else 0
            return f"{count}{unit}" + (f" {more}{smaller[0]}" if smaller and more else "")
    return "0s"
