"""Time zones by their IANA names. "UTC" costs nothing; any other loads zoneinfo.

Refused besides unknown names: what a machine's zone folder holds but AWS does not mean (``localtime``,
``posixrules``, ``posix/…``, ``right/…`` with its leap seconds), paths, and anything that is not text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from cronstack.errors import ScheduleError

LONGEST: Final = 50
"""Characters EventBridge Scheduler allows in a zone's name."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_NOT_ZONES: Final = ("Factory", "localtime", "posixrules")
_NOT_FOLDERS: Final = ("posix/", "right/")
_RESOLUTION: Final = timedelta(microseconds=1)


def zone(name: str) -> tzinfo:
    """The zone of that name; exactly ``datetime.UTC`` for "UTC". Raises ScheduleError, whatever it is given."""
    if not isinstance(name, str):
        raise ScheduleError(
            f"a time zone is given by its name, not as {type(name).__name__}", remedy='For example "Europe/Berlin".'
        )
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    if _NAME.fullmatch(name) and len(name) <= LONGEST and name not in _NOT_ZONES and not name.startswith(_NOT_FOLDERS):
        try:
            return ZoneInfo(name)
        except Exception:  # zoneinfo lets through whatever reading such a file may raise
            pass
    raise ScheduleError(f"there is no time zone {name[:60]!r}", remedy=_nearest(name))


class Readings(NamedTuple):
    """The instants that one local time can mean. They differ only where the clocks of the zone change."""

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
    """Return the instant at which a span ends whose end is an aware datetime, in UTC.

    For a local time that the clocks skip, that is the instant of the change: the clocks show an earlier time before
    it and a later time from it on. For a local time that they show twice, ``fold`` decides, as everywhere in Python.
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
    """What may have been meant."""
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = {zone.lower(): zone for zone in sorted(available_timezones() - set(_NOT_ZONES))}
    wanted = name[:LONGEST].lower().replace(" ", "_")
    city = [zone for zone in known.values() if zone.lower().rpartition("/")[2] == wanted]
    meant = city or [known[near] for near in get_close_matches(wanted, known, n=3, cutoff=0.7)]
    if meant:
        return f"Did you mean {' or '.join(meant[:3])}?"
    return 'Use a name of the IANA database, such as "Europe/Berlin" or "UTC".'
