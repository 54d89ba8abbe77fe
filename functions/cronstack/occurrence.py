"""What is to be done once: the identity of an occurrence. Pure. (``event`` writes it into an event and reads it.)

An occurrence of a declared schedule is named by its scheduled time in UTC, ``t-2013-01-01T05:00:00Z``: two schedules
of a job that meet at one instant are one occurrence, and a change of clocks or of zone neither doubles nor loses one.
A trigger by hand is named by a ULID, ``m-01KA...``. What code schedules is named by the key it was given,
``k-<hash of the key>``, however often it is moved: each plan for it is a revision, and its event tells which.
Doing a final one again is a new generation: ``...~2``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

PLANNED: Final = "k-"
LONGEST_KEY: Final = 1024
"""Bytes a key may have, in UTF-8."""
HIGHEST_REVISION: Final = 1 << 53
"""Of the plan of a key."""

Kind = Literal["scheduled", "trigger", "backfill", "redrive"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Occurrence(NamedTuple):
    """One thing to be done once by a job, and how this event asks for it. Times are epoch milliseconds."""

    job: str
    id: str
    due: int
    """The nominal time; never the identity of what has a key or a ULID."""
    input: dict[str, Any]
    payload: str
    """Hash of the input: the same occurrence with another input is refused."""
    kind: Kind = "scheduled"
    requested: int | None = None
    """When the operator asked; None for what Scheduler sent."""
    generation: int = 1
    redrive: int | None = None
    """The attempt of a dead run that this event redrives; 0 of a missed one, which has none."""
    key: str = ""
    """The key it was scheduled by; "" for what was declared or triggered."""
    revision: int | None = None
    """Of what was planned for the key: an event of an older one has been overtaken by a move."""
    hop: int | None = None
    """Number of the carrier that brought it, higher than that of the one before; None: it came without one."""

    @property
    def by_operator(self) -> bool:
        """An operator's event waives the start deadline (never the horizon)."""
        return self.requested is not None

    @property
    def age_from(self) -> int:
        """From when the horizon counts: a new generation is as young as the request for it."""
        return self.due if self.generation == 1 or self.requested is None else self.requested

    @property
    def scheduled(self) -> datetime:
        return to_datetime(self.due)


def to_datetime(milliseconds: int) -> datetime:
    """An aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(instant: datetime) -> int:
    """Epoch milliseconds of an aware datetime."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def print_instant(instant: datetime) -> str:
    """An instant in UTC with milliseconds, "2013-01-01T05:00:00.123Z"."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def print_time(milliseconds: int) -> str:
    """The form Scheduler uses, "2013-01-01T05:00:00Z"; fractions of a second are dropped."""
    return to_datetime(milliseconds).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def scheduled_id(due: int, generation: int = 1) -> str:
    """Id of the occurrence that a declared schedule has at an instant."""
    return with_generation(f"t-{print_time(due)}", generation)


def trigger_id(ulid: str) -> str:
    return f"m-{ulid}"


def planned_id(key: str) -> str:
    """Id of the occurrence that code schedules under a key: the same for ever, whatever the key looks like."""
    return f"{PLANNED}{sha256(key.encode()).hexdigest()[:32]}"


def is_planned(occurrence: str) -> bool:
    """Whether an id is of what code has scheduled."""
    return occurrence.startswith(PLANNED)


def is_key(key: object) -> bool:
    """Text of 1 to 1,024 bytes, whatever its characters; no half of a surrogate pair, which no JSON can carry."""
    if not isinstance(key, str) or not key:
        return False
    try:
        return len(key.encode()) <= LONGEST_KEY
    except UnicodeEncodeError:
        return False


def with_generation(occurrence: str, generation: int) -> str:
    """``occurrence`` is the id of the first generation."""
    return occurrence if generation == 1 else f"{occurrence}~{generation}"


def split_generation(occurrence: str) -> tuple[str, int]:
    """The id of the first generation, and the generation."""
    base, _, generation = occurrence.partition("~")
    return base, int(generation) if generation else 1


def is_job_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def canonical(value: Any) -> str:
    """One text for equal values, to be hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def payload_hash(input: Mapping[str, Any]) -> str:
    return sha256(canonical(input).encode()).hexdigest()[:32]
