"""The check of a call against its input shape in botocore's model: required members, lengths, bounds, patterns, enums.

AWS's services check requests by the same models, all members at once, and answer with one sentence of a fixed form for
each violation.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

_NUMBERS: Final = {"integer", "long", "float", "double"}


class Malformed(Exception):
    """A value has another type than in the model, so the request cannot be parsed."""


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield one sentence for each constraint that a value violates. Raise Malformed for a value of another type."""
    if isinstance(shape, StructureShape):
        yield from _of_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        _expect(isinstance(value, list), path, value, "List")
        yield from _within(shape, len(value), value, path, "length")
        for number, item in enumerate(value, 1):
            if item is not None:
                yield from violations(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from _of_map(shape, value, path)
    elif shape.type_name in _NUMBERS:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _expect(number and (shape.type_name in ("float", "double") or value == int(value)), path, value, "Integer")
        yield from _within(shape, value, value, path, "value")
    elif shape.type_name == "string":
        yield from _of_string(shape, value, path)
    elif shape.type_name == "boolean":
        _expect(isinstance(value, bool), path, value, "Boolean")
    elif shape.type_name == "blob":
        _of_blob(value, path)


def _of_structure(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    _expect(isinstance(value, Mapping), path, value, "Structure")
    for name, member in shape.members.items():
        inner = _name(path, name)
        item = value.get(name)
        if item is not None:
            yield from violations(member, item, inner)
        elif name in shape.required_members:
            yield f"Value null at '{inner}' failed to satisfy constraint: Member must not be null"


def _of_map(shape: MapShape, value: Any, path: str) -> Iterator[str]:
    _expect(isinstance(value, Mapping), path, value, "Map")
    yield from _within(shape, len(value), value, path, "length")
    for key, item in value.items():
        for kind, inner, checked in (("keys", shape.key, key), ("values", shape.value, item)):
            sentences = [] if checked is None else list(violations(inner, checked, path))
            if not sentences:
                continue
            if isinstance(inner, StructureShape):
                yield from violations(inner, checked, f"{path}.{key}.member")
                continue
            constraints = ", ".join(sentence.partition("constraint: ")[2] for sentence in sentences)
            yield f"Value '{_shown(value)}' at '{path}' failed to satisfy constraint: Map {kind} must satisfy " + (
                f"constraint: [{constraints}]"
            )


def _of_string(shape: Shape, value: Any, path: str) -> Iterator[str]:
    _expect(isinstance(value, str), path, value, "String")
    yield from _within(shape, len(value), value, path, "length")
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not _compiled(pattern).fullmatch(value):
        yield _sentence(value, path, f"satisfy regular expression pattern: {pattern}")
    enum = shape.metadata.get("enum")
    if enum and value not in enum:
        yield _sentence(value, path, f"satisfy enum value set: [{', '.join(enum)}]")


def _of_blob(value: Any, path: str) -> None:
    if isinstance(value, bytes):
        return
    _expect(isinstance(value, str), path, value, "Blob")
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        raise Malformed(f"{path} is not valid base64") from None


def _within(shape: Shape, size: float, value: Any, path: str, measure: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _sentence(value, path, f"have {measure} greater than or equal to {least}")
    if most is not None and size > most:
        yield _sentence(value, path, f"have {measure} less than or equal to {most}")


def _sentence(value: Any, path: str, constraint: str) -> str:
    return f"Value '{_shown(value)}' at '{path}' failed to satisfy constraint: Member must {constraint}"


def _shown(value: Any) -> str:
    """Return a value as AWS formats it, in Java's notation."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return str(value)


def _name(path: str, member: str) -> str:
    lowered = member[:1].lower() + member[1:]
    return f"{path}.{lowered}" if path else lowered


def _expect(valid: bool, path: str, value: Any, kind: str) -> None:
    if not valid:
        raise Malformed(f"{path or 'The request'}: {type(value).__name__} cannot be converted to {kind}")


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the model. Patterns are Java's; only their Unicode classes are unknown to Python."""
    if r"\p{L}" in pattern:
        pattern = pattern.replace(r"\p{L}", "").replace(r"\p{Z}", r"\s").replace(r"\p{N}", r"\w")
    return re.compile(pattern)
