"""Read docstrings: prose, the parameters that they describe, and attributes with the text below them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_ITEM = re.compile(r"([a-z_]+(?:, [a-z_]+)*): (.*)", re.DOTALL)
_MODULE = re.compile(r" \(see `[a-z_.]+`\)|; see `[a-z_.]+`")
_DEFAULT = re.compile(r"\s*Defaults to (.+?)\.$", re.DOTALL)


class Text(NamedTuple):
    """A docstring, taken apart."""

    prose: str
    """Markdown."""
    parameters: dict[str, str]
    """By name, what the docstring states about the parameter."""


class Attribute(NamedTuple):
    """An attribute of a class, or a property."""

    name: str
    type: str
    default: str
    """As written in the class; "" without one."""
    text: str


def read(docstring: str, parameters: Collection[str] = ()) -> Text:
    """Take a docstring apart. Only lines that start with one of ``parameters`` describe a parameter."""
    prose: list[str] = []
    described: dict[str, str] = {}
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        if block.startswith("    "):
            prose.append(f"```text\n{inspect.cleandoc(block)}\n```")
            continue
        paragraph: list[str] = []
        for item in _items(block, parameters):
            names = _names(item, parameters)
            if not names:
                paragraph.append(item)
            for name in names:
                described[name] = _sentence(item.partition(": ")[2])
        if paragraph:
            prose.append(markdown("\n".join(paragraph)))
    return Text("\n\n".join(prose), described)


def default_of(text: str) -> tuple[str, str]:
    """Split "… Defaults to X." into the text and X; X is "" where the text does not state it."""
    found = _DEFAULT.search(text)
    if not found:
        return text, ""
    try:
        ast.literal_eval(found[1])
    except (ValueError, SyntaxError):
        return text[: found.start()], found[1]
    return text[: found.start()], f"`{found[1]}`"


def attributes(cls: type) -> Iterator[Attribute]:
    """Yield the public attributes and properties of a class, in order."""
    for node in class_node(cls).body:
        if isinstance(node, ast.FunctionDef) and _is_property(node) and not node.name.startswith("_"):
            kind = ast.unparse(node.returns) if node.returns else ""
            yield Attribute(node.name, kind, "", one_line(ast.get_docstring(node) or ""))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            value = ast.unparse(node.value) if node.value else ""
            yield Attribute(node.target.id, ast.unparse(node.annotation), value, _below(cls, node))


def class_in(file: Path, name: str) -> ast.ClassDef:
    """Return a class of a module that is not imported, such as one that would start the CDK."""
    return next(node for node in _module(file).body if isinstance(node, ast.ClassDef) and node.name == name)


def class_node(cls: type) -> ast.ClassDef:
    return class_in(Path(inspect.getfile(cls)), cls.__name__)


def one_line(docstring: str) -> str:
    """Return a docstring as the text of a table's cell."""
    return markdown(" ".join(inspect.cleandoc(docstring).split()))


def markdown(text: str) -> str:
    """Return the text with code spans of Markdown, without line breaks and without pointers to other modules."""
    return _MODULE.sub("", " ".join(text.replace("``", "`").split())).strip()


def _sentence(text: str) -> str:
    return markdown(text[:1].upper() + text[1:])


def _items(block: str, parameters: Collection[str]) -> Iterator[str]:
    """Yield the parts of a block: prose, or the text of a parameter with its continuation lines."""
    item = ""
    names = "|".join(parameters)
    for line in re.sub(rf"(?<=\. )(?=(?:{names}): )", "\n", block).splitlines() if names else block.splitlines():
        # A sentence that starts a line is prose again. Anything else continues what is above it.
        ends = not line.startswith(" ") and (_names(line, parameters) or (_names(item, parameters) and _is_over(item)))
        if item and ends:
            yield item
            item = ""
        item = f"{item} {line.strip()}".strip()
    yield item


def _is_over(item: str) -> bool:
    return item.endswith(".")


def _names(item: str, parameters: Collection[str]) -> list[str]:
    found = _ITEM.fullmatch(item)
    names = found[1].split(", ") if found else []
    return names if all(name in parameters for name in names) else []


def _is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "property" for one in node.decorator_list)


def _below(cls: type, node: ast.AnnAssign) -> str:
    """Return the string that follows an attribute in its class, or ""."""
    body = class_node(cls).body
    index = body.index(node) + 1
    following = body[index] if index < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return one_line(str(following.value.value))
    return ""


@cache
def _module(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))
