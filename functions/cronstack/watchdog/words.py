"""Times, spans and counts as a notification shows them. Pure."""

from __future__ import annotations

from cronstack.errors import ScheduleError
from cronstack.occurrence import to_datetime
from cronstack.timetable.zones import zone

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def time_in(milliseconds: int, name: str) -> str:
    """Return a time in UTC, and in another zone: "2026-11-30 05:00 UTC (06:00 Europe/Berlin)"."""
    utc = to_datetime(milliseconds)
    text = f"{utc:%Y-%m-%d %H:%M} UTC"
    if name == "UTC":
        return text
    try:
        local = utc.astimezone(zone(name))
    except ScheduleError:  # a zone that only a newer version of Python knows
        return text
    day = "" if local.date() == utc.date() else f"{local:%Y-%m-%d} "
    return f"{text} ({day}{local:%H:%M} {name})"


def short_time(milliseconds: int, name: str) -> str:
    """Return the time for a subject, in the job's zone: "06:00 Europe/Berlin"."""
    try:
        return f"{to_datetime(milliseconds).astimezone(zone(name)):%H:%M} {name}"
    except ScheduleError:
        return f"{to_datetime(milliseconds):%H:%M} UTC"


def span(milliseconds: int) -> str:
    """Return a length of time in its two largest units: "1 hour 5 minutes"."""
    seconds, parts = max(0, milliseconds) // 1000, []
    for size, unit in _UNITS:
        number, rest = divmod(seconds, size)
        if number:
            parts.append(counted(number, unit))
            seconds = rest
        elif parts:
            break
    return " ".join(parts[:2]) or "0 seconds"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def as_ascii(text: str, most: int) -> str:
    """Return the text as SNS accepts it in a subject: printable ASCII, ``most`` characters at most."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in text)
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."
