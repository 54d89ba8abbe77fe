"""An import only defines names: it changes no environment variable, path, signal handler or log."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.source import RUNTIME, python_files, tree
from tests.places import ROOT

PROGRAMS = {"__main__.py", "app.py"}
"""Names of the files that are run, not imported."""
PROCESS_WIDE = (
    "os.environ",
    "os.putenv",
    "os.chdir",
    "sys.path",
    "sys.modules",
    "sys.meta_path",
    "signal.signal",
    "atexit.register",
    "logging.basicConfig",
    "logging.getLogger",
    "warnings.filterwarnings",
    "warnings.simplefilter",
    "locale.setlocale",
)
"""What an import must neither read nor change."""


def effects_at_import(module: ast.Module) -> Iterator[ast.AST]:
    """Yield each effect of an import other than defining names and changing the module's own objects."""
    own = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {target.id for node in module.body for target in targets(node) if isinstance(target, ast.Name)}
    statements = list(module.body)
    while statements:
        match statement := statements.pop():
            case ast.Import() | ast.ImportFrom() | ast.Expr(ast.Constant()):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                executed: list[ast.AST] = [*statement.decorator_list, statement.args]
            case ast.ClassDef():
                statements += statement.body
                executed = [*statement.decorator_list, *statement.bases]
            case ast.If(ast.Name("TYPE_CHECKING")):
                continue
            case ast.If(ast.Compare(ast.Name("__name__"))):
                continue
            case ast.Assign() | ast.AnnAssign() if all(owner(target) in own for target in targets(statement)):
                executed = [statement.value] if statement.value else []
            case ast.Assign() | ast.AnnAssign() if all(isinstance(target, ast.Name) for target in targets(statement)):
                executed = [statement.value] if statement.value else []  # in a class
            case ast.Expr(ast.Call(ast.Attribute(value)) as call) if owner(value) in own:
                executed = [call]
            case _:
                yield statement
                continue
        yield from (node for part in executed for node in ast.walk(part) if is_process_wide(node))


def targets(node: ast.stmt) -> list[ast.expr]:
    """Return what a statement assigns to."""
    found = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [part for target in found for part in (target.elts if isinstance(target, ast.Tuple) else [target])]


def owner(node: ast.expr) -> str:
    """Return the name whose object a target belongs to: "stubber" for ``stubber.enabled``, "NAME" for ``NAME``."""
    return node.id if isinstance(node, ast.Name) else owner(node.value) if isinstance(node, ast.Attribute) else ""


def is_process_wide(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) in PROCESS_WIDE


def test_an_import_only_defines_names() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', '')} {ast.unparse(node).splitlines()[0]}"
        for file in python_files(RUNTIME, ROOT / "infra")
        if file.name not in PROGRAMS
        for node in effects_at_import(tree(file))
    ]
    assert not found, "do it in a function that is called, or in a context manager that restores it:\n" + "\n".join(
        found
    )


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['A'] = 'b'",
        "import os\nREGION = os.environ.get('AWS_REGION')",
        "import sys\nsys.path.insert(0, 'x')",
        "from a import give\ngive(1)",
        "from a import thing\nthing.enabled = True",
        "import signal\nBEFORE = signal.signal(signal.SIGINT, signal.SIG_DFL)",
        "class A:\n    import os\n    b = os.environ['A']",
        "with open('x') as file:\n    TEXT = file.read()",
        "import logging\n\ndef f(log=logging.getLogger('a')): ...",
        "for name in ('a', 'b'):\n    globals()[name] = 1",
    ],
)
def test_an_effect_at_import_is_found(source: str) -> None:
    assert list(effects_at_import(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        '"""What it is."""\nimport os\nA, B = 1, 2\n"""Of A."""\nclass C:\n    x: int = 1\n    y = x',
        "import signal\nENDS = (signal.SIGTERM, signal.SIGINT)",
        "import os\n\ndef f():\n    os.environ['A'] = 'b'",
        "THING = make()\nTHING.enabled = True\nTHING.add(1)",
        "if TYPE_CHECKING:\n    from a import b\nif __name__ == '__main__':\n    main()",
    ],
)
def test_defining_names_is_no_effect(source: str) -> None:
    assert not [ast.unparse(node) for node in effects_at_import(ast.parse(source))]
