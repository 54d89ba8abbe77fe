"""Rules for the local cloud: its boundaries, the length of its main path, and where privates of moto are named."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import AROUND, importing, imports, python_files, tree
from tests.places import ROOT


def test_effects_never_import_the_apis_of_lambda() -> None:
    """For the other APIs, the layers already forbid it: use the engine's port or ``local.lookups`` instead."""
    files = python_files(AROUND / "local" / "effects")
    assert files
    assert not importing(files, ["cronstack_infra.local.lambda_api"])


ENTRANCES = {"extras.types", "extras.universal_calls", "extras.universal_targets"}
"""The modules of ``local.extras`` that the rest of the local cloud imports."""


def test_the_local_cloud_imports_extras_by_their_entrances_only() -> None:
    """Each feature in ``extras`` can be deleted together with one entrance."""
    outside = [file for file in python_files(AROUND) if not file.is_relative_to(AROUND / "local" / "extras")]
    entrances = tuple(f"cronstack_infra.local.{name}" for name in ENTRANCES)
    extras = [one for file in outside for one in imports(file) if one.name.startswith("cronstack_infra.local.extras")]
    assert {one.name for one in extras if one.name.startswith(entrances)}, "the rule matches nothing"
    assert [str(one) for one in extras if not one.name.startswith(entrances)] == []


def test_the_map_of_the_local_cloud_names_at_most_fifteen_files_that_exist() -> None:
    """tests/local/test_path.py shows that a call passes through them."""
    assert 0 < len(files_on_the_map()) <= 15
    assert [name for name in files_on_the_map() if not (AROUND / "local" / name).exists()] == []


def files_on_the_map() -> list[str]:
    """The files that the docstring of ``local`` numbers, in its order."""
    lines = (ast.get_docstring(tree(AROUND / "local" / "__init__.py")) or "").splitlines()
    return [line.split()[1] for line in lines if line.strip()[:1].isdigit()]


# Python documents these names, although they start with an underscore.
DOCUMENTED = {"_asdict", "_exit", "_fields", "_getframe", "_make", "_replace"}
# Private members of Python's standard library that a simulation replaces in its process.
PYTHONS_OWN = {
    "_PyRLock",
    "_active",
    "_data",
    "_get_running_loop",
    "_invoke_excepthook",
    "_is_stopped",
    "_set_running_loop",
    "_started",
}


def own_private_members(module: ast.Module) -> set[str]:
    """Names with one underscore that a module's classes define: methods, fields, and what a method assigns to self."""
    found = set()
    for kind in (node for node in ast.walk(module) if isinstance(node, ast.ClassDef)):
        for node in ast.walk(kind):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and names_one_of(node, ["self"]):
                found.add(node.attr)
    return found


def foreign_private_members(file: Path) -> Iterator[str]:
    """Uses of private members of other objects: not of self or cls in a method, of super(), or of the module's classes.

    A module-level function whose first parameter is called self gets an object of moto's, and so does a method of a
    class that is derived from one of moto's.
    """
    module = tree(file)
    own = own_private_members(module)
    motos = {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moto")
        for alias in node.names
    }
    ours = set()
    for kind in (node for node in ast.walk(module) if isinstance(node, ast.ClassDef)):
        if any(ast.unparse(base) in motos for base in kind.bases):
            continue
        for method in (node for node in kind.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            first = [argument.arg for argument in method.args.args[:1]]
            ours |= {node for node in ast.walk(method) if isinstance(node, ast.Attribute) and names_one_of(node, first)}
    for node in ast.walk(module):
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.startswith("__"):
            continue
        if node in ours or node.attr in own | DOCUMENTED or ast.unparse(node.value) == "super()":
            continue
        if node.attr not in PYTHONS_OWN or not file.is_relative_to(AROUND / "play" / "simulation"):
            yield f"{file.relative_to(ROOT)}:{node.lineno} uses {ast.unparse(node)}"


def names_one_of(node: ast.Attribute, names: list[str]) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in names


def test_private_members_of_moto_are_named_in_one_module_only() -> None:
    files = python_files(AROUND / "local", AROUND / "play", AROUND / "testing")
    assert files
    found = [use for file in files if file.name != "privates.py" for use in foreign_private_members(file)]
    assert not found, "give it a function in local/moto/privates.py:\n" + "\n".join(found)
