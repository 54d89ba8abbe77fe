"""Schemas of CloudFormation's registry by type: known, required, read-only, create-only and identifying properties.

AWS validates the properties of a resource by its schema before it uses them. ``registry.json`` has the parts of the
registry's schemas that this module needs, from cfn-lint 1.58.0. A test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from moto.cloudformation.exceptions import ValidationError

Schema = Mapping[str, Any]


@lru_cache
def schemas() -> Mapping[str, Schema]:
    text = (files("cronstack_infra.local.cloudformation.template") / "registry.json").read_text("utf-8")
    by_type: Mapping[str, Schema] = json.loads(text)
    return by_type


def create_only(kind: str) -> frozenset[str]:
    """Return the properties whose change replaces the resource."""
    return frozenset(schemas().get(kind, {}).get("createOnly", ()))


def primary_identifier(kind: str) -> tuple[str, ...]:
    """Return the properties that identify a resource of the type; some may be read-only."""
    return tuple(schemas().get(kind, {}).get("primaryIdentifier", ()))


def validate(name: str, kind: str, properties: Mapping[str, Any]) -> None:
    """Raise ValidationError for unknown, missing or read-only properties and for invalid values."""
    schema = schemas().get(kind)
    if schema is None:
        return
    read_only = [member for member in schema.get("readOnly", ()) if member in properties]
    if read_only:
        text = f"Encountered read-only properties {read_only} of resource {name} in the template"
        raise ValidationError(message=text)
    faults = list(_faults(properties, schema, schema.get("definitions", {}), "#"))
    if faults:
        lines = "\n".join(f"[{fault}]" for fault in faults)
        raise ValidationError(message=f"Properties validation failed for resource {name} with message:\n{lines}")


def _faults(value: Any, schema: Schema, definitions: Schema, at: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = definitions.get(str(schema["$ref"]).removeprefix("#/definitions/"), {})
    if "enum" in schema and isinstance(value, str | int) and not _is_one_of(value, schema["enum"]):
        yield f"{at}: {value} is not a valid enum value"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _faults(item, schema.get("items", {}), definitions, f"{at}/{number}")
    elif "properties" in schema and not isinstance(value, Mapping):
        yield f"{at}: expected type: JSONObject, found: {type(value).__name__}"
    elif isinstance(value, Mapping):
        known = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{at}: required key [{name}] not found"
        for name, item in value.items():
            if name in known:
                yield from _faults(item, known[name], definitions, f"{at}/{name}")
            elif schema.get("closed"):
                yield f"{at}: extraneous key [{name}] is not permitted"


def _is_one_of(value: str | int, allowed: list[Any]) -> bool:
    """Return whether a value is in an enum. Numbers and Booleans may be text; a reference is checked when resolved."""
    text = str(value)
    return text in {str(item) for item in allowed} or text.lower() in ("true", "false") or text.startswith("{{resolve:")
