"""Times as operators write them: dates, date-times, and how long ago. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final

from cronstack.errors import OperationError
from cronstack.timetable.zones import Readings, bound, readings, zone

_AGO = re.compile(r"([0-9]{1,6})\s*(s|m|h|d|w)")
_SPAN = re.compile(r"(?:(\d{1,5})w)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?(?:(\d{1,9})m)?(?:(\d{1,10})s)?")
_TIMES: Final = "2013-01-31, 2013-01-31T06:00 or 2013-01-31T06:00:00+01:00"
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_bound(text: str, timezone: str = "UTC") -> datetime:
    """Return the instant, in UTC, at which a span with the bound ``text`` starts or ends.

    "2013-01-01", "2013-01-01T05:00" (both in ``timezone``) or "2013-01-01T05:00:00Z". A date means its first instant.
    A local time that the clocks skip means the instant of the change. Raise OperationError for a local time that the
    clocks show twice: the message has both readings.
    """
    local, is_date = _read(text, timezone)
    try:
        meant = readings(local)
        if is_date or meant.skipped:
            return bound(local)
    except OverflowError:
        raise _no_time(text) from None
    return _only(text, timezone, local, meant)


def read_moment(text: str, timezone: str = "UTC") -> datetime:
    """Return the instant, in UTC, of a time written as for ``read_bound``.

    Raise OperationError for a local time that the clocks skip or show twice: the message has both readings.
    """
    local, _ = _read(text, timezone)
    try:
        meant = readings(local)
    except OverflowError:
        raise _no_time(text) from None
    return _only(text, timezone, local, meant)


def _only(text: str, timezone: str, local: datetime, meant: Readings) -> datetime:
    """Return the only reading of a local time."""
    if meant.earlier == meant.later:
        return meant.earlier
    what = "does not exist" if meant.skipped else "comes twice"
    why = "the clocks skip it" if meant.skipped else "the clocks go back"
    first, second = (each.astimezone(local.tzinfo).isoformat() for each in (meant.earlier, meant.later))
    raise OperationError(f"{text!r} {what} in {timezone}: {why}", remedy=f"Write one of the two: {first} or {second}.")


def _read(text: str, timezone: str) -> tuple[datetime, bool]:
    """Return an aware datetime, and whether ``text`` is a date without a time."""
    stripped = text.strip()
    is_date = len(stripped) == len("2013-01-01")
    try:
        local = datetime.combine(date.fromisoformat(stripped), time()) if is_date else datetime.fromisoformat(stripped)
    except ValueError:
        raise _no_time(text) from None
    return (local if local.tzinfo is not None else local.replace(tzinfo=zone(timezone))), is_date


class _InvalidTime(OperationError):
    """A text that is not a time."""


def _no_time(text: str) -> _InvalidTime:
    return _InvalidTime(f"{text!r} is not a valid time", remedy=f"Write {_TIMES}.")


def read_span(text: str) -> timedelta:
    """Return a span of time: "90s", "15m", "3d", "1d12h". For a start time, the span starts now."""
    match = _SPAN.fullmatch("".join(text.lower().split()))
    try:
        if match is not None and any(match.groups()):
            weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
            return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        pass
    raise OperationError(f"{text!r} is not a valid span of time", remedy="Write 90s, 15m, 3d or 1d12h.")


def read_since(text: str, now: datetime) -> datetime:
    """Return a time in the past: "90m", "12h" or "7d" ago, or a time as for ``read_bound``."""
    ago = _AGO.fullmatch(text.strip().lower())
    try:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else read_bound(text)
    except _InvalidTime as fault:
        raise OperationError(fault.args[0], remedy=f"Write 90m, 12h, 7d, {_TIMES}.") from None
    except OverflowError:
        raise OperationError(
            f"{text!r} is before the earliest possible time", remedy="Write 90m, 12h, 7d, or a date."
        ) from None
