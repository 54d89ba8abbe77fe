"""Coding rules of the project: what is banned in which part, and what to use instead."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.house.source import AROUND, FUNCTIONS, INFRA, RUNTIME, importing, imports, python_files, tree
from tests.places import ROOT, TESTS

# Pure: no IO, no clock, no randomness, no environment. Folders and modules of the runtime.
PURE = (
    "declaration.py",
    "defaults.py",
    "errors.py",
    "event.py",
    "occurrence.py",
    "payload.py",
    "run.py",
    "steps.py",
    "timetable",
    "ledger",
    "guard/decision.py",
    "guard/carrier.py",
    "guard/carried.py",
    "watchdog/accounts.py",
    "watchdog/checks",
    "watchdog/expecting.py",
    "watchdog/incidents.py",
    "watchdog/snapshot.py",
    "watchdog/texts.py",
    "watchdog/words.py",
)
IMPURE_MODULES = (
    "boto3",
    "botocore",
    "io",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "time",
    "uuid",
)

# Time and randomness are arguments. Only these modules read them: the drive is the engine's real clock, and the patched
# process replaces clock and randomness in a simulation.
CLOCK_READERS = {
    RUNTIME / "clock.py",
    RUNTIME / "entropy.py",
    AROUND / "local" / "drive.py",
    AROUND / "play" / "simulation" / "process" / "patched_process.py",
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


def test_the_runtime_ships_into_lambda_with_the_standard_library_and_botocore_only() -> None:
    allowed = set(sys.stdlib_module_names) | {"cronstack", "boto3", "botocore"}
    found = [
        f"{one}; cold start pays for it, use the standard library"
        for file in python_files(RUNTIME)
        for one in imports(file, executed_only=True)
        if one.name.split(".")[0] not in allowed
    ]
    assert not found, "\n".join(found)


def test_botocore_is_loaded_only_where_aws_is_called() -> None:
    """Deploy check and watchdog are exceptions: they call services that the guard does not call, with own clients."""
    others = ("deploy_check", "watchdog")
    files = [f for f in python_files(RUNTIME) if f.stem != "transport" and f.parent.name not in others]
    assert not importing(files, ("boto3", "botocore"), executed_only=True), "call AWS through cronstack.transport"


@pytest.mark.parametrize("part", PURE)
def test_decisions_are_pure(part: str) -> None:
    files = python_files(RUNTIME / part)
    assert files
    assert not importing(files, IMPURE_MODULES, executed_only=True), "take time, chance and environment as arguments"


def test_source_roots_are_never_imported_as_packages() -> None:
    bad = importing(python_files(), ("functions", "infra"))
    assert not bad, "it would load everything twice: import cronstack, cronstack_infra, jobs or examples"


def test_jobs_and_examples_import_only_the_public_api() -> None:
    files = python_files(FUNCTIONS / "jobs", FUNCTIONS / "examples")
    assert files
    inside = {f"cronstack.{file.relative_to(RUNTIME).parts[0].removesuffix('.py')}" for file in python_files(RUNTIME)}
    assert not importing(files, inside | {"cronstack_infra"}), "import from cronstack itself"


def test_the_stack_and_the_local_cloud_meet_only_in_the_template() -> None:
    local = python_files(AROUND / "local", AROUND / "play")
    assert not importing(local, ("aws_cdk", "constructs", "cronstack_infra.aws"))
    aws = python_files(AROUND / "aws")
    assert aws
    assert not importing(aws, ("moto", "cronstack_infra.local", "cronstack_infra.ops"))


def test_operators_tools_are_independent_of_the_cloud() -> None:
    files = python_files(AROUND / "ops")
    assert files
    assert not importing(
        files, ("moto", "aws_cdk", "cronstack_infra.local", "cronstack_infra.aws", "boto3.client"), executed_only=True
    )


def test_time_and_randomness_are_arguments() -> None:
    found = []
    for file in python_files(FUNCTIONS, INFRA):
        if file in CLOCK_READERS or file.is_relative_to(AROUND / "cli") or file.is_relative_to(AROUND / "scaffold"):
            continue  # the scaffold's templates become the user's own code
        found += importing([file], BANNED_MODULES, executed_only=True)
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in BANNED_CALLS:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno} uses {ast.unparse(node)}")
    assert not found, "take it as an argument, or from cronstack.clock, cronstack.entropy:\n" + "\n".join(found)


def test_tests_do_not_patch_modules() -> None:
    bad = importing(python_files(TESTS), ("unittest.mock", "mock"))
    assert not bad, "test each implementation with a contract kit instead:\n" + "\n".join(bad)
