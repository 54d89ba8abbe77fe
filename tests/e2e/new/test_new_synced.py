"""``cronstack new shop && cd shop && uv sync``: the environment of a new project, by the real uv and by pip."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.new.test_new_from_wheel import ROOT, run, uv

JOB_WITH_AWS = '''"""Count objects."""

import boto3
from cronstack import Run, job

s3 = boto3.client("s3")


@job()
def count(run: Run) -> dict[str, int]:
    return {"objects": s3.list_objects_v2(Bucket="shop")["KeyCount"]}
'''
TEST_WITH_A_FIXTURE = """import pytest

from cronstack_infra.testing.cloud import Cloud


@pytest.fixture
def fired(cloud: Cloud) -> str:
    return cloud.fire("hello").status


def test_it_succeeds(fired: str) -> None:
    assert fired == "succeeded"
"""


def environ() -> dict[str, str]:
    """Return the variables of a shell in which no Python environment is active."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))}
    return kept | {"PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin", "COLUMNS": "160"}


def new_project(cronstack: Path, folder: Path) -> Path:
    """Create the project with one job of each kind."""
    run(cronstack, "new", "shop", cwd=folder, environ=environ())
    shop = folder / "shop"
    for words in (("weekly", "--rate", "7 days"), ("remind", "--once")):
        run(cronstack, "new", "job", *words, cwd=shop, environ=environ())
    return shop


def sync(shop: Path) -> None:
    """Run ``uv sync`` with this repository's lock file, so that new releases of packages cannot break the test."""
    shutil.copy(ROOT / "uv.lock", shop / "uv.lock")
    run(uv(), "sync", "--quiet", cwd=shop, environ=environ())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an environment with Cronstack's wheel and what ``cronstack new`` imports. Return its ``bin`` folder."""
    folder = tmp_path_factory.mktemp("wheel")
    run(uv(), "build", "--wheel", "--quiet", "--out-dir", folder, cwd=ROOT)
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    (built,) = folder.glob("cronstack-*.whl")
    python = folder / "venv" / "bin" / "python"
    run(uv(), "pip", "install", "--quiet", "--no-deps", "--python", python, built, "click", "tzdata", cwd=folder)
    return python.parent


@pytest.fixture(scope="module")
def project_of_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project with the clone's own environment, and run ``uv sync``."""
    shop = new_project(Path(sys.executable).with_name("cronstack"), tmp_path_factory.mktemp("clone"))
    sync(shop)
    return shop


def test_uv_sync_installs_the_clone_that_made_the_project(project_of_clone: Path) -> None:
    listed = run(project_of_clone / ".venv" / "bin" / "cronstack", "list", cwd=project_of_clone, environ=environ())
    assert "functions/jobs/hello.py" in listed
    where = "import cronstack_infra; print(cronstack_infra.__file__)"
    loaded = run(project_of_clone / ".venv" / "bin" / "python", "-c", where, cwd=project_of_clone, environ=environ())
    assert Path(loaded.strip()).is_relative_to(ROOT)


def test_plain_mypy_passes_without_reading_large_packages(project_of_clone: Path) -> None:
    (project_of_clone / "functions" / "jobs" / "count.py").write_text(JOB_WITH_AWS)
    (project_of_clone / "tests" / "test_fixture.py").write_text(TEST_WITH_A_FIXTURE)
    mypy = project_of_clone / ".venv" / "bin" / "mypy"
    read = run(mypy, "--verbose", cwd=project_of_clone, environ=environ())
    assert "Success: no issues found in 10 source files" in read
    modules = set(re.findall(r"Parsing \S+ \((\w+)", read))
    assert {"jobs", "resources", "cronstack", "cronstack_infra"} <= modules
    assert not modules & {"aws_cdk", "moto", "botocore"}


def test_plain_mypy_finds_wrong_calls_of_cronstack(project_of_clone: Path) -> None:
    wrong = project_of_clone / "tests" / "test_wrong.py"
    wrong.write_text("from cronstack_infra.testing.cloud import Cloud\n\n\ndef test_it(cloud: Cloud) -> None:\n")
    with wrong.open("a") as file:
        file.write('    cloud.faults.crash("hello", on_atempt=1)\n    cloud.fire(5)\n')
    try:
        with pytest.raises(AssertionError) as failure:
            run(project_of_clone / ".venv" / "bin" / "mypy", cwd=project_of_clone, environ=environ())
    finally:
        wrong.unlink()
    assert 'Unexpected keyword argument "on_atempt"' in str(failure.value)
    assert 'Argument 1 to "fire" of "Cloud" has incompatible type "int"' in str(failure.value)


def test_uv_sync_installs_the_wheel_that_made_the_project(wheel: Path, tmp_path: Path) -> None:
    shop = new_project(wheel / "cronstack", tmp_path)
    sync(shop)
    pytest_ = shop / ".venv" / "bin" / "pytest"
    assert "2 passed" in run(pytest_, "-q", "tests/jobs/test_weekly.py", cwd=shop, environ=environ())


def test_the_line_for_pip_installs_the_wheel_that_made_the_project(wheel: Path, tmp_path: Path) -> None:
    """Rule: pip installs the wheel. The dependencies are tested elsewhere, and left out to save downloads."""
    shop = new_project(wheel / "cronstack", tmp_path)
    line = next(line for line in (shop / "README.md").read_text("utf-8").splitlines() if "pip install" in line)
    run("sh", "-c", line, cwd=shop, environ=environ() | {"PIP_NO_DEPS": "1", "PIP_QUIET": "1"})
    about = "from importlib.metadata import distribution as d; print(d('cronstack').read_text('direct_url.json'))"
    assert "cronstack-" in run(shop / ".venv" / "bin" / "python", "-c", about, cwd=shop, environ=environ())
