"""A time as people give it becomes an instant: its zone is always said, and what a change of clocks leaves in doubt.

    aware datetime          its own zone counts, and its ``fold`` where the clocks are put back
    "2027-03-28T02:30"      a local time, which needs ``timezone``
    "2027-03-28T00:30Z"     with an offset of its own, which needs none

A local time that the clocks skip, or show twice, is refused unless ``disambiguation`` says what is meant (the words of
ECMAScript's Temporal): "earlier", "later", or "compatible", which is the later of a skipped time and the earlier of a
doubled one. Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from cronstack.errors import OnceError, ScheduleError
from cronstack.occurrence import to_milliseconds
from cronstack.timetable.zones import readings, zone

Disambiguation = Literal["reject", "earlier", "later", "compatible"]
LAST_YEAR: Final = 2199
"""The last one that EventBridge Scheduler knows."""
_CHOICES: Final = ("reject", "earlier", "later", "compatible")
_EXAMPLE: Final = 'For example at="2027-03-28T09:00", timezone="Europe/Berlin", or a datetime with a tzinfo.'


class Moment(NamedTuple):
    """An instant and how it was asked for."""

    due: int
    """Epoch milliseconds, of a whole second: a fraction is rounded up, for nothing shall come early."""
    asked: str
    """ "2027-03-28T02:30:00 Europe/Berlin", "2027-03-28T00:30:00+00:00", "after 3 d"."""


def moment(at: datetime | str, *, timezone: str | None = None, disambiguation: Disambiguation = "reject") -> Moment:
    """The instant that is meant. Raises OnceError, whatever it is given."""
    if disambiguation not in _CHOICES:
        raise OnceError(f"disambiguation={disambiguation!r}", remedy=f"It can be: {', '.join(_CHOICES)}.")
    given = _read(at) if isinstance(at, str) else at
    if not isinstance(given, datetime):
        raise OnceError(f"at={at!r} is {type(at).__name__}, not a time", remedy=_EXAMPLE)
    if given.tzinfo is not None and timezone is not None:
        raise OnceError(f"at={at!s} says its zone itself, and timezone={timezone!r} is another word for it")
    if given.tzinfo is None:
        if timezone is None:
            raise OnceError(f"at={at!s} does not say in which time zone", remedy=_EXAMPLE)
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
    """The instant ``span`` (seconds) after ``now`` (epoch ms). Raises OnceError for what is no span ahead."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 200 * 366 * 86_400:
        raise OnceError(
            f"after={span!r} is no span of time ahead", remedy="For example after=timedelta(days=3), or 90."
        )
    due = _whole(now + round(seconds * 1000))
    return _moment(datetime.fromtimestamp(due / 1000, UTC), f"after {_in_full(seconds)}")


def _in_full(seconds: float) -> str:
    """Nothing is rounded: who asks again is told apart by it from who asks for another time."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds) if seconds == int(seconds) else seconds} s"


def _read(text: str) -> datetime:
    if "T" not in text and " " not in text:
        raise OnceError(f"at={text[:60]!r} is no time: a day has 86,400 seconds", remedy=_EXAMPLE)
    try:
        return datetime.fromisoformat(text)
    except ValueError as fault:
        raise OnceError(f"at={text[:60]!r} is no time: {fault}", remedy=_EXAMPLE) from None


def _instant(local: datetime, name: str, disambiguation: Disambiguation) -> datetime:
    """Of a local time in a zone, whose ``fold`` says nothing."""
    _utc(local)  # raises for what is beyond the calendar
    earlier, later, skipped = readings(local)
    if earlier == later:
        return earlier
    if disambiguation == "reject":
        shown = [f"{one.astimezone(local.tzinfo):%H:%M:%S%z}" for one in (earlier, later)]
        what = "does not exist there: the clocks skip it" if skipped else "comes twice there: the clocks are put back"
        raise OnceError(
            f"{local.replace(tzinfo=None).isoformat()} in {name} {what}",
            remedy=f'Say which is meant: disambiguation="earlier" is {shown[0]}, "later" is {shown[1]}.',
        )
    if disambiguation == "compatible":
        return later if skipped else earlier
    return earlier if disambiguation == "earlier" else later


def _is_skipped(local: datetime) -> bool:
    """No instant shows this time on the clocks of its zone."""
    return _utc(local).astimezone(local.tzinfo).replace(tzinfo=None, fold=0) != local.replace(tzinfo=None, fold=0)


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise OnceError(f"at={instant.isoformat()} is beyond the calendar") from None


def _moment(instant: datetime, asked: str) -> Moment:
    if not 1970 <= instant.year <= LAST_YEAR:
        raise OnceError(f"{asked} is not in the years 1970 to {LAST_YEAR}, which EventBridge Scheduler knows")
    return Moment(_whole(to_milliseconds(instant)), asked)


def _whole(milliseconds: int) -> int:
    return -(-milliseconds // 1000) * 1000
