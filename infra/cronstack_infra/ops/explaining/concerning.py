"""Whether an action of an operator concerns one occurrence, by the action's details. Pure.

Details are JSON values that each command chooses. An action concerns an occurrence if they name its id or its key, or
if their "from" and "to" contain its due time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cronstack.occurrence import split_generation
from cronstack_infra.ops.audit import Action


def concerns(action: Action, occurrence: str, due: datetime | None, key: str = "") -> bool:
    """Return whether an action concerns an occurrence. ``due``: its due time, if known."""
    names = {occurrence, split_generation(occurrence)[0], *([key] if key else [])}
    if any(text in names for text in _texts(action.details)):
        return True
    first, last = (_time(action.details.get(name)) for name in ("from", "to"))
    return due is not None and first is not None and last is not None and first <= due < last


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _time(value: Any) -> datetime | None:
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return read.astimezone(UTC) if read is not None and read.tzinfo is not None else None
