"""Create a user's project in a folder of the test, and run pytest in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cronstack_infra.cli.commands.new.project import write_project

HERE = Path(__file__).parent
ONE_BY_ONE = ("-q", "-p", "no:randomly", "-p", "no:xdist")
"""Options to run the tests in order, in one process."""
CLIENT_AT_IMPORT = '''"""A client made at import, as AWS recommends for Lambda."""


import os

import boto3
from cronstack import Run, job

table = boto3.resource("dynamodb").Table("shop")
region = os.environ["AWS_REGION"]


@job()
def count(run: Run) -> dict[str, str]:
    return {"region": table.meta.client.meta.region_name, "read": region}
'''
"""Text of a module with a job."""


def project(root: Path, name: str, files: Mapping[str, str]) -> Path:
    """Create a project. ``files``, text by path, replace the jobs and tests of the scaffold."""
    write_project(root, name=name)
    for path in ("functions/jobs/hello.py", "tests/test_hello.py"):
        (root / path).unlink()
    for path, text in files.items():
        (root / path).write_text(text.lstrip(), "utf-8")
    return root


def inner(name: str) -> str:
    """Return the text of a test file of this folder that runs only in such a project."""
    return (HERE / f"inner_{name}.py").read_text("utf-8")


def without_aws(home: Path) -> dict[str, str]:
    """Return the variables of a user whose home folder has no AWS configuration."""
    return {"HOME": str(home), "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache/aws/jsii/package-cache")}


def pytest_in(root: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
    kept |= {"COLUMNS": "80"} | environ
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "-W", "error", *arguments]
    return subprocess.run(command, cwd=root, env=kept, capture_output=True, text=True, timeout=600)
