"""The crons that fire at the same times as a ``rate()``. Pure.

AWS refuses a StartDate in the past when a schedule is created, updated or rolled back. So a template cannot contain a
StartDate, and a rate counts from the creation of its schedule.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cronstack.timetable.cron_fields import WEEKDAYS
from cronstack.timetable.expressions import Rate

MOST_CRONS: Final = 4
"""Most crons that a remedy lists."""
_HOUR: Final = 60
_DAY: Final = 1440
_WEEK: Final = 7 * _DAY


def crons_of(rate: Rate, start: datetime | None) -> list[str]:
    """Return the crons in UTC, without their parentheses, that fire at ``start`` and every period after it.

    Return an empty list if more than MOST_CRONS are needed. The seconds of ``start`` are dropped: a cron has none.
    """
    period = rate.seconds // 60
    since = datetime(1970, 1, 1, tzinfo=UTC) if start is None else start.astimezone(UTC)
    minute, hour = since.minute, since.hour
    if _HOUR % period == 0:
        return [f"{_every(minute % period, period, _HOUR)} * * * ? *"]
    if period == _WEEK:
        return [f"{minute} {hour} ? * {WEEKDAYS[since.isoweekday() % 7]} *"]
    if _DAY % period != 0:
        return []
    hours: dict[int, list[int]] = {}
    first = hour * _HOUR + minute
    for at in sorted((first + step) % _DAY for step in range(0, _DAY, period)):
        hours.setdefault(at % _HOUR, []).append(at // _HOUR)
    if len(hours) > MOST_CRONS:
        return []
    return [f"{minute} {_listed(listed)} * * ? *" for minute, listed in sorted(hours.items())]


def remedy(rate: Rate, start: datetime | None) -> str:
    """Return the declaration that replaces a rate, or why no declaration does."""
    found = crons_of(rate, start)
    if not found:
        return f"{_why_none(rate)} Use another period, or remove start: the rate then counts from its deployment."
    since = "" if start is None else f", start=datetime.fromisoformat({start.isoformat()!r})"
    crons = [f'cron("{fields}", timezone="UTC"{since})' for fields in found]
    return f"Write {crons[0] if len(crons) == 1 else '[' + ', '.join(crons) + ']'}."


def instead(rate: Rate) -> str:
    """Return the crons with the period of a rate without a start, or why no crons have it."""
    found = crons_of(rate, None)
    if not found:
        return _why_none(rate)
    crons = [f'cron("{fields}", timezone="UTC")' for fields in found]
    return f"A cron keeps its times: {' and '.join(crons)}."


def _why_none(rate: Rate) -> str:
    if _DAY % (rate.seconds // 60):
        return f"No cron has its times, because a day is not a multiple of {rate}."
    return f"No short list of crons has its times: {rate} would take more than {MOST_CRONS}."


def _every(first: int, step: int, size: int) -> str:
    """Return a cron field for ``first`` and each ``step`` after it, up to ``size``."""
    if step == size:
        return str(first)
    return "*" if step == 1 else f"{first}/{step}"


def _listed(values: list[int]) -> str:
    """Return the hours of a day as a cron field."""
    if len(values) == 1:
        return str(values[0])
    step = values[1] - values[0]
    regular = values == list(range(values[0], 24, step))
    return _every(values[0], step, 24) if regular else ",".join(map(str, values))
