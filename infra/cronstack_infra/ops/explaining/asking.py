"""The question of ``explain``: one occurrence of a job, by a time, an id or a key. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cronstack.entropy import ulid
from cronstack.errors import OperationError
from cronstack.occurrence import is_key, planned_id, scheduled_id, split_generation, to_milliseconds, trigger_id
from cronstack.timetable.zones import readings, zone

_SCHEDULED: Final = re.compile(r"t-(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)(~[1-9][0-9]{0,3})?")
_TRIGGERED: Final = re.compile(r"m-[0-9A-HJKMNP-TV-Z]{26}(~[1-9][0-9]{0,3})?")
_KEYED: Final = re.compile(r"k-[0-9a-f]{32}")
_LOOKS_LIKE_ID: Final = re.compile(r"[tmk]-")
FORMS: Final = (
    "Write a time in the job's zone (2026-03-29T06:00), a time with an offset (2026-03-29T04:00:00Z), an occurrence"
    " (t-2026-03-29T04:00:00Z), or --key K."
)


@dataclass(frozen=True)
class Question:
    """Which occurrence of a job is meant."""

    job: str
    text: str
    """As the user wrote it."""
    zone: str
    """Time zone of the job, in which a time without an offset was read."""
    occurrence: str
    """Id of the occurrence, in the generation that was given, else the first one."""
    at: datetime | None = None
    """The instant, in UTC; None for a key and for the id of a trigger."""
    key: str = ""
    skipped: bool = False
    """The clocks of the zone skip the local time."""
    twin: datetime | None = None
    """The second pass of a local time that the clocks show twice, in UTC; None for other times."""
    exact: bool = False
    """An id or a key: no other occurrence is meant."""


def read_question(job: str, text: str | None, key: str | None, timezone: str) -> Question:
    """Return the question. Raise OperationError for an invalid time, id or key, and unless exactly one is given."""
    if (text is None) == (key is None):
        raise OperationError(
            "the occurrence is missing" if text is None else "a time and a key are given, but only one can be meant",
            remedy=FORMS,
        )
    if key is not None:
        if not is_key(key):
            raise OperationError(f"{key[:60]!r} is not a valid key", remedy="A key has 1 to 1,024 bytes of text.")
        return Question(job, key, timezone, planned_id(key), key=key, exact=True)
    assert text is not None
    stripped = text.strip()
    if _LOOKS_LIKE_ID.match(stripped):
        return _of_id(job, stripped, timezone)
    return _of_time(job, stripped, timezone)


def _of_id(job: str, text: str, timezone: str) -> Question:
    if (scheduled := _SCHEDULED.fullmatch(text)) is not None:
        try:
            at = datetime.fromisoformat(scheduled[1]).astimezone(UTC)
        except ValueError:
            raise OperationError(f"{text!r} is not a valid occurrence: its time does not exist", remedy=FORMS) from None
        if split_generation(text)[1] == 1 and "~" in text:
            text = split_generation(text)[0]
        return Question(job, text, timezone, text, at=at, exact=True)
    if _TRIGGERED.fullmatch(text) or _KEYED.fullmatch(text):
        return Question(job, text, timezone, text, exact=True)
    raise OperationError(f"{text[:60]!r} is not a valid occurrence", remedy=FORMS)


def _of_time(job: str, text: str, timezone: str) -> Question:
    try:
        given = datetime.fromisoformat(text)
        local = given if given.tzinfo is not None else given.replace(tzinfo=zone(timezone))
        meant = readings(local)
        at = local.astimezone(UTC) if given.tzinfo is not None else meant.later if meant.skipped else meant.earlier
        occurrence = scheduled_id(to_milliseconds(at))
    except (ValueError, OverflowError):
        raise OperationError(f"{text[:60]!r} is not a valid time", remedy=FORMS) from None
    if given.tzinfo is not None:
        return Question(job, text, timezone, occurrence, at=at)
    twin = meant.later if meant.later != meant.earlier and not meant.skipped else None
    return Question(job, text, timezone, occurrence, at=at, skipped=meant.skipped, twin=twin)


_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid_time(occurrence: str) -> int:
    """Return the time in the id of a trigger, in epoch milliseconds: its first ten characters."""
    number = 0
    for digit in occurrence.removeprefix("m-")[:10]:
        number = number * 32 + _CROCKFORD.index(digit)
    return number & ((1 << 48) - 1)


class _Zeros:
    """Randomness of zeros: the smallest ULID of a millisecond."""

    def getrandbits(self, k: int, /) -> int:
        return 0

    def random(self) -> float:
        return 0.0


def first_trigger(milliseconds: int) -> str:
    """Return the smallest id of a trigger at a time. Ids of triggers sort by their times."""
    return trigger_id(ulid(milliseconds, _Zeros()))
