"""The house polices itself: who imports whom, what is banned where, how long a file may be, each with its reason."""

from __future__ import annotations

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / "functions" / "cronstack"
AROUND = ROOT / "infra" / "cronstack_infra"
LONGEST_FILE = 400
MOST_MODULES = 15
SORTED_ROOMS = (
    *(AROUND / room for room in ("cli", "demo", "discovery", "ops", "testing", "toolchain")),
    *(ROOT / "tests" / room for room in ("cli", "ops")),
)
"""Rooms in which no folder has more modules than that."""

# Lower never imports higher. A room that stands in one line with others is their equal: they do not import each other.
STOREYS = (
    ("errors",),
    ("defaults", "rows"),
    ("settings", "clock", "entropy"),
    ("cron_fields", "zones"),
    ("unix_cron",),
    ("expressions",),
    ("instants",),
    ("occurrence", "payload"),
    ("event", "local_time"),
    ("run",),
    ("steps",),
    ("admission",),
    ("items", "carrier"),
    ("statements",),
    ("run_requests",),
    ("plan_requests",),
    ("transport",),
    ("driver",),
    ("delivery",),
    ("deferral", "planner"),
    ("letters", "attempt", "slot"),
    ("claim",),
    ("protocol",),
    ("logs",),
    ("runtime",),
    ("declaration",),
    ("bulk",),
    ("once",),
)
# Everything up to here is pure: no IO, no clock, no randomness, no environment.
PURE = (
    "errors",
    "defaults",
    "cron_fields",
    "zones",
    "unix_cron",
    "expressions",
    "instants",
    "occurrence",
    "payload",
    "event",
    "local_time",
    "run",
    "declaration",
    "steps",
    "rows",
    "admission",
    "driver",
    "carrier",
    "items",
)
IMPURE_MODULES = {
    "os",
    "time",
    "random",
    "uuid",
    "secrets",
    "socket",
    "subprocess",
    "io",
    "pathlib",
    "boto3",
    "botocore",
}

# Time and randomness are arguments; only these may read them. (The drive is the engine's real clock; the pretence
# takes the place of both in a simulation.)
CLOCK_READERS = {
    RUNTIME / "clock.py",
    RUNTIME / "entropy.py",
    AROUND / "local" / "drive.py",
    AROUND / "play" / "simulation" / "process" / "pretence.py",
}
BANNED_CALLS = {
    "datetime.now",
    "datetime.utcnow",
    "date.today",
    "time.time",
    "time.sleep",
    "os.urandom",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
}
BANNED_MODULES = {"random", "uuid", "secrets"}


