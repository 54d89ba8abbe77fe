"""The imports that a module executes in Lambda, read from its source text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final

_IMPORT_ERRORS: Final = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_ENVIRONMENT: Final = {"__name__", "version_info", "platform", "environ", "getenv"}
"""Names in conditions that detect where the code runs. Their value in Lambda is not known from the text."""

Deployed = Callable[[str], bool]
"""Predicate: whether the import of a dotted name succeeds in Lambda."""


def imports(node: ast.AST, deployed: Deployed) -> Iterator[tuple[ast.stmt, str]]:
    """Yield statement and dotted name of each import, including those inside functions.

    Left out: imports for the type checker, imports under a condition on the environment, and imports whose failure the
    module catches. If such an import is not deployed, the imports of its handler are yielded instead.
    """
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.Import):
            yield from ((part, alias.name) for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            if part.module is not None and part.level == 0:
                yield from ((part, f"{part.module}.{alias.name}") for alias in part.names)
        elif isinstance(part, ast.If):
            yield from _conditional(part, deployed)
        elif isinstance(part, ast.Try | ast.TryStar) and any(_catches(handler) for handler in part.handlers):
            yield from _optional(part, deployed)
        elif not (isinstance(part, ast.With) and any(_suppresses(item) for item in part.items)):
            yield from imports(part, deployed)


def _conditional(part: ast.If, deployed: Deployed) -> Iterator[tuple[ast.stmt, str]]:
    names = _names(part.test)
    if "TYPE_CHECKING" in names:
        yield from imports(_block(part.orelse), deployed)
    elif not names & _ENVIRONMENT:
        yield from imports(part, deployed)


def _optional(part: ast.Try | ast.TryStar, deployed: Deployed) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the imports of a ``try``: of its handlers if the body fails to import, otherwise of its ``else``."""
    succeeds = all(deployed(name) for _, name in imports(_block(part.body), deployed))
    if succeeds:
        yield from imports(_block(part.orelse), deployed)
    else:
        for handler in part.handlers:
            yield from imports(handler, deployed)
    yield from imports(_block(part.finalbody), deployed)


def _block(statements: list[ast.stmt]) -> ast.Module:
    return ast.Module(body=statements, type_ignores=[])


def _catches(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_names(handler.type) & _IMPORT_ERRORS)


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and "suppress" in _names(call.func) and bool(_names(call) & _IMPORT_ERRORS)


def _names(node: ast.AST) -> set[str]:
    """Return all names and attributes in an expression."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} | {
        part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)
    }
