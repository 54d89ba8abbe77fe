"""Translates Unix cron, which EventBridge Scheduler refuses, for an error message: five fields and macros.

The differences: Scheduler has a sixth field for the year; Sunday is 1 (Unix: 0 or 7); one of the two day fields must be
``?``. If both day fields are given, Unix fires on *either* day, which needs two schedules.
"""

from __future__ import annotations

import re
from typing import Final

from cronstack.timetable.cron_fields import WEEKDAYS

_MACROS: Final = {
    "@hourly": "0 * * * ? *",
    "@daily": "0 0 * * ? *",
    "@midnight": "0 0 * * ? *",
    "@weekly": "0 0 ? * SUN *",
    "@monthly": "0 0 1 * ? *",
    "@yearly": "0 0 1 1 ? *",
    "@annually": "0 0 1 1 ? *",
}

_DAY = re.compile(r"(?P<first>\*|[0-7]|[A-Z]{3})(?:-(?P<last>[0-7]|[A-Z]{3}))?(?:/(?P<step>[0-9]{1,2}))?", re.ASCII)


def translate(fields: str) -> tuple[str, ...]:
    """Return the six-field equivalents of five Unix fields or a macro: two if both days are given, () if impossible.

    The result is not validated: the translation of invalid text is invalid.
    """
    if fields.lower() in _MACROS:
        return (_MACROS[fields.lower()],)
    parts = fields.upper().split()
    if len(parts) != 5:
        return ()
    minutes, hours, date, month, weekday = parts
    days = _days(weekday)
    if days is None:
        return ()
    by_date = f"{minutes} {hours} {date} {month} ? *"
    by_weekday = f"{minutes} {hours} ? {month} {days} *"
    if weekday == "*":
        return (by_date,)
    if date == "*":
        return (by_weekday,)
    if "*" in (date[0], weekday[0]):  # with a stepped star, Unix requires both days at once: no equivalent
        return ()
    return (by_date, by_weekday)


def _days(weekday: str) -> str | None:
    """Return the day-of-week field with names. Wrapped ranges and steps, which AWS does not document, become lists."""
    if weekday == "*":
        return "*"
    items = []
    for item in weekday.split(","):
        matched = _DAY.fullmatch(item)
        if matched is None:
            return None
        first, last, step = matched["first"], matched["last"], int(matched["step"] or 1)
        begin, end = (0, 6) if first == "*" else (_number(first), _number(last or first))
        if step == 0 or begin is None or end is None:
            return None
        if last is None and matched["step"] and first != "*":
            end = 6  # "1/2": from there to the end of the week
        if end < begin:
            end += 7
        if step == 1 and begin < end <= 6:
            items.append(f"{WEEKDAYS[begin]}-{WEEKDAYS[end]}")
        else:
            items += [WEEKDAYS[day % 7] for day in range(begin, end + 1, step)]
    return ",".join(dict.fromkeys(items))


def _number(word: str) -> int | None:
    if word.isdigit():
        return int(word)
    return WEEKDAYS.index(word) if word in WEEKDAYS else None
