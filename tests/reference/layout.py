"""Markdown of the reference: tables, and a callable with its signature, parameters and prose."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from textwrap import fill
from typing import Any

from tests.reference.docstrings import attributes, default_of, read

NONE = "none"
WIDTH = 100


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(text: str) -> str:
    return f"`{text}`" if text else NONE


def block(text: str) -> str:
    return f"```text\n{text}\n```\n"


def of_callable(name: str, function: Callable[..., Any], *, more: str = "") -> str:
    """Return the section of a function: its signature, its prose, and a table of its parameters.

    ``more`` is a further docstring about the same parameters.
    """
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    text = read(f"{inspect.cleandoc(function.__doc__ or '')}\n\n{more}", [one.name for one in parameters])
    parts = [f"### `{name}`\n", block(fill(_signature(name, parameters), WIDTH, subsequent_indent="    "))]
    if text.prose:
        parts.append(f"{text.prose}\n")
    if text.parameters:
        parts.append(
            table(("parameter", "default", "meaning"), (_parameter(one, text.parameters) for one in parameters))
        )
    return "\n".join(parts)


def of_attributes(cls: type, *, prefix: str = "", skip: Sequence[str] = ()) -> str:
    """Return a table of the attributes and properties of a class."""
    found = [one for one in attributes(cls) if one.name not in skip]
    rows = [(code(f"{prefix}{one.name}"), code(one.type), one.text) for one in found]
    return table(("attribute", "type", "meaning"), rows)


def shown(value: object) -> str:
    """Return a default as it is written in Python, with double quotes."""
    text = repr(value)
    return f'"{value}"' if isinstance(value, str) else text


def _signature(name: str, parameters: Sequence[inspect.Parameter]) -> str:
    written: list[str] = []
    for one in parameters:
        if (
            one.kind is inspect.Parameter.KEYWORD_ONLY
            and "*" not in written
            and not any(text.startswith("*") for text in written)
        ):
            written.append("*")
        stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(one.kind, "")
        default = "" if one.default is inspect.Parameter.empty else f"={shown(one.default)}"
        written.append(f"{stars}{one.name}{default}")
    return f"{name}({', '.join(written)})"


def _parameter(parameter: inspect.Parameter, described: dict[str, str]) -> tuple[str, str, str]:
    text, default = default_of(described.get(parameter.name, ""))
    if not default:
        default = "required" if parameter.default is inspect.Parameter.empty else code(shown(parameter.default))
    return code(parameter.name), default, text
