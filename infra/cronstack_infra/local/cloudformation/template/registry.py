"""What CloudFormation's registry says of each type: which properties there are, which are needed, which are for ever,
and which identify a resource.

AWS judges the properties of a resource by its schema before anybody sees them. The schemas are the registry's, as
cfn-lint 1.58.0 ships them, cut down to these questions; a test compares them.
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
    found: Mapping[str, Schema] = json.loads(text)
    return found


def create_only(kind: str) -> frozenset[str]:
    """Properties of which a change needs a new resource."""
    return frozenset(schemas().get(kind, {}).get("createOnly", ()))


def primary_identifier(kind: str) -> tuple[str, ...]:
    """Return the properties that identify a resource of the type; some may be read-only."""
    return tuple(schemas().get(kind, {}).get("primaryIdentifier", ()))


def judge(name: str, kind: str, properties: Mapping[str, Any]) -> None:
    """Refuse properties that the type does not have, or has not with such a value. Raises ValidationError."""
    schema = schemas().get(kind)
    if schema is None:
        return
    own = [one for one in schema.get("readOnly", ()) if one in properties]
    if own:
        raise ValidationError(message=f"Encountered read-only properties {own} of resource {name} in the template")
    faults = list(_faults(properties, schema, schema.get("definitions", {}), "#"))
    if faults:
        said = "\n".join(f"[{fault}]" for fault in faults)
        raise ValidationError(message=f"Properties validation failed for resource {name} with message:\n{said}")


def _faults(value: Any, schema: Schema, definitions: Schema, at: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = definitions.get(str(schema["$ref"]).removeprefix("#/definitions/"), {})
    if "enum" in schema and isinstance(value, str | int) and not _is_one_of(value, schema["enum"]):
        yield f"{at}: {value} is not a valid enum value"
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _faults(one, schema.get("items", {}), definitions, f"{at}/{number}")
    elif "properties" in schema and not isinstance(value, Mapping):
        yield f"{at}: expected type: JSONObject, found: {type(value).__name__}"
    elif isinstance(value, Mapping):
        known = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{at}: required key [{name}] not found"
        for name, one in value.items():
            if name in known:
                yield from _faults(one, known[name], definitions, f"{at}/{name}")
            elif schema.get("closed"):
                yield f"{at}: extraneous key [{name}] is not permitted"


def _is_one_of(value: str | int, allowed: list[Any]) -> bool:
    """A template may write numbers and truths as text; a secret is judged when it has been read."""
    text = str(value)
    return text in {str(one) for one in allowed} or text.lower() in ("true", "false") or text.startswith("{{resolve:")
