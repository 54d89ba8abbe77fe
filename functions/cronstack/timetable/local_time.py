"""Converts a local time, a datetime or a span into an instant. The caller must resolve ambiguous times. Pure.

    aware datetime          its own zone counts, and its ``fold`` when the clocks go back
    "2027-03-28T02:30"      a local time, which needs ``timezone``
    "2027-03-28T00:30Z"     a time with an offset, which needs no ``timezone``

A local time that the clocks skip, or show twice, is refused unless ``disambiguation`` resolves it (the values of
ECMAScript's Temporal): "earlier", "later", or "compatible". The last one is the later instant of a skipped time, and
the earlier instant of a double one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from cronstack.errors import Argument, OnceError, Part, ScheduleError
from cronstack.occurrence import to_milliseconds
from cronstack.timetable.zones import readings, zone

Disambiguation = Literal["reject", "earlier", "later", "compatible"]
LAST_YEAR: Final = 2199
"""The last year that EventBridge Scheduler accepts."""
_CHOICES: Final = ("reject", "earlier", "later", "compatible")
_EXAMPLE: Final[tuple[Part, ...]] = (
    "For example ",
    Argument("at", "2027-03-28T09:00"),
    " with ",
    Argument("timezone", "Europe/Berlin"),
    ", or ",
    Argument("at", "2027-03-28T09:00+02:00"),
    ".",
)


class Moment(NamedTuple):
    """An instant, and the time as the caller gave it."""

    due: int
    """Epoch milliseconds, of a whole second. Fractions are rounded up, so that no run is early."""
    asked: str
    """ "2027-03-28T02:30:00 Europe/Berlin", "2027-03-28T00:30:00+00:00", "after 3 d"."""


def moment(at: datetime | str, *, timezone: str | None = None, disambiguation: Disambiguation = "reject") -> Moment:
    """Return the instant of a time. Raise OnceError for any invalid value."""
    if disambiguation not in _CHOICES:
        raise OnceError(
            Argument("disambiguation", disambiguation), " is not valid", remedy=f"It can be: {', '.join(_CHOICES)}."
        )
    given = _read(at) if isinstance(at, str) else at
    if not isinstance(given, datetime):
        raise OnceError(Argument("at", at), f" is {type(at).__name__}, not a time", remedy=_EXAMPLE)
    if given.tzinfo is not None and timezone is not None:
        raise OnceError(
            Argument("at", str(at)),
            " has a time zone, and ",
            Argument("timezone", timezone),
            " gives another",
            remedy="Give only one.",
        )
    if given.tzinfo is None:
        if timezone is None:
            raise OnceError(Argument("at", str(at)), " has no time zone", remedy=_EXAMPLE)
        try:
            where = zone(timezone)
        except ScheduleError as fault:
            raise OnceError(str(fault.args[0]), remedy=fault.remedy) from None
        local = given.replace(tzinfo=where)
        return _moment(_instant(local, timezone, disambiguation), f"{given.isoformat()} {timezone}")
    name = getattr(given.tzinfo, "key", None) or given.tzname() or "its zone"
    if _is_skipped(given):
        return _moment(_instant(given, name, disambiguation), f"{given.replace(tzinfo=None).isoformat()} {name}")
    return _moment(_utc(given), given.isoformat())


def after(span: float | timedelta, now: int) -> Moment:
    """Return the instant ``span`` (seconds) after ``now`` (epoch ms). Raise OnceError for an invalid span."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 200 * 366 * 86_400:
        raise OnceError(
            Argument("after", span),
            " is not a time from now on",
            remedy="For example after=timedelta(days=3), or 90 (seconds).",
        )
    due = _whole(now + round(seconds * 1000))
    return _moment(datetime.fromtimestamp(due / 1000, UTC), f"after {_in_full(seconds)}")


def _in_full(seconds: float) -> str:
    """Return the span as text, without rounding: the text identifies a repeated call."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds) if seconds == int(seconds) else seconds} s"


def _read(text: str) -> datetime:
    if "T" not in text and " " not in text:
        raise OnceError(Argument("at", text[:60]), " has no time of day", remedy=_EXAMPLE)
    try:
        return datetime.fromisoformat(text)
    except ValueError as fault:
        raise OnceError(Argument("at", text[:60]), f" is not a time: {fault}", remedy=_EXAMPLE) from None


def _instant(local: datetime, name: str, disambiguation: Disambiguation) -> datetime:
    """Return the instant of a local time in a zone. Its ``fold`` is ignored."""
    _utc(local)  # raises for a time outside the calendar
    earlier, later, skipped = readings(local)
    if earlier == later:
        return earlier
    if disambiguation == "reject":
        shown = [f"{instant.astimezone(local.tzinfo):%H:%M:%S%z}" for instant in (earlier, later)]
        what = "does not exist there: the clocks skip it" if skipped else "comes twice there: the clocks go back"
        raise OnceError(
            f"{local.replace(tzinfo=None).isoformat()} in {name} {what}",
            remedy=(
                "Choose one: ",
                Argument("disambiguation", "earlier"),
                f" is {shown[0]}, ",
                Argument("disambiguation", "later"),
                f" is {shown[1]}.",
            ),
        )
    if disambiguation == "compatible":
        return later if skipped else earlier
    return earlier if disambiguation == "earlier" else later


def _is_skipped(local: datetime) -> bool:
    """Return whether the clocks of its zone never show this time."""
    return _utc(local).astimezone(local.tzinfo).replace(tzinfo=None, fold=0) != local.replace(tzinfo=None, fold=0)


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise OnceError(Argument("at", instant.isoformat()), " is outside the calendar") from None


def _moment(instant: datetime, asked: str) -> Moment:
    if not 1970 <= instant.year <= LAST_YEAR:
        raise OnceError(f"{asked} is not in the years 1970 to {LAST_YEAR}, which EventBridge Scheduler accepts")
    return Moment(_whole(to_milliseconds(instant)), asked)


def _whole(milliseconds: int) -> int:
    return -(-milliseconds // 1000) * 1000
