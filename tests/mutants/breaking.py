"""Finds a mutant's definition in the runtime's syntax trees, and applies its edit to a copy of the module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import Mutant
from tests.places import ROOT

SOURCE = ROOT / "functions" / "cronstack"

Modules = Mapping[Path, ast.Module]
"""The modules of a package, by their path within it."""


class Broken(NamedTuple):
    """A module with the mutant's edit, and its path within the package."""

    path: Path
    module: ast.Module


@cache
def runtime() -> Modules:
    return {
        file.relative_to(SOURCE): ast.parse(file.read_text(encoding="utf-8")) for file in sorted(SOURCE.rglob("*.py"))
    }


def break_one(mutant: Mutant, modules: Modules) -> Broken:
    """Return the broken module. Raise LookupError unless the edit fits exactly once in the definitions of that name."""
    named = [path for path, module in modules.items() for _ in definitions(module.body, mutant.where)]
    copies = {path: deepcopy(modules[path]) for path in named}
    fits = [
        (path, change)
        for path, copy in copies.items()
        for definition in definitions(copy.body, mutant.where)
        for change in mutant.edit.fits(definition)
    ]
    if len(fits) != 1:
        where = ", ".join(map(str, copies)) or "no module"
        raise LookupError(
            f"mutant {mutant.name!r}: its edit fits {len(fits)} times in {mutant.where} (in {where}), not once:"
            f" change `where` or `old` in tests/mutants to\n{mutant.edit.old}"
        )
    [(path, change)] = fits
    change()
    return Broken(path, ast.fix_missing_locations(copies[path]))


def definitions(body: Iterable[ast.stmt], name: str) -> Iterator[ast.stmt]:
    """Yield each function, method, class and constant of this qualified name, such as ``Delivery.closing``."""
    first, _, rest = name.partition(".")
    for statement in body:
        match statement:
            case ast.ClassDef() if rest and statement.name == first:
                yield from definitions(statement.body, rest)
            case ast.FunctionDef() | ast.ClassDef() if statement.name == name:
                yield statement
            case ast.AnnAssign(target=ast.Name(id)) | ast.Assign(targets=[ast.Name(id)]) if id == name:
                yield statement
