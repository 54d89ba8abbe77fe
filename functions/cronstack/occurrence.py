"""The identity of an occurrence. Pure. (``event`` writes it into an event and reads it.)

    of a declared schedule    ``t-2013-01-01T05:00:00Z``, its scheduled time in UTC
    of a trigger by hand      ``m-01KA...``, a ULID
    of a plan of code         ``k-<hash of the key>``
    repeated after its end    ``...~2``, a new generation of a final occurrence

Two schedules of a job that fire at one instant are one occurrence. A change of clocks or of zone neither doubles nor
loses an occurrence. A plan keeps its id when it is moved: each plan of a key is a revision, and its event contains it.
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
"""Most bytes of a key, in UTF-8."""
HIGHEST_REVISION: Final = 1 << 53
"""The highest revision of a key's plan."""

Kind = Literal["scheduled", "trigger", "backfill", "redrive"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Occurrence(NamedTuple):
    """One occurrence of a job, and how this event requests it. Times are epoch milliseconds."""

    job: str
    id: str
    due: int
    """The due time. It is not the identity of an occurrence with a key or a ULID."""
    input: dict[str, Any]
    payload: str
    """Hash of the input. The same occurrence with another input is refused."""
    kind: Kind = "scheduled"
    requested: int | None = None
    """The time of an operator's request; None for an event of Scheduler."""
    generation: int = 1
    redrive: int | None = None
    """The attempt of the dead run that this event redrives; 0 for a missed run, which had no attempt."""
    key: str = ""
    """The key of its plan; "" for an occurrence that was declared or triggered."""
    revision: int | None = None
    """The revision of the key's plan. An event of an older revision has been overtaken by a move."""
    while_paused: bool = False
    """Whether an operator has requested it although the job is paused."""
    hop: int | None = None
    """Number of the carrier that sent this event, higher than that of the carrier before. None: no carrier sent it."""

    @property
    def by_operator(self) -> bool:
        """Whether an operator sent the event. Such an event has no start deadline, but the horizon applies."""
        return self.requested is not None

    @property
    def age_from(self) -> int:
        """The time from which the horizon counts: for a new generation, the request for it."""
        return self.due if self.generation == 1 or self.requested is None else self.requested

    @property
    def scheduled(self) -> datetime:
        return to_datetime(self.due)


def to_datetime(milliseconds: int) -> datetime:
    """Return an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(instant: datetime) -> int:
    """Return the epoch milliseconds of an aware datetime."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def print_instant(instant: datetime) -> str:
    """Return an instant in UTC with milliseconds, "2013-01-01T05:00:00.123Z"."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def print_time(milliseconds: int) -> str:
    """Return the form that Scheduler uses, "2013-01-01T05:00:00Z". Fractions of a second are dropped."""
    return to_datetime(milliseconds).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def scheduled_id(due: int, generation: int = 1) -> str:
    """Return the id of the occurrence of a declared schedule at an instant."""
    return with_generation(f"t-{print_time(due)}", generation)


def trigger_id(ulid: str) -> str:
    return f"m-{ulid}"


def planned_id(key: str) -> str:
    """Return the id of the occurrence that code schedules under a key. It never changes."""
    return f"{PLANNED}{sha256(key.encode()).hexdigest()[:32]}"


def is_planned(occurrence: str) -> bool:
    """Return whether code has scheduled the occurrence."""
    return occurrence.startswith(PLANNED)


def is_key(key: object) -> bool:
    """Return whether it is text of 1 to 1,024 bytes without half a surrogate pair, which JSON cannot contain."""
    if not isinstance(key, str) or not key:
        return False
    try:
        return len(key.encode()) <= LONGEST_KEY
    except UnicodeEncodeError:
        return False


def with_generation(occurrence: str, generation: int) -> str:
    """Return the id of a generation. ``occurrence`` is the id of the first one."""
    return occurrence if generation == 1 else f"{occurrence}~{generation}"


def split_generation(occurrence: str) -> tuple[str, int]:
    """Return the id of the first generation, and the generation."""
    base, _, generation = occurrence.partition("~")
    return base, int(generation) if generation else 1


def is_job_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def canonical(value: Any) -> str:
    """Return the same JSON text for equal values, to be hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def payload_hash(input: Mapping[str, Any]) -> str:
    return sha256(canonical(input).encode()).hexdigest()[:32]
