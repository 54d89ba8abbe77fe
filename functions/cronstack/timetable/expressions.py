"""Parses EventBridge Scheduler's own expressions into ``Cron``, ``Rate`` and ``At``. Pure.

    cron(minutes hours day-of-month month day-of-week year)     six fields, one of the two days is ?
    rate(value unit)                                            minutes, hours or days of elapsed time
    at(yyyy-mm-ddThh:mm:ss)                                     once, at a local time

A value has no zone, span or clock: ``instants`` adds them. ``str()`` returns the expression in a normal form that AWS
accepts. Parsing it again returns an equal value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

from cronstack.errors import ScheduleError
from cronstack.timetable import cron_fields
from cronstack.timetable.cron_fields import FIRST_YEAR, LAST_YEAR, DayRule

LONGEST: Final = 256
"""Most characters of an expression in EventBridge Scheduler."""

_SECONDS_OF: Final = {"minute": 60, "hour": 3600, "day": 86400}
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SPACE = re.compile(r"[ \t\r\n]+")
_WRAPPED = re.compile(r"(?P<kind>cron|rate|at)\((?P<inside>.*)\)", re.DOTALL)
_RATE = re.compile(r"(?P<value>[0-9]+) (?P<unit>minute|hour|day)s?", re.ASCII)
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)

_KINDS: Final = "It is one of cron(0 6 * * ? *), rate(5 minutes) and at(2026-12-24T18:00:00)."


class Cron:
    """A cron expression: minutes of the wall clock on certain days."""

    __slots__ = ("_tables", "fields", "hours", "minutes", "months", "rule", "years")

    def __init__(self, fields: str) -> None:
        """Parse ``fields``, the text between the parentheses. Raise ScheduleError."""
        minutes, hours, date, month, weekday, year = self._split(fields)
        if (date == "?") == (weekday == "?"):
            raise _day_fault(date, weekday)
        self.minutes = cron_fields.values(minutes, cron_fields.MINUTES)
        self.hours = cron_fields.values(hours, cron_fields.HOURS)
        self.rule: DayRule = cron_fields.day_of_week(weekday) if date == "?" else cron_fields.day_of_month(date)
        self.months = cron_fields.values(month, cron_fields.MONTH)
        self.years = cron_fields.values(year, cron_fields.YEAR)
        normal = " ".join((minutes, hours, date, month, weekday, year))
        self.fields = re.sub(r"(?<![0-9])0+(?=[0-9])", "", normal)
        self._tables: dict[tuple[int, int], tuple[int, ...]] = {}

    @staticmethod
    def _split(fields: str) -> list[str]:
        parts = _SPACE.split(fields.upper())
        if len(parts) > 1 and not (parts[0] and parts[-1]):
            raise ScheduleError(f"cron({_shown(fields)}) has spaces next to its parentheses", remedy="Remove them.")
        if len(parts) != 6:
            raise _count_fault(fields, len(parts) if fields else 0)
        return parts

    def days(self, first: int, length: int) -> tuple[int, ...]:
        """Return its days in a month of ``length`` days whose 1st is weekday ``first`` (1 = Sunday). Cached."""
        table = self._tables.get((first, length))
        if table is None:
            table = self._tables[first, length] = self.rule.days(first, length)
        return table

    def offsets(self) -> Iterator[int]:
        """Return the seconds after midnight at which it fires on such a day, in order."""
        return (hour * 3600 + minute * 60 for hour in self.hours for minute in self.minutes)

    def months_from(self, year: int, month: int, *, backwards: bool = False) -> Iterator[tuple[int, int]]:
        """Return the (year, month) pairs of its fields from the given month on, or backwards."""
        if backwards:
            pairs = ((y, m) for y in reversed(self.years) if y <= year for m in reversed(self.months))
            return (pair for pair in pairs if pair <= (year, month))
        return ((y, m) for y in self.years if y >= year for m in self.months if (y, m) >= (year, month))

    def has(self, wall: datetime) -> bool:
        """Return whether the fields include the minute of a wall-clock time."""
        if wall.minute not in self.minutes or wall.hour not in self.hours:
            return False
        in_month = wall.month in self.months and wall.year in self.years
        return in_month and wall.day in self.days(*month_shape(wall.year, wall.month))

    def is_possible(self) -> bool:
        """Return whether the calendar has any such day. 30 February does not exist."""
        return any(self.days(*month_shape(year, month)) for year, month in self.months_from(FIRST_YEAR, 1))

    def __str__(self) -> str:
        return f"cron({self.fields})"

    def __repr__(self) -> str:
        return f"Cron({self.fields!r})"

    def __eq__(self, other: object) -> bool:
        return self.fields == other.fields if isinstance(other, Cron) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.fields)


class Rate(NamedTuple):
    """A period of elapsed time. A day is 24 hours, also when the clocks change."""

    value: int
    unit: str
    """minute, hour or day."""

    @property
    def seconds(self) -> int:
        return self.value * _SECONDS_OF[self.unit]

    def __str__(self) -> str:
        return f"rate({self.value} {self.unit}{'' if self.value == 1 else 's'})"


class At(NamedTuple):
    """One local time."""

    local: datetime
    """A naive datetime. ``instants`` adds the zone."""

    def __str__(self) -> str:
        return f"at({self.local.isoformat()})"


def read(expression: str) -> Cron | Rate | At:
    """Parse an expression as EventBridge Scheduler does. Raise ScheduleError for any invalid value."""
    if not isinstance(expression, str):
        raise ScheduleError(f"a schedule expression is text, not {type(expression).__name__}", remedy=_KINDS)
    if len(expression) > LONGEST:
        raise ScheduleError(
            f"a schedule expression has at most {LONGEST} characters, this one {len(expression)}",
            remedy="Give the job several schedules.",
        )
    wrapped = _WRAPPED.fullmatch(expression)
    if wrapped is None or not expression.isascii():
        raise _kind_fault(expression)
    inside = wrapped["inside"]
    if _WRAPPED.fullmatch(inside):
        raise ScheduleError(f"{_shown(expression)} has its kind twice", remedy=f"Write {inside}.")
    match wrapped["kind"]:
        case "cron":
            return Cron(inside)
        case "rate":
            return _rate(inside)
    return _at(inside)


def month_shape(year: int, month: int) -> tuple[int, int]:
    """Return (weekday of the 1st, 1 = Sunday; number of days)."""
    leap_day = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return date(year, month, 1).isoweekday() % 7 + 1, _LENGTHS[month - 1] + leap_day


def _rate(inside: str) -> Rate:
    matched = _RATE.fullmatch(inside)
    if matched is None or not matched["value"].strip("0"):
        raise ScheduleError(
            f"rate({_shown(inside)}) is not a positive whole number, one space and a unit",
            remedy="Units are minutes, hours and days: rate(1 minute), rate(12 hours), rate(2 days).",
        )
    return Rate(int(matched["value"]), matched["unit"])


def _at(inside: str) -> At:
    remedy = "Write the local time of the schedule's time zone, without offset or fraction: at(2026-12-24T18:00:00)."
    if not _AT.fullmatch(inside):
        raise ScheduleError(f"at({_shown(inside)}) is not of the form yyyy-mm-ddThh:mm:ss", remedy=remedy)
    try:
        local = datetime.fromisoformat(inside)
    except ValueError as error:
        raise ScheduleError(f"at({inside}) is not a date and time: {error}", remedy=remedy) from None
    if local.isoformat() != inside:  # Python 3.14 reads hour 24
        raise ScheduleError(f"at({inside}) is not a time of day", remedy=remedy)
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise ScheduleError(f"at({inside}) is not within the years {FIRST_YEAR} to {LAST_YEAR}", remedy=remedy)
    return At(local)


def _kind_fault(expression: str) -> ScheduleError:
    bare = expression.strip()
    if bare != expression and _WRAPPED.fullmatch(bare):
        return ScheduleError(f"{_shown(expression)!r} has spaces around it", remedy="Remove them.")
    if bare.startswith("@") or (len(bare.split()) in (5, 7) and "(" not in bare):
        return _count_fault(bare, len(bare.split()))
    if len(bare.split()) == 6 and "(" not in bare:
        return ScheduleError(f"{_shown(bare)} has no kind", remedy=f"Write cron({bare}).")
    return ScheduleError(f"{_shown(expression)!r} is not a schedule expression", remedy=_KINDS)


def _count_fault(fields: str, count: int) -> ScheduleError:
    shown = _shown(fields)
    order = "They are: minutes hours day-of-month month day-of-week year, for example cron(0 6 * * ? *)."
    if fields.strip().lower() == "@reboot":
        return ScheduleError("@reboot is not supported: there is no machine that boots", remedy=_KINDS)
    macro = fields.strip().startswith("@")
    if count == 5 and re.search(r"[?#]|\bLW?\b|[0-9][LW]", fields.upper()):
        return ScheduleError(f"cron({shown}) has five fields; the year is missing", remedy=f"Write cron({fields} *).")
    if count == 5 or macro:
        what = f"{shown} is a macro of Unix cron" if macro else f"cron({shown}) is a five-field Unix cron"
        return ScheduleError(f"{what}; EventBridge Scheduler has six fields", remedy=_translation(fields) or order)
    if count == 7:
        remedy = f"If the first field is seconds, remove it. {order}"
        return ScheduleError(f"cron({shown}) has seven fields, not six", remedy=remedy)
    return ScheduleError(f"cron({shown}) has {count} field{'' if count == 1 else 's'}, not six", remedy=order)


def _translation(fields: str) -> str:
    """Return the remedy for Unix cron; "" if the text is invalid in Unix, too."""
    from cronstack.timetable.unix_cron import translate  # not above: only this error message needs it

    try:
        crons = [str(Cron(translated)) for translated in translate(fields.strip())]
    except ScheduleError:
        return ""
    if len(crons) == 2:
        return f"Unix fires on either of the two days; that needs two schedules: {crons[0]} and {crons[1]}."
    return f"Write {crons[0]}." if crons else ""


def _day_fault(date: str, weekday: str) -> ScheduleError:
    why = {
        ("?", "?"): "both day fields are ?; one must name the days",
        ("*", "*"): "both day fields are *; one must be ?",
    }.get((date, weekday), f"day-of-month is {_shown(date)} and day-of-week is {_shown(weekday)}; one must be ?")
    return ScheduleError(
        why, remedy="Every day: cron(0 6 * * ? *). By date: cron(0 6 1 * ? *). By weekday: cron(0 6 ? * MON-FRI *)."
    )


def _shown(text: str) -> str:
    """Return the text for a message: shortened, with unprintable characters escaped."""
    printable = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:60])
    return printable + ("..." if len(text) > 60 else "")
