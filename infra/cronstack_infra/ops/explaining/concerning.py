"""Whether an action of an operator concerns one occurrence, by the action's details. Pure.

Details are JSON values that each command chooses. An action concerns an occurrence if they name its id or its key, or
if their "from" and "to" contain its due time. The plan of a backfill also has "aims": from a time on (epoch seconds),
the generation that it runs, 0 for none.

    {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00Z", "aims": [[1767225600, 1], [1767312000, 0]]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cronstack.occurrence import split_generation, to_milliseconds
from cronstack_infra.ops.audit import Action


def concerns(action: Action, occurrence: str, due: datetime | None, key: str = "") -> bool:
    """Return whether an action concerns an occurrence. ``due``: its due time, if known."""
    names = {occurrence, split_generation(occurrence)[0], *([key] if key else [])}
    if any(text in names for text in _texts(action.details)):
        return True
    first, last = (_time(action.details.get(name)) for name in ("from", "to"))
    if due is None or first is None or last is None or not first <= due < last:
        return False
    aims = action.details.get("aims")
    return not isinstance(aims, list) or _is_aim(aims, due, split_generation(occurrence)[1])


def _is_aim(aims: list[Any], due: datetime, generation: int) -> bool:
    """Return whether a backfill runs this generation of an occurrence."""
    second, aimed = to_milliseconds(due) // 1000, 0
    for change in aims:
        if isinstance(change, list) and len(change) > 1 and change[0] <= second:
            aimed = change[1]
    return aimed == generation


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
