"""Planned changes in the words of DescribeChangeSet."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from cronstack_infra.local.cloudformation.plan import ATTRIBUTES, KNOWN_AFTER_APPLY, Difference, PlannedChange

Listed = dict[str, Any]
HIDDEN: Final = "****"
_RETAINING: Final = ("Retain", "RetainExceptOnCreate")
_MISSING: Final = object()


def listed(change: PlannedChange, hidden: Collection[str], *, values: bool) -> Listed:
    """Return a ResourceChange; with ``values`` also what it changes from and to. ``hidden`` values are not shown."""
    found: Listed = {
        "Action": change.action,
        "LogicalResourceId": change.name,
        "ResourceType": change.kind,
        "Scope": list(dict.fromkeys(one.attribute for one in change.differences)),
        "Details": [detail for one in change.differences for detail in _details(one, hidden, values=values)],
    }
    if change.physical is not None:
        found["PhysicalResourceId"] = change.physical
    if change.action == "Modify":
        found["Replacement"] = _replacement(change)
    if (policy := _policy(change)) is not None:
        found["PolicyAction"] = policy
    if values:
        contexts = (("BeforeContext", change.before), ("AfterContext", change.after))
        found |= {name: _context(part, hidden) for name, part in contexts if part}
    return found


def _replacement(change: PlannedChange) -> str:
    if not change.replace:
        return "False"
    causes = [one for one in change.differences if one.recreation == "Always"]
    return "Conditional" if all(_is_dynamic(one.after) for one in causes) else "True"


def _policy(change: PlannedChange) -> str | None:
    if change.action == "Remove":
        return "Retain" if change.before.get("DeletionPolicy") in _RETAINING else "Delete"
    if not change.replace:
        return None
    return "ReplaceAndRetain" if change.after.get("UpdateReplacePolicy") in _RETAINING else "ReplaceAndDelete"


def _details(difference: Difference, hidden: Collection[str], *, values: bool) -> Iterator[Listed]:
    target: Listed = {"Attribute": difference.attribute}
    if difference.name is not None:
        target["Name"] = difference.name
    target["RequiresRecreation"] = difference.recreation
    detail: Listed = {"Evaluation": "Dynamic" if _is_dynamic(difference.after) else "Static"}
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
    """Return path, old and new value of each part that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _leaves(f"{path}/{key}", before.get(key, _MISSING), after.get(key, _MISSING))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _leaves(f"{path}/{number}", one, other)
    elif before != after:
        yield path, before, after


def _values(before: Any, after: Any, hidden: Collection[str]) -> Listed:
    found = {"AttributeChangeType": "Add" if before is _MISSING else "Remove" if after is _MISSING else "Modify"}
    for name, value in (("BeforeValue", before), ("AfterValue", after)):
        if value is not _MISSING:
            text = _as_text(value, hidden)
            found[name] = text if isinstance(text, str) else json.dumps(text, separators=(",", ":"))
    return found


def _context(part: Mapping[str, Any], hidden: Collection[str]) -> str:
    shown = {name: part[name] for name in ("Properties", *ATTRIBUTES) if name in part}
    return json.dumps(_as_text(shown, hidden), separators=(",", ":"))


def _as_text(part: Any, hidden: Collection[str]) -> Any:
    """Return a part with numbers and truths as text, as CloudFormation shows them, and without hidden values."""
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
