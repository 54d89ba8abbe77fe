"""The registry's schemas from cfn-lint, reduced to the parts that the local cloud's CloudFormation checks.

python -m tests.tools.registry        writes infra/cronstack_infra/local/cloudformation/template/registry.json
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

LOCAL = Path(__file__).parents[2] / "infra" / "cronstack_infra" / "local"
WRITTEN = LOCAL / "cloudformation" / "template" / "registry.json"
_KEPT = ("$ref", "enum")
_ARRAYS = ("createOnlyProperties", "readOnlyProperties")


def cut(kind: str) -> dict[str, Any] | None:
    """Return the reduced schema of a type, or None for a type that is not in the registry."""
    file = _files().get(kind)
    if file is None:
        return None
    whole = json.loads((files("cfnlint.data.schemas") / "resources" / f"{file}.json").read_text("utf-8"))
    reduced = _cut(whole)
    needed = _needed(reduced, whole.get("definitions", {}), {})
    for name in _ARRAYS:
        first_level = [pointer.removeprefix("/properties/") for pointer in whole.get(name, [])]
        reduced[name.removesuffix("Properties")] = sorted(pointer for pointer in first_level if "/" not in pointer)
    reduced["primaryIdentifier"] = [
        pointer.removeprefix("/properties/") for pointer in whole.get("primaryIdentifier", [])
    ]
    return reduced | ({"definitions": needed} if needed else {})


@cache
def _files() -> dict[str, str]:
    """Return the names of schema files by type."""
    known: dict[str, str] = json.loads(
        (files("cfnlint.data.schemas") / "providers" / "us-east-1.json").read_text("utf-8")
    )
    return known


def _needed(part: Any, definitions: dict[str, Any], done: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions that a schema refers to, directly or indirectly."""
    if isinstance(part, dict):
        name = part.get("$ref", "").removeprefix("#/definitions/") if isinstance(part.get("$ref"), str) else ""
        if name in definitions and name not in done:
            done[name] = _cut(definitions[name])
            _needed(done[name], definitions, done)
        for value in part.values():
            _needed(value, definitions, done)
    return dict(sorted(done.items()))


def _cut(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    reduced = {name: schema[name] for name in _KEPT if name in schema}
    if schema.get("additionalProperties") is False and "patternProperties" not in schema:
        reduced["closed"] = True
    if schema.get("required"):
        reduced["required"] = sorted(schema["required"])
    if isinstance(schema.get("items"), dict):
        reduced["items"] = _cut(schema["items"])
    if schema.get("properties"):
        reduced["properties"] = {name: _cut(value) for name, value in sorted(schema["properties"].items())}
    return reduced


def kinds() -> list[str]:
    """Return the types of the registry that the local cloud supports."""
    from moto.cloudformation.parsing import get_model_map

    from cronstack_infra.local.cloudformation.template.types import TYPES, why_not

    return sorted(kind for kind in {*TYPES, *get_model_map()} if why_not(kind) is None)


def text() -> str:
    found = {kind: schema for kind in kinds() if (schema := cut(kind)) is not None}
    lines = ",\n".join(f"{json.dumps(kind)}:{json.dumps(found[kind], separators=(',', ':'))}" for kind in found)
    return f"{{\n{lines}\n}}\n"


if __name__ == "__main__":
    WRITTEN.write_text(text(), "utf-8")
