"""Rules of the local cloud: where its halves meet, how long its main path is, where privates of moto are named."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import AROUND, importing, python_files, tree
from tests.places import ROOT

# The APIs of the local cloud: members of moto that are replaced, and their checks.
APIS = ("apis", "functions")
# What carries the engine's effects out. Look-ups (effects.functions, effects.queues) are for both sides.
EFFECTS = (
    "drive",
    "effects.deliveries",
    "effects.destinations",
    "effects.invoker",
    "effects.lookups",
    "effects.rule_targets",
    "effects.runner",
    "effects.source_polls",
    "effects.targets",
)
LOOKUPS = ("effects.functions", "effects.queues", "effects.permissions", "effects.universal", "effects.lineage")


def files_of(rooms: tuple[str, ...]) -> list[Path]:
    """The files of rooms in local; a room is a module or a folder."""
    places = [AROUND / "local" / room.replace(".", "/") for room in rooms]
    missing = [str(place) for place in places if not place.is_dir() and not place.with_suffix(".py").exists()]
    assert not missing, f"moved? {missing}"
    return python_files(*places, *(place.with_suffix(".py") for place in places))


def test_apis_and_effects_of_the_local_cloud_meet_in_the_engines_port() -> None:
    effects = tuple(f"cronstack_infra.local.{room}" for room in EFFECTS)
    apis = tuple(f"cronstack_infra.local.{room}" for room in APIS)
    found = importing(files_of(APIS), effects)
    found += importing(files_of((*EFFECTS, *LOOKUPS)), apis)
    assert not found, "call local.engine.port, or look it up in effects.functions:\n" + "\n".join(found)


def test_the_path_from_a_schedule_to_its_handler_is_fifteen_files_long() -> None:
    local = AROUND / "local"
    lines = (ast.get_docstring(tree(local / "__init__.py")) or "").splitlines()
    path = [line.split()[1] for line in lines if line.strip()[:1].isdigit()]
    assert 0 < len(path) <= 15
    assert [name for name in path if not (local / name).exists()] == []


# Private by their first letter only: Python documents them.
DOCUMENTED = {"_asdict", "_exit", "_fields", "_getframe", "_make", "_replace"}
# Python's own, which a simulation replaces or steers in its process.
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


def own_privates(module: ast.Module) -> set[str]:
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


def strange_privates(file: Path) -> Iterator[str]:
    """Uses of private members of other objects: not of self or cls in a method, of super(), or of the module's classes.

    A module-level function whose first parameter is called self gets an object of moto's, and so does a method of a
    class that is derived from one of moto's.
    """
    module = tree(file)
    own = own_privates(module)
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
    found = [use for file in files if file.name != "privates.py" for use in strange_privates(file)]
    assert not found, "give it a function in local/moto/privates.py:\n" + "\n".join(found)
