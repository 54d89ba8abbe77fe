"""A slow reference for cron: walks every half minute of UTC, converts it to the wall clock, and matches each field.

It shares no code and no method with the product, which computes from dates to instants. A wall-clock time that the walk
never reaches is in a gap. A wall-clock time that it reaches twice counts at its first pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
LONGEST_CHANGE = timedelta(hours=25)


def cron_instants(fields: str, zone: str, since: datetime, until: datetime) -> list[datetime]:
    """Return the instants of ``cron(fields)`` with since <= instant < until."""
    where = ZoneInfo(zone)
    seen: set[datetime] = set()
    instants = []
    for moment in _walk(since - LONGEST_CHANGE, until, where):
        wall = moment.astimezone(where).replace(tzinfo=None, fold=0)
        if wall.second == 0 and wall not in seen:
            seen.add(wall)
            if moment >= since and matches(fields.upper(), wall):
                instants.append(moment)
    return instants


def _walk(since: datetime, until: datetime, where: ZoneInfo) -> Iterator[datetime]:
    """Yield whole minutes, or half minutes while the zone's offset has half minutes (Monrovia until 1972)."""
    moment = since.replace(second=0, microsecond=0)
    odd = any(edge.astimezone(where).second for edge in (moment, until))
    while moment < until:
        yield moment
        moment += timedelta(seconds=30 if odd else 60)


def matches(fields: str, wall: datetime) -> bool:
    minutes, hours, day, month, weekday, year = fields.split()
    return (
        _in(minutes, wall.minute, 0, 59)
        and _in(hours, wall.hour, 0, 23)
        and _in(month, wall.month, 1, 12, tuple(MONTHS))
        and _in(year, wall.year, 1970, 2199)
        and (_is_weekday(weekday, wall.date()) if day == "?" else _is_day(day, wall.date()))
    )


@lru_cache(100_000)
def _in(text: str, value: int, low: int, high: int, names: tuple[str, ...] = ()) -> bool:
    """Return whether the value is in an item: count from its first to its last value, from ``high`` on to ``low``."""

    def number(word: str) -> int:
        return names.index(word) + low if word in names else int(word)

    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            first, last = str(low), str(high)
        current = number(first)
        end = number(last) if last else (high if step else current)
        counted = 0
        while True:
            if current == value and counted % int(step or 1) == 0:
                return True
            if current == end:
                break
            current = low if current == high else current + 1
            counted += 1
    return False


def _month(day: date) -> list[date]:
    """Return all days of the month."""
    step = timedelta(days=1)
    days = [day.replace(day=1)]
    while (days[-1] + step).month == day.month:
        days.append(days[-1] + step)
    return days


@lru_cache(100_000)
def _is_day(text: str, day: date) -> bool:
    month = _month(day)
    workdays = [each for each in month if each.strftime("%a") not in ("Sat", "Sun")]
    if text == "L":
        return day == month[-1]
    if text == "LW":
        return day == workdays[-1]
    if text.endswith("W"):
        wanted = int(text[:-1])
        return wanted <= len(month) and day == min(workdays, key=lambda each: abs(each.day - wanted))
    return _in(text, day.day, 1, 31)


@lru_cache(100_000)
def _is_weekday(text: str, day: date) -> bool:
    number = int(day.strftime("%w")) + 1
    same = [each for each in _month(day) if each.weekday() == day.weekday()]
    if text == "L":
        return number == 7
    if "#" in text:
        weekday, _, nth = text.partition("#")
        return _in(weekday, number, 1, 7, tuple(WEEKDAYS)) and same.index(day) + 1 == int(nth)
    if text.endswith("L"):
        return _in(text[:-1], number, 1, 7, tuple(WEEKDAYS)) and day == same[-1]
    return _in(text, number, 1, 7, tuple(WEEKDAYS))


def rate_instants(seconds: int, grid: datetime, after: datetime, until: datetime) -> list[datetime]:
    """Return the instants of a rate, counted from the grid's first instant."""
    instants = []
    moment = grid
    while moment < until:
        if moment > after:
            instants.append(moment)
        moment += timedelta(seconds=seconds)
    return instants


def at_instant(wall: datetime, zone: str) -> datetime:
    """Return the first pass of a wall-clock time; in a gap, its instant by the offset before the change."""
    where = ZoneInfo(zone)
    moment = wall.replace(tzinfo=UTC) - timedelta(hours=27)
    before = moment.astimezone(where).utcoffset()
    assert before is not None

    def shown() -> datetime:
        return moment.astimezone(where).replace(tzinfo=None, fold=0)

    while shown() < wall:
        moment += timedelta(seconds=30 if wall - shown() > timedelta(minutes=1) else 1)
    if shown() == wall:
        return moment
    return wall.replace(tzinfo=UTC) - before
