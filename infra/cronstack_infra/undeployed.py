"""Imports of what lies beside the package of jobs: here it is in Python's path, in Lambda it is not there.

Told from the text, before anything is deployed: every test would pass, and every run would fail.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cronstack.errors import DeclarationError

_DEPLOYED: Final = "cronstack"
"""The runtime, which is put beside the jobs there, too."""


def undeployed(package: str, root: Path) -> Iterator[DeclarationError]:
    """One fault for each such import in a package of ``root``, also in its modules that begin with "_"."""
    for path in sorted((root / package).rglob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # importing it has told that, if anybody imports it
            continue
        for node, name in _imports(tree):
            if name in (package, _DEPLOYED) or not _lies_in(root, name):
                continue
            where = f"{path.relative_to(root.parent).as_posix()}:{node.lineno}"
            functions = root.name
            yield DeclarationError(
                f"it imports {name}, which lies beside the package of jobs and is not deployed with it",
                where=where,
                remedy=f"Move it to {functions}/{package}/_{name.lstrip('_')}, say, and import it from there: "
                f"the folder {functions}/{package} is deployed, and what {functions}/requirements.txt names.",
            )


def _lies_in(root: Path, name: str) -> bool:
    return (root / f"{name}.py").is_file() or any((root / name).glob("**/*.py"))


def _imports(node: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Statement and top-level name of each import that is carried out in any case."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.Import):
            yield from ((part, alias.name.partition(".")[0]) for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            if part.module is not None and part.level == 0:
                yield part, part.module.partition(".")[0]
        elif not isinstance(part, ast.If | ast.Try):  # for the type checker, or with something in its place
            yield from _imports(part)
