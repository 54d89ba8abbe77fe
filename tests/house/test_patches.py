"""Rules for the patches of moto: only the table of patches changes moto, and one module applies the table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import AROUND, imports, python_files, tree
from tests.places import ROOT

PATCHES = AROUND / "local" / "patches"
MECHANISM = {f"cronstack_infra.local.moto.patch.{name}" for name in ("apply", "unpatch", "repatch")}
APPLIED_BY = {AROUND / "local" / "patches" / "install.py"}
MUTATORS = {"append", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}


def names_of_moto(module: ast.Module) -> set[str]:
    """Return the names of what a module imports from moto, aliases included: ``answers: Any = LambdaResponse``."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {(one.asname or one.name).split(".")[0] for one in node.names if one.name.split(".")[0] == "moto"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "moto":
            found |= {one.asname or one.name for one in node.names}
    for node in ast.walk(module):
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is not None and root_of(value) in found:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[union-attr]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def root_of(node: ast.AST) -> str:
    """Return the first name of a plain chain: "Queue" of ``Queue.attributes``; "" when it contains a look-up."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def changes(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each change of an attribute, or of an entry of an attribute, of what a module imports from moto."""
    motos = names_of_moto(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed: ast.AST = node
            while isinstance(changed, ast.Subscript):
                changed = changed.value
            if isinstance(changed, ast.Attribute) and root_of(changed) in motos:
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call):
            called = node.func
            of_moto = [argument for argument in node.args[:1] if root_of(argument) in motos]
            if isinstance(called, ast.Name) and called.id in ("setattr", "delattr") and of_moto:
                yield node.lineno, ast.unparse(node)
            if isinstance(called, ast.Attribute) and called.attr in MUTATORS:
                held = called.value
                if isinstance(held, ast.Attribute) and root_of(held) in motos:
                    yield node.lineno, ast.unparse(node)


def test_only_patches_of_the_table_change_moto() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line} changes {what}"
        for file in python_files(AROUND)
        if file != AROUND / "local" / "moto" / "patch.py"
        for line, what in changes(tree(file))
    ]
    assert not found, "declare a Patch in PATCHES, and list the module in local/patches/table.py:\n" + "\n".join(found)


def test_one_module_applies_the_table() -> None:
    found = [
        str(one)
        for file in python_files(AROUND)
        if file not in APPLIED_BY
        for one in imports(file)
        if one.name in MECHANISM or one.name == "cronstack_infra.local.moto.patch"
    ]
    assert not found, "call local.patches.install:\n" + "\n".join(found)


def test_the_table_lists_every_module_with_patches() -> None:
    from cronstack_infra.local.patches.table import modules

    declaring = {file for file in python_files(AROUND) if declares_patches(file)}
    assert declaring == {Path(str(module.__file__)) for module in modules()}


def declares_patches(file: Path) -> bool:
    targets = (node.target for node in tree(file).body if isinstance(node, ast.AnnAssign))
    return any(isinstance(target, ast.Name) and target.id == "PATCHES" for target in targets)


@pytest.mark.parametrize(
    "line",
    [
        "Queue.messages = 1",
        "setattr(Queue, 'messages', 1)",
        "delattr(urls, 'x')",
        "urls.url_paths['x'] = 1",
        "del urls.url_paths['x']",
        "urls.url_paths.pop('x')",
        "Queue.BASE_ATTRIBUTES.append('x')",
        "alias: Any = Queue\nalias.messages = 1",
        "Queue.counted += 1",
        "moto.sqs.models.Queue.messages = 1",
    ],
)
def test_the_rule_finds_a_change(line: str) -> None:
    imported = "import moto.sqs.models\nfrom moto.sqs import urls\nfrom moto.sqs.models import Queue\n"
    assert len(list(changes(ast.parse(imported + line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "queue = sqs_backends[account][region].queues['q']\nqueue.policy = None",
        "sqs_backends[account][region].queues.pop('q')",
        "found = Queue.attributes",
        "made = Queue('q')\nmade.policy = None",
    ],
)
def test_the_rule_allows_changes_of_state(line: str) -> None:
    text = f"from moto.sqs.models import Queue, sqs_backends\n{line}\n"
    assert list(changes(ast.parse(text))) == []