def python_files(*folders: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    files = [ROOT / name for name in listed if (ROOT / name).exists()]
    return sorted(f for f in files if not folders or any(f.is_relative_to(folder) for folder in folders))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def type_checking_only(module: ast.Module) -> set[ast.AST]:
    """Nodes under ``if TYPE_CHECKING:``; they are never executed."""
    return {
        inner
        for node in ast.walk(module)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(file: Path, *, executed_only: bool = True) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of each import, ``from a import b`` as "a.b"."""
    skipped = type_checking_only(tree(file)) if executed_only else set()
    for node in ast.walk(tree(file)):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def violations(files: list[Path], forbidden: tuple[str, ...], *, executed_only: bool = True) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files
        for line, name in imports(file, executed_only=executed_only)
        if any(name == ban or name.startswith(f"{ban}.") for ban in forbidden)
    ]


def test_the_runtime_ships_into_lambda_with_the_standard_library_and_botocore_only() -> None:
    import sys

    allowed = set(sys.stdlib_module_names) | {"cronstack", "boto3", "botocore"}
    found = [
        f"{file.relative_to(ROOT)}:{line} imports {name}; cold start pays for it, use the standard library"
        for file in python_files(RUNTIME)
        for line, name in imports(file)
        if name.split(".")[0] not in allowed
    ]
    assert not found, "\n".join(found)


def test_botocore_is_loaded_only_where_aws_is_called() -> None:
    files = [f for f in python_files(RUNTIME) if f.stem != "transport"]
    assert not violations(files, ("boto3", "botocore")), "call AWS through cronstack.transport"


def test_lower_rooms_never_import_higher_ones() -> None:
    storey = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}
    found = []
    for file in python_files(RUNTIME):
        if file.stem == "__init__":
            continue
        assert file.stem in storey, f"{file.name} has no storey: say in STOREYS where it belongs"
        for line, name in imports(file, executed_only=False):
            if not name.startswith("cronstack."):
                continue
            room = next((part for part in reversed(name.split(".")) if part in storey), file.stem)
            if room != file.stem and storey[room] >= storey[file.stem]:
                found.append(f"{file.relative_to(ROOT)}:{line} imports {name}, which stands above it or beside it")
    assert not found, "\n".join(found)


def test_what_is_below_the_ledger_is_pure() -> None:
    files = [file for file in python_files(RUNTIME) if file.stem in PURE]
    assert not violations(files, tuple(IMPURE_MODULES)), "take time, randomness and environment as arguments"


def test_nobody_imports_source_roots_as_packages() -> None:
    bad = violations(python_files(), ("functions", "infra"), executed_only=False)
    assert not bad, "it would load everything twice: import cronstack, cronstack_infra, jobs or examples"


def test_jobs_and_examples_use_the_face_only() -> None:
    files = python_files(ROOT / "functions" / "jobs", ROOT / "functions" / "examples")
    assert files
    rooms = tuple(
        f"cronstack.{file.relative_to(RUNTIME).parts[0].removesuffix('.py')}" for file in python_files(RUNTIME)
    )
    assert not violations(files, (*rooms, "cronstack_infra"), executed_only=False), "import from cronstack itself"


def test_the_stack_and_the_local_cloud_meet_only_in_the_template() -> None:
    local = python_files(AROUND / "local", AROUND / "play")
    assert not violations(local, ("aws_cdk", "constructs", "cronstack_infra.aws"), executed_only=False)
    aws = python_files(AROUND / "aws")
    assert aws
    assert not violations(aws, ("moto", "cronstack_infra.local", "cronstack_infra.ops"), executed_only=False)


def test_operators_tools_do_not_know_which_cloud_they_are_on() -> None:
    files = python_files(AROUND / "ops")
    assert files
    assert not violations(
        files, ("moto", "aws_cdk", "cronstack_infra.local", "cronstack_infra.aws", "boto3.client"), executed_only=True
    )


def test_only_the_command_line_imports_the_command_line() -> None:
    files = [file for file in python_files(AROUND) if not file.is_relative_to(AROUND / "cli")]
    assert files
    found = violations(files, ("cronstack_infra.cli",), executed_only=False)
    assert not found, "take a value, a function or a Protocol as an argument:\n" + "\n".join(found)


def test_time_and_randomness_are_arguments() -> None:
    found = []
    for file in python_files(ROOT / "functions", ROOT / "infra"):
        if file in CLOCK_READERS or file.is_relative_to(AROUND / "cli") or file.is_relative_to(AROUND / "scaffold"):
            continue  # (what the scaffold holds is its user's)
        found += [
            f"{file.relative_to(ROOT)}:{n} imports {m}" for n, m in imports(file) if m.split(".")[0] in BANNED_MODULES
        ]
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in BANNED_CALLS:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno} uses {ast.unparse(node)}")
    assert not found, "take it as an argument, or from cronstack.clock, cronstack.entropy:\n" + "\n".join(found)


def test_tests_do_not_patch_modules() -> None:
    bad = violations(python_files(ROOT / "tests"), ("unittest.mock", "mock"), executed_only=False)
    assert not bad, "hold parts to a contract kit instead:\n" + "\n".join(bad)


def test_a_folder_has_few_modules() -> None:
    counted = Counter(file.parent for room in SORTED_ROOMS for file in python_files(room) if file.stem != "__init__")
    assert set(SORTED_ROOMS) <= set(counted)
    found = [f"{folder.relative_to(ROOT)}: {n} modules" for folder, n in counted.items() if n > MOST_MODULES]
    assert not found, "give a family of modules a folder:\n" + "\n".join(found)


@pytest.mark.parametrize("file", python_files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_has_one_idea_and_fits_in_400_lines(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_FILE, f"{lines} lines: which second idea lives here?"


@pytest.mark.parametrize(
    "file", python_files(ROOT / "functions", ROOT / "infra"), ids=lambda f: str(f.relative_to(ROOT))
)
def test_each_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(tree(file)), "open with the module's one idea"
