"""Time zones by their IANA names. Any name but "UTC" imports zoneinfo.

Refused in addition to unknown names: files of a machine's zone folder that are not zones of AWS (``localtime``,
``posixrules``, ``posix/…``, ``right/…`` with its leap seconds), paths, and any value but text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from cronstack.errors import ScheduleError

LONGEST: Final = 50
"""Most characters of a zone's name in EventBridge Scheduler."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_NOT_ZONES: Final = ("Factory", "localtime", "posixrules")
_NOT_FOLDERS: Final = ("posix/", "right/")
_OFFSET = re.compile(r"(?:utc|gmt|etc/utc)?_?(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?", re.ASCII)
_MOST_EAST: Final = 14
_MOST_WEST: Final = 12
"""Hours of the zones in Etc."""
_ABBREVIATIONS: Final = {
    "aedt": "Australia/Sydney",
    "aest": "Australia/Brisbane or Australia/Sydney",
    "akst": "America/Anchorage",
    "bst": "Europe/London",
    "cat": "Africa/Maputo",
    "cdt": "America/Chicago",
    "cest": "Europe/Berlin",
    "cst": "America/Chicago or Asia/Shanghai",
    "eat": "Africa/Nairobi",
    "edt": "America/New_York",
    "eest": "Europe/Helsinki",
    "hkt": "Asia/Hong_Kong",
    "ist": "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "mdt": "America/Denver",
    "mesz": "Europe/Berlin",
    "mez": "Europe/Berlin",
    "msk": "Europe/Moscow",
    "nzdt": "Pacific/Auckland",
    "nzst": "Pacific/Auckland",
    "pdt": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
    "sast": "Africa/Johannesburg",
    "sgt": "Asia/Singapore",
    "west": "Europe/Lisbon",
}
"""Abbreviations that are not names of zones, with the zones that they usually mean."""
_RESOLUTION: Final = timedelta(microseconds=1)


def zone(name: str) -> tzinfo:
    """Return the zone of that name; ``datetime.UTC`` itself for "UTC". Raise ScheduleError for any invalid value."""
    if not isinstance(name, str):
        raise ScheduleError(
            f"a time zone must be its name, not {type(name).__name__}", remedy='For example "Europe/Berlin".'
        )
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    if _NAME.fullmatch(name) and len(name) <= LONGEST and name not in _NOT_ZONES and not name.startswith(_NOT_FOLDERS):
        try:
            return ZoneInfo(name)
        except Exception:  # zoneinfo passes on any exception from reading the file
            pass
    raise ScheduleError(f"there is no time zone {name[:60]!r}", remedy=_nearest(name))


class Readings(NamedTuple):
    """The instants that one local time can mean. They differ only when the clocks of the zone change."""

    earlier: datetime
    """In UTC, as is ``later``."""
    later: datetime
    skipped: bool
    """True: the clocks skip the local time. False: they show it once, or twice if the two instants differ."""


def readings(local: datetime) -> Readings:
    """Return both instants of an aware datetime, whatever its fold. Raise OverflowError beyond the calendar."""
    first, second = local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    return Readings(min(first, second), max(first, second), skipped=first > second)


def bound(local: datetime) -> datetime:
    """Return the instant, in UTC, of an aware datetime that is the bound of a span.

    For a local time that the clocks skip, that is the instant of the change: before it the clocks show an earlier
    time, and after it a later time. For a local time that they show twice, ``fold`` decides, as always in Python.
    """
    meant = readings(local)
    if not meant.skipped:
        return local.astimezone(UTC)
    where, low, high = local.tzinfo, meant.earlier, meant.later
    before = low.astimezone(where).utcoffset()
    while high - low > _RESOLUTION:
        middle = low + (high - low) // 2
        low, high = (middle, high) if middle.astimezone(where).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)


def _nearest(name: str) -> str:
    """Return the remedy for a name that is not a zone: by its meaning if possible, else by similar spelling."""
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = {zone.lower(): zone for zone in sorted(available_timezones() - set(_NOT_ZONES))}
    wanted = name[:LONGEST].strip().lower().replace(" ", "_")
    if wanted in known:
        return f"Did you mean {known[wanted]}?"
    if (offset := _OFFSET.fullmatch(wanted)) is not None:
        return _of_offset(offset)
    if wanted in _ABBREVIATIONS:
        return f"{wanted.upper()} is an abbreviation. Name a city: {_ABBREVIATIONS[wanted]}."
    city = [zone for zone in known.values() if zone.lower().rpartition("/")[2] == wanted]
    meant = city or [known[near] for near in get_close_matches(wanted, known, n=3, cutoff=0.7)]
    if meant:
        return f"Did you mean {' or '.join(meant[:3])}?"
    return 'Use a name of the IANA database, such as "Europe/Berlin" or "UTC".'


def _of_offset(found: re.Match[str]) -> str:
    """Return the remedy for an offset from UTC."""
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    if hours == minutes == 0:
        return 'Did you mean "UTC"?'
    city = 'A city follows the changes of its clocks: "Europe/Berlin".'
    east = found["sign"] == "+"
    if minutes or hours > (_MOST_EAST if east else _MOST_WEST):
        return f"No zone has that offset as its name. {city}"
    inverted = f"Etc/GMT{'-' if east else '+'}{hours}"
    return f'UTC{found["sign"]}{hours} is "{inverted}": the names of Etc have the sign inverted. {city}'
