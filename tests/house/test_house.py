"""The structure of the project: which part may import which, and how large a file, a function and a folder may be."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests.house.layers import LAYERS
from tests.house.source import (
    AROUND,
    RUNTIME,
    Arrow,
    arrows,
    cycles,
    importing,
    module_of,
    python_files,
    siblings,
    tree,
)
from tests.places import ROOT, TESTS

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LARGEST_FOLDER = 15
"""Modules in a folder, without its ``__init__`` and ``conftest``."""
LONGEST_PURPOSE = 120
"""Characters of the line that states the purpose of a folder."""

PRODUCT = python_files(RUNTIME, AROUND)
PUBLIC_API = "cronstack"
"""The package imports its names when they are first used, so it is both below and above all other modules."""


def product_arrows() -> list[Arrow]:
    return [arrow for arrow in arrows(PRODUCT) if PUBLIC_API not in (arrow.importer, arrow.imported)]


def test_modules_have_no_import_cycle() -> None:
    arrows = product_arrows()
    for cycle in cycles((arrow.importer, arrow.imported) for arrow in arrows):
        imports = [str(arrow) for arrow in arrows if {arrow.importer, arrow.imported} <= set(cycle)]
        pytest.fail(
            "import cycle, type-only imports included; define a Protocol in the lower module:\n" + "\n".join(imports)
        )


def test_folders_have_no_import_cycle() -> None:
    between: dict[str, dict[tuple[str, str], Arrow]] = defaultdict(dict)
    for arrow in product_arrows():
        if parts := siblings(arrow):
            package, importer, imported = parts
            between[package][importer, imported] = arrow
    in_cycles = [
        f"in {package}: {arrow}"
        for package, pairs in between.items()
        for cycle in cycles(pairs)
        for pair, arrow in pairs.items()
        if set(pair) <= set(cycle)
    ]
    assert not in_cycles, "move what both need into one of them, or below both:\n" + "\n".join(in_cycles)


def test_lower_layers_never_import_higher_ones() -> None:
    wrong = []
    for arrow in product_arrows():
        parts = siblings(arrow)
        if parts is None or parts[0] not in LAYERS:
            continue
        package, importer, imported = parts
        layer = {child: number for number, children in enumerate(LAYERS[package]) for child in children}
        for child in (importer, imported):
            assert child in layer, f"{package}.{child} has no layer: add it to LAYERS in tests/house/layers.py"
        if layer[imported] >= layer[importer]:
            wrong.append(f"{arrow}, which is in the same layer or a higher one")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", LAYERS)
def test_layers_list_each_part_of_the_package(package: str) -> None:
    inside = {
        module_of(file).removeprefix(f"{package}.").partition(".")[0] for file in PRODUCT if within(file, package)
    }
    listed = [child for children in LAYERS[package] for child in children]
    assert sorted(listed) == sorted(inside)


def within(file: Path, package: str) -> bool:
    return module_of(file).startswith(f"{package}.")


def folders() -> dict[Path, list[Path]]:
    """Return each folder that contains Python files, with these files."""
    found: dict[Path, list[Path]] = defaultdict(list)
    for file in (*PRODUCT, *python_files(TESTS)):
        found[file.parent].append(file)
    return found


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_is_small_enough_to_be_read_at_a_glance(folder: Path) -> None:
    modules = [file.stem for file in folders()[folder] if file.stem not in {"__init__", "conftest"}]
    assert len(modules) <= LARGEST_FOLDER, f"{len(modules)} modules: which of them belong together?"


@pytest.mark.parametrize(
    "file", [file for file in PRODUCT if file.name == "__init__.py"], ids=lambda file: str(file.relative_to(ROOT))
)
def test_a_package_opens_with_its_purpose_in_one_line(file: Path) -> None:
    first = (ast.get_docstring(tree(file)) or "").partition("\n")[0]
    assert first.endswith("."), "the first line of the package's docstring is a sentence: what this folder is for"
    assert len(first) <= LONGEST_PURPOSE


def test_each_folder_of_tests_has_its_purpose_in_one_line() -> None:
    table = (TESTS / "README.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1].rstrip("/") for line in table.splitlines() if line.startswith("| `")]
    there = {str(folder.relative_to(TESTS)) for folder in folders() if folder.is_relative_to(TESTS)} - {"."}
    assert sorted(listed) == sorted(there), "tests/README.md lists each folder once"


@pytest.mark.parametrize("file", python_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_has_one_idea_and_fits_in_400_lines(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_FILE, f"{lines} lines: which second idea lives here?"


def test_a_function_fits_on_a_screen() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name} has {length} lines"
        for file in python_files()
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := _lines_of_code(node)) > LONGEST_FUNCTION
    ]
    assert not found, f"at most {LONGEST_FUNCTION} lines; its parts have names:\n" + "\n".join(found)


def _lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring, which may describe many parameters."""
    first = function.body[0]
    is_docstring = ast.get_docstring(function) is not None
    described = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - described


@pytest.mark.parametrize("file", PRODUCT, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_module_has_a_docstring(file: Path) -> None:
    assert ast.get_docstring(tree(file)), "open with a docstring that states the module's one idea"


def test_only_the_command_line_imports_the_command_line() -> None:
    others = [file for file in PRODUCT if not file.is_relative_to(AROUND / "cli")]
    assert not importing(others, ["cronstack_infra.cli"]), "take a Protocol of what is needed as an argument"
