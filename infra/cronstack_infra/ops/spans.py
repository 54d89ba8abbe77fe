"""Times as operators write them: dates, date-times, and how long ago. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from cronstack.errors import OperationError
from cronstack.zones import zone

_AGO = re.compile(r"([0-9]{1,6})\s*(s|m|h|d|w)")
_SPAN = re.compile(r"(?:(\d{1,5})w)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?(?:(\d{1,9})m)?(?:(\d{1,10})s)?")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_time(text: str, timezone: str = "UTC") -> datetime:
    """ "2013-01-01", "2013-01-01T05:00" (both in ``timezone``) or "2013-01-01T05:00:00Z", as an instant in UTC."""
    stripped = text.strip()
    try:
        if len(stripped) == 10:
            moment = datetime.combine(date.fromisoformat(stripped), time())
        else:
            moment = datetime.fromisoformat(stripped)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone(timezone))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise OperationError(
            f"{text!r} is no time", remedy="Write 2013-01-31, 2013-01-31T06:00 or 2013-01-31T06:00:00+01:00."
        ) from None


def read_span(text: str) -> timedelta:
    """How long: "90s", "15m", "3d", "1d12h"; from now on, when code is to be started."""
    found = _SPAN.fullmatch("".join(text.lower().split()))
    try:
        if found is not None and any(found.groups()):
            weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        pass
    raise OperationError(f"{text!r} is no span of time", remedy="Write 90s, 15m, 3d or 1d12h.")


def read_since(text: str, now: datetime) -> datetime:
    """How long ago ("90m", "12h", "7d"), or a time as ``read_time`` takes it."""
    ago = _AGO.fullmatch(text.strip().lower())
    try:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else read_time(text)
    except OverflowError:
        raise OperationError(f"{text!r} is before all time", remedy="Write 90m, 12h, 7d, or a date.") from None
