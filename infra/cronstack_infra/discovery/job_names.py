"""The names of the declared jobs, read from the source text: nothing is imported. For shell completion.

It finds ``@job(...)`` above a function of a module, as ``cronstack new job`` writes it. A job that is declared in
another way is missing; an unreadable file is skipped.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST: Final = 1_000
"""Most files that are read: a completion must not block the shell."""


def job_names(package: str, root: Path) -> list[str]:
    """Return the names of the jobs of ``package``, a folder in ``root``, sorted. Empty if the folder is missing."""
    if not package.isidentifier():
        return []
    names: set[str] = set()
    for number, path in enumerate((root / package).rglob("*.py")):
        if number >= MOST:
            break
        if not any(part.startswith((".", "_")) and part != "__init__.py" for part in path.relative_to(root).parts):
            names.update(_names(path))
    return sorted(names)


def _names(path: Path) -> Iterator[str]:
    try:
        source = path.read_bytes()
        tree = ast.parse(source) if b"job" in source else ast.Module([], [])
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and _is_job(decorator.func):
                    yield _given_name(decorator) or node.name


def _is_job(decorator: ast.expr) -> bool:
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return name == "job"


def _given_name(decorator: ast.Call) -> str:
    """Return the argument ``name``, if it is written as text; else ""."""
    for keyword in decorator.keywords:
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
            return keyword.value.value
    return ""
