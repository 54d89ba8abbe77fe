"""Edits of a definition, matched on its syntax tree: formatting, comments and line breaks do not matter."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from textwrap import dedent
from typing import NamedTuple

Change = Callable[[], None]
"""Applies an edit at one of the places that it fits."""


class Code(NamedTuple):
    """Replaces an expression, or consecutive statements. Without ``new``, deletes the statements."""

    old: str
    new: str

    def fits(self, definition: ast.stmt) -> list[Change]:
        old, new = (ast.parse(dedent(text)).body for text in self)
        match old, new:
            case [ast.Expr(before)], [ast.Expr(after)]:
                return list(_expressions(definition, before, after))
        return list(_statements(definition, old, new))


class Text(NamedTuple):
    """Replaces a part of a string, for example one clause of a condition expression."""

    old: str
    new: str

    def fits(self, definition: ast.stmt) -> list[Change]:
        return [
            partial(setattr, node, "value", node.value.replace(self.old, self.new))
            for node in ast.walk(definition)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            for _ in range(node.value.count(self.old))
        ]


Edit = Code | Text


def _expressions(definition: ast.stmt, old: ast.expr, new: ast.expr) -> Iterator[Change]:
    wanted = ast.dump(old)
    for parent in ast.walk(definition):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, list):
                yield from (
                    partial(value.__setitem__, at, new)
                    for at, item in enumerate(value)
                    if isinstance(item, ast.expr) and ast.dump(item) == wanted
                )
            elif isinstance(value, ast.expr) and ast.dump(value) == wanted:
                yield partial(setattr, parent, name, new)


def _statements(definition: ast.stmt, old: list[ast.stmt], new: list[ast.stmt]) -> Iterator[Change]:
    wanted = [ast.dump(statement) for statement in old]
    for parent in ast.walk(definition):
        for field, block in ast.iter_fields(parent):
            if not isinstance(block, list) or not block or not isinstance(block[0], ast.stmt):
                continue
            instead = [ast.Pass()] if not new and field == "body" and len(block) == len(old) else new
            dumped = [ast.dump(statement) for statement in block]
            for at in range(len(block) - len(old) + 1):
                if dumped[at : at + len(old)] == wanted:
                    yield partial(block.__setitem__, slice(at, at + len(old)), instead)
