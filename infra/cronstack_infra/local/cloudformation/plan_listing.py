"""Planned changes in the format of DescribeChangeSet."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from cronstack_infra.local.cloudformation.plan import ATTRIBUTES, KNOWN_AFTER_APPLY, Difference, PlannedChange

Json = dict[str, Any]
HIDDEN: Final = "****"
_RETAINING: Final = ("Retain", "RetainExceptOnCreate")
_MISSING: Final = object()


def resource_change(change: PlannedChange, hidden: Collection[str], *, values: bool) -> Json:
    """Return a ResourceChange; with ``values`` also old and new values. ``hidden`` values are masked."""
    entry: Json = {
        "Action": change.action,
        "LogicalResourceId": change.name,
        "ResourceType": change.kind,
        "Scope": list(dict.fromkeys(difference.attribute for difference in change.differences)),
        "Details": [
            detail for difference in change.differences for detail in _details(difference, hidden, values=values)
        ],
    }
    if change.physical is not None:
        entry["PhysicalResourceId"] = change.physical
    if change.action == "Modify":
        entry["Replacement"] = _replacement(change)
    if (policy := _policy(change)) is not None:
        entry["PolicyAction"] = policy
    if values:
        contexts = (("BeforeContext", change.before), ("AfterContext", change.after))
        entry |= {name: _context(part, hidden) for name, part in contexts if part}
    return entry


def _replacement(change: PlannedChange) -> str:
    if not change.replace:
        return "False"
    causes = [difference for difference in change.differences if difference.recreation == "Always"]
    return "Conditional" if all(_is_dynamic(difference.after) for difference in causes) else "True"


def _policy(change: PlannedChange) -> str | None:
    if change.action == "Remove":
        return "Retain" if change.before.get("DeletionPolicy") in _RETAINING else "Delete"
    if not change.replace:
        return None
    return "ReplaceAndRetain" if change.after.get("UpdateReplacePolicy") in _RETAINING else "ReplaceAndDelete"


def _details(difference: Difference, hidden: Collection[str], *, values: bool) -> Iterator[Json]:
    target: Json = {"Attribute": difference.attribute}
    if difference.name is not None:
        target["Name"] = difference.name
    target["RequiresRecreation"] = difference.recreation
    detail: Json = {"Evaluation": "Dynamic" if _is_dynamic(difference.after) else "Static"}
    if difference.cause.source is not None:
        detail["ChangeSource"] = difference.cause.source
    if difference.cause.entity is not None:
        detail["CausingEntity"] = difference.cause.entity
    if not values:
        yield {"Target": target, **detail}
        return
    path = f"/{difference.attribute}" + (f"/{difference.name}" if difference.name else "")
    present = (_MISSING if part is None else part for part in (difference.before, difference.after))
    for inner, before, after in _leaves(path, *present):
        yield {"Target": target | {"Path": inner} | _values(before, after, hidden), **detail}


def _leaves(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, old and new value of each part that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _leaves(f"{path}/{key}", before.get(key, _MISSING), after.get(key, _MISSING))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _leaves(f"{path}/{number}", old, new)
    elif before != after:
        yield path, before, after


def _values(before: Any, after: Any, hidden: Collection[str]) -> Json:
    entry = {"AttributeChangeType": "Add" if before is _MISSING else "Remove" if after is _MISSING else "Modify"}
    for name, value in (("BeforeValue", before), ("AfterValue", after)):
        if value is not _MISSING:
            text = _as_text(value, hidden)
            entry[name] = text if isinstance(text, str) else json.dumps(text, separators=(",", ":"))
    return entry


def _context(part: Mapping[str, Any], hidden: Collection[str]) -> str:
    shown = {name: part[name] for name in ("Properties", *ATTRIBUTES) if name in part}
    return json.dumps(_as_text(shown, hidden), separators=(",", ":"))


def _as_text(part: Any, hidden: Collection[str]) -> Any:
    """Return a part with numbers and Booleans as text, as CloudFormation shows them, and hidden values masked."""
    if isinstance(part, Mapping):
        return {name: _as_text(value, hidden) for name, value in part.items()}
    if isinstance(part, list):
        return [_as_text(value, hidden) for value in part]
    text = str(part).lower() if isinstance(part, bool) else str(part)
    for value in hidden:
        text = text.replace(value, HIDDEN)
    return text


def _is_dynamic(value: Any) -> bool:
    return KNOWN_AFTER_APPLY in json.dumps(value)
