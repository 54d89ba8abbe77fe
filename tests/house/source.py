"""The project's Python files as syntax trees, and their imports. Nothing is executed."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.places import ROOT

FUNCTIONS = ROOT / "functions"
INFRA = ROOT / "infra"
RUNTIME = FUNCTIONS / "cronstack"
AROUND = INFRA / "cronstack_infra"


class Import(NamedTuple):
    """One imported name. ``name`` is dotted: ``from a import b`` is "a.b"."""

    file: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.name}"


@cache
def python_files(*folders: Path) -> tuple[Path, ...]:
    """Return the Python files below the folders that git tracks or would add. Without folders, return all."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    files = [ROOT / name for name in listed if (ROOT / name).exists()]
    return tuple(sorted(f for f in files if not folders or any(f.is_relative_to(folder) for folder in folders)))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def type_checking_only(module: ast.Module) -> set[ast.AST]:
    """Return the nodes under ``if TYPE_CHECKING:``. They are never executed."""
    return {
        inner
        for node in ast.walk(module)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(file: Path, *, executed_only: bool = False) -> Iterator[Import]:
    """Yield each name that a file imports, at the top, inside a function or for types."""
    skipped = type_checking_only(tree(file)) if executed_only else set()
    for node in ast.walk(tree(file)):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (Import(file, node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def importing(files: Iterable[Path], modules: Iterable[str], *, executed_only: bool = False) -> list[str]:
    """Return the places where files import one of the modules, or a name in it."""
    modules = tuple(modules)
    return [
        str(found)
        for file in files
        for found in imports(file, executed_only=executed_only)
        if any(found.name == module or found.name.startswith(f"{module}.") for module in modules)
    ]


def module_of(file: Path) -> str:
    """Return the dotted name by which a file is imported. For an ``__init__`` it is the package's name."""
    parts = file.relative_to(FUNCTIONS if file.is_relative_to(FUNCTIONS) else INFRA).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Arrow(NamedTuple):
    """One import between two modules, by their dotted names."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer} (line {self.line}) imports {self.imported}"


def arrows(files: Iterable[Path]) -> list[Arrow]:
    """Return the imports between the files, type-only imports and imports inside functions included."""
    by_name = {module_of(file): file for file in files}
    found = []
    for importer, file in by_name.items():
        for imported in imports(file):
            module = imported.name if imported.name in by_name else imported.name.rpartition(".")[0]
            if module in by_name and module != importer:
                found.append(Arrow(importer, module, imported.line))
    return found


def cycles(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the groups of two or more names that can all reach each other (Tarjan's algorithm)."""
    following: dict[str, set[str]] = {}
    for first, second in pairs:
        following.setdefault(first, set()).add(second)
        following.setdefault(second, set())
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = lowest[name] = len(index)
        stack.append(name)
        for after in following[name]:
            if after not in index:
                visit(after)
                lowest[name] = min(lowest[name], lowest[after])
            elif after in stack:
                lowest[name] = min(lowest[name], index[after])
        if lowest[name] == index[name]:
            start = stack.index(name)
            group = stack[start:]
            del stack[start:]
            if len(group) > 1:
                found.append(sorted(group))

    for name in following:
        if name not in index:
            visit(name)
    return found


def siblings(arrow: Arrow) -> tuple[str, str, str] | None:
    """Return the package that contains both ends of an arrow, and its two children there: a module or a folder each.

    None where one module contains the other: a package and its content.
    """
    importer, imported = arrow.importer.split("."), arrow.imported.split(".")
    same = next((n for n, (a, b) in enumerate(zip(importer, imported, strict=False)) if a != b), None)
    if same is None:
        return None
    return ".".join(importer[:same]), importer[same], imported[same]
