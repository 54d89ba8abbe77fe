"""Compare the state of a resource in the template with its state in the service. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cronstack_infra.ops.doctor.finding import Finding, Severity
from cronstack_infra.ops.doctor.requests import Requests
from cronstack_infra.ops.doctor.stack import Resource, Unknown

State = Mapping[str, Any]
"""Values by property. The template and the service have the same properties."""
Remedy = Callable[[Resource, str], str]
"""Returns the command that restores one property of a resource."""
SHOWN: Final = 120
"""Most characters of a value in a message."""


@dataclass(frozen=True)
class Meaning:
    """Why a property matters, and how urgent a difference is."""

    why: str
    severity: Severity = "warning"


@dataclass(frozen=True)
class Kind:
    """How the resources of one type are read, compared and restored."""

    noun: str
    """Such as "schedule"."""
    service: str
    """Name of the boto3 client that reads it."""
    wanted: Callable[[Resource], State]
    stored: Callable[[Requests, Resource], State | None]
    """None if the resource does not exist."""
    meanings: Mapping[str, Meaning]
    """By property. A property without a meaning is not compared."""
    deleted: str
    """Why it matters that the resource is missing."""
    restore: Remedy
    create: Callable[[Resource], str] | None = None
    """Returns the command that creates a missing resource. Without it, the stack must be deployed as new."""
    name: Callable[[Resource], str] = lambda resource: resource.id
    secret: Callable[[str], bool] = lambda property: False
    """Whether the values of a property are not shown."""


def differences(kind: Kind, resource: Resource, stored: State | None, *, revert: str) -> Iterator[Finding]:
    """Yield a finding for each property that differs. ``revert``: command that restores the whole stack."""
    where = f"{kind.noun} {kind.name(resource)}"
    if stored is None:
        remedy = kind.create(resource) if kind.create else revert
        yield Finding("error", where, "it is in the template and does not exist: deleted by hand", kind.deleted, remedy)
        return
    wanted = kind.wanted(resource)
    for property in (*wanted, *(name for name in stored if name not in wanted)):
        meaning = kind.meanings.get(property) or kind.meanings.get(property.partition(".")[0])
        if meaning is None or same(wanted.get(property), stored.get(property)):
            continue
        if kind.secret(property):
            what = f"{property} differs from the template (values are not shown)"
        else:
            what = f"{property} is {shown(stored.get(property))}; the template has {shown(wanted.get(property))}"
        yield Finding(meaning.severity, where, what, meaning.why, kind.restore(resource, property) or revert)


def same(wanted: Any, stored: Any) -> bool:
    """Return whether two values mean the same, whatever the service makes of the template's types."""
    if isinstance(wanted, Unknown):
        return True
    wanted, stored = _plain(wanted), _plain(stored)
    if isinstance(wanted, dict) and isinstance(stored, dict):
        return all(same(wanted.get(name), stored.get(name)) for name in wanted.keys() | stored.keys())
    if isinstance(wanted, list) and isinstance(stored, list):
        return len(wanted) == len(stored) and all(any(same(one, other) for other in stored) for one in wanted)
    if isinstance(wanted, list) and len(wanted) == 1:  # a policy may have a list of one, or its item
        return same(wanted[0], stored)
    if isinstance(stored, list) and len(stored) == 1:
        return same(wanted, stored[0])
    return bool(wanted == stored)


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _plain(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {name: item for name, item in value.items() if item not in (None, "", [], {})} or None
    if isinstance(value, list | tuple):
        return list(value) or None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return None if value is None or value == "" else value if isinstance(value, Unknown) else str(value)


def shown(value: Any) -> str:
    """Return a value for a message."""
    if value is None or value == "":
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def command(*words: str) -> str:
    """Return a command for a shell."""
    return shlex.join(words)


def has_unknown(value: Any) -> bool:
    """Return whether any part of a value is not known."""
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_unknown, value))
    return isinstance(value, Unknown)


def with_json(words: tuple[str, ...], parameters: Mapping[str, Any]) -> str:
    """Return an aws command with all its parameters as JSON; "" if a value is not known."""
    if has_unknown(parameters):
        return ""
    return command("aws", *words, "--cli-input-json", json.dumps(parameters, default=str))
