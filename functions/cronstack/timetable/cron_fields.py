"""Parses one field of a cron expression into its values. Pure.

    minutes hours day-of-month month day-of-week year

A field is a list of items. An item is a value, a range, or everything (``*``), each with or without a step. Ranges may
wrap around the end of the field (``22-2``, ``FRI-MON``), except in years. The two day fields also have single words
(``L``, ``LW``, ``15W``, ``6L``, ``3#2``). A day field becomes a ``DayRule``, which returns the days of a month by the
month's length and the weekday of its first day.

If AWS does not document a form, it is accepted when it is in common use, and refused otherwise.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cronstack.errors import ScheduleError

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199

WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SATURDAY: Final = 7


class Field(NamedTuple):
    """The values that a field may have."""

    name: str
    low: int
    high: int
    names: tuple[str, ...]
    longest_step: int
    """The longest step. AWS refuses ``*/60`` minutes; common parsers refuse the same in the other fields."""
    example: str

    @property
    def span(self) -> str:
        words = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.low}-{self.high}{words}"


MINUTES: Final = Field("minutes", 0, 59, (), 59, "0, */15 or 0,30")
HOURS: Final = Field("hours", 0, 23, (), 23, "6, 8-18 or */4")
DAY_OF_MONTH: Final = Field("day-of-month", 1, 31, (), 31, "1, L (the last) or 15W")
MONTH: Final = Field("month", 1, 12, _MONTHS, 12, "*, 1,7 or MAR-OCT")
DAY_OF_WEEK: Final = Field("day-of-week", 1, 7, WEEKDAYS, 0, "MON-FRI, 6L (the last Friday) or 3#2")
YEAR: Final = Field("year", FIRST_YEAR, LAST_YEAR, (), LAST_YEAR - FIRST_YEAR, "* or 2026-2028")
FIELDS: Final = (MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR)

_ITEM = re.compile(r"(?:\*|(?P<first>[0-9]+|[A-Z]+)(?:-(?P<last>[0-9]+|[A-Z]+))?)(?:/(?P<step>[0-9]+))?", re.ASCII)
_NEAREST = re.compile(r"(?P<day>[0-9]+)W", re.ASCII)
_LAST_OF_WEEKDAY = re.compile(r"(?P<weekday>[0-9]+|[A-Z]{3})L", re.ASCII)
_NTH_OF_WEEKDAY = re.compile(r"(?P<weekday>[0-9]+|[A-Z]{3})#(?P<nth>[0-9]+)", re.ASCII)


class DayRule(NamedTuple):
    """A rule for days of a month. ``values``: dates or weekdays (1 = Sunday). ``nth``: for ``nth_weekday`` only."""

    kind: str
    """dates, weekdays, last_day, last_workday, nearest_workday, last_weekday or nth_weekday."""
    values: tuple[int, ...] = ()
    nth: int = 0

    def days(self, first: int, length: int) -> tuple[int, ...]:
        """Return the days of a month of ``length`` days whose 1st is weekday ``first`` (1 = Sunday), in order."""
        match self.kind:
            case "dates":
                return tuple(day for day in self.values if day <= length)
            case "weekdays":
                return tuple(day for day in range(1, length + 1) if _weekday(first, day) in self.values)
            case "last_day":
                return (length,)
            case "last_workday":
                return (_nearest_workday(first, length, length),)
            case "nearest_workday":
                (day,) = self.values
                return (_nearest_workday(first, length, day),) if day <= length else ()
        all_of_weekday = range(1 + (self.values[0] - first) % 7, length + 1, 7)
        if self.kind == "last_weekday":
            return (all_of_weekday[-1],)
        return (all_of_weekday[self.nth - 1],) if self.nth <= len(all_of_weekday) else ()


def _weekday(first: int, day: int) -> int:
    """Return the weekday (1 = Sunday) of ``day`` in a month whose 1st is ``first``."""
    return (first + day - 2) % 7 + 1


def _nearest_workday(first: int, length: int, day: int) -> int:
    """Return the workday (Monday to Friday) closest to ``day`` in the same month."""
    weekday = _weekday(first, day)
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == 1:
        return day + 1 if day < length else day - 2
    return day


def values(text: str, field: Field) -> tuple[int, ...]:
    """Return the values of ``text`` (in upper case), in order."""
    result: set[int] = set()
    for item in text.split(","):
        result.update(_item(item, text, field))
    return tuple(sorted(result))


def day_of_month(text: str) -> DayRule:
    if text == "L":
        return DayRule("last_day")
    if text == "LW":
        return DayRule("last_workday")
    if nearest := _NEAREST.fullmatch(text):
        return DayRule("nearest_workday", (_value(nearest["day"], text, DAY_OF_MONTH),))
    return DayRule("dates", values(text, DAY_OF_MONTH))


def day_of_week(text: str) -> DayRule:
    if text == "L":
        return DayRule("weekdays", (_SATURDAY,))
    if last := _LAST_OF_WEEKDAY.fullmatch(text):
        return DayRule("last_weekday", (_value(last["weekday"], text, DAY_OF_WEEK),))
    if nth := _NTH_OF_WEEKDAY.fullmatch(text):
        number = _number(nth["nth"])
        if not 1 <= number <= 5:
            raise _fault(text, DAY_OF_WEEK, f"a month has no weekday number {nth['nth'][:9]}; it is 1 to 5")
        return DayRule("nth_weekday", (_value(nth["weekday"], text, DAY_OF_WEEK),), number)
    return DayRule("weekdays", values(text, DAY_OF_WEEK))


def _item(item: str, text: str, field: Field) -> range | list[int]:
    """Return the values of one item of a list."""
    matched = _ITEM.fullmatch(item)
    if matched is None:
        raise _fault(text, field, _why_not(item, text, field))
    first, last, step = matched["first"], matched["last"], matched["step"]
    stride = 1 if step is None else _step(step, text, field)
    if first is None:
        return range(field.low, field.high + 1, stride)
    begin = _value(first, text, field)
    if last is None:
        return range(begin, field.high + 1, stride) if step else [begin]
    end = _value(last, text, field)
    if begin <= end:
        return range(begin, end + 1, stride)
    if field is YEAR:
        raise _fault(text, field, f"the range {item} runs backwards")
    size = field.high - field.low + 1
    return [(value - field.low) % size + field.low for value in range(begin, end + size + 1, stride)]


def _step(step: str, text: str, field: Field) -> int:
    number = _number(step)
    if field.longest_step == 0:
        raise _fault(text, field, "steps (/) are not possible in this field; list the days, such as MON,WED,FRI")
    if not 1 <= number <= field.longest_step:
        raise _fault(text, field, f"a step is 1 to {field.longest_step} here, not {step[:9]}")
    return number


def _value(word: str, text: str, field: Field) -> int:
    if word in field.names:
        return field.names.index(word) + field.low
    if not word[0].isdigit():
        misplaced = field in (DAY_OF_MONTH, DAY_OF_WEEK) and word in ("L", "W", "LW", "WL")
        why = _why_not(word, text, field) if misplaced else f'"{word[:20]}" is not a value of this field'
        raise _fault(text, field, why)
    number = _number(word)
    if not field.low <= number <= field.high:
        raise _fault(text, field, f"{word[:9]} is out of range")
    return number


def _number(digits: str) -> int:
    """Return the number. Digits after the ninth are cut off: the number is then out of range in any case."""
    return int(digits.lstrip("0")[:9] or "0")


def _why_not(item: str, text: str, field: Field) -> str:
    if not item:
        return "a list has an empty item"
    if "?" in item:
        return "? must be the whole field, and only in one of the two day fields"
    if field in (DAY_OF_MONTH, DAY_OF_WEEK) and re.search("[LW#]", item):
        if "," in text:
            return "L, W and # must not be in a list"
        return "L, W and # are written like L, LW and 15W (day-of-month), 6L and 3#2 (day-of-week)"
    return f'"{item[:20]}" is not a value, a range or a step'


def _fault(text: str, field: Field, why: str) -> ScheduleError:
    shown = text if len(text) <= 40 else text[:37] + "..."
    return ScheduleError(
        f"{field.name} is {shown!r}: {why}", remedy=f"{field.name} takes {field.span}, for example {field.example}."
    )
