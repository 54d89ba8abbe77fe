"""The rules of a time zone as a short digest, so that two machines can compare their time zone data. Pure.

Python's zoneinfo has no list of clock changes, so the offset of each day is compared with that of the day before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Any, Final

from cronstack.deployed.job_metadata import JobMetadata

YEARS: Final = 3
"""Years whose clock changes are compared."""
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
NO_RULES: Final = ("UTC", "Etc/UTC")


def changes(where: tzinfo, first_year: int, years: int = YEARS) -> list[tuple[str, int]]:
    """Return the clock changes of a zone: instants in UTC, and the offset from then on in seconds."""
    moment, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(first_year + years, 1, 1, tzinfo=UTC)
    offset = _offset(where, moment)
    found = [(moment.isoformat(), offset)]
    while moment < end:
        following = moment + _DAY
        if (after := _offset(where, following)) != offset:
            found.append((_instant(where, moment, following).isoformat(), after))
            offset = after
        moment = following
    return found


def digest(where: tzinfo, first_year: int) -> str:
    """Return a digest of the clock changes of a zone."""
    return sha256(json.dumps(changes(where, first_year)).encode()).hexdigest()[:16]


def zones_of(jobs: Iterable[JobMetadata]) -> list[str]:
    """Return the time zones of all schedules whose times depend on rules, sorted."""
    schedules = (schedule for job in jobs for schedule in job.schedules)
    named = {schedule.timezone for schedule in schedules if not schedule.expression.startswith("rate(")}
    return sorted(named.difference(NO_RULES))


def recorded(zones: Mapping[str, tzinfo], first_year: int, source: str) -> dict[str, Any]:
    """Return what a synthesis writes into the template. ``source``: version of its time zone data."""
    return {"year": first_year, "source": source, "zones": {name: digest(zones[name], first_year) for name in zones}}


def _instant(where: tzinfo, before: datetime, after: datetime) -> datetime:
    """Return the first second with the later offset."""
    later = _offset(where, after)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        before, after = (before, middle) if _offset(where, middle) == later else (middle, after)
    return after.replace(microsecond=0)


def _offset(where: tzinfo, moment: datetime) -> int:
    offset = moment.astimezone(where).utcoffset()
    assert offset is not None
    return offset // _SECOND
