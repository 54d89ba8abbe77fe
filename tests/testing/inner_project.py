"""A user's project in a folder of the test, and pytest as its user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cronstack_infra.cli.commands.new.project import write_project

HERE = Path(__file__).parent
ONE_BY_ONE = ("-q", "-p", "no:randomly", "-p", "no:xdist")
"""Options: in the order of the file, in one process."""


def project(root: Path, name: str, files: Mapping[str, str]) -> Path:
    """Write a new project with other jobs and tests than those of the scaffold: text by path."""
    write_project(root, name=name)
    for path in ("functions/jobs/hello.py", "tests/test_hello.py"):
        (root / path).unlink()
    for path, text in files.items():
        (root / path).write_text(text.lstrip(), "utf-8")
    return root


def inner(name: str) -> str:
    """Return the text of a test file of this folder that runs in such a project only."""
    return (HERE / f"inner_{name}.py").read_text("utf-8")


def pytest_in(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
    kept["COLUMNS"] = "80"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "-W", "error", *arguments]
    return subprocess.run(command, cwd=root, env=kept, capture_output=True, text=True, timeout=600)
