"""From the built wheel, outside the clone: a new project, its tests, its deployment and its first firing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest

from tests.cli.commands.new.test_job import EXPRESSIONS
from tests.kit import bound
from tests.pages.blocks import blocks
from tests.places import ROOT

STEP = 180.0
"""Time limit of each step, in seconds."""


def uv() -> str:
    """Return the path of uv: from ``uv run``'s variable UV, from PATH, or from ``.tools``, where README installs it."""
    path = os.environ.get("UV") or shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".tools" / "bin"))
    assert path, "uv is missing; run the tests as in README.md: .tools/bin/uv run pytest"
    return path


def run(*command: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STEP,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the ``bin`` folder of a new environment with the wheel and its locked dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    run(uv(), "build", "--wheel", "--quiet", "--out-dir", folder, cwd=ROOT)
    (wheel,) = folder.glob("cronstack-*.whl")
    pins = folder / "pins.txt"
    run(uv(), "export", "--frozen", "--quiet", "--no-emit-project", "--no-hashes", "--no-dev", "-o", pins, cwd=ROOT)
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(uv(), "pip", "install", "--quiet", "--python", python, "--constraint", pins, wheel, cwd=folder)
    share_compiled(Path(sysconfig.get_path("purelib")), next(folder.glob("venv/lib/python3*/site-packages")))
    return python.parent


def share_compiled(source: Path, target: Path) -> None:
    """Link this environment's compiled files of the same packages. Python uses them if the source is the same.

    Compiling moto, botocore and the CDK takes longer than the tests.
    """
    for folder in source.rglob("__pycache__"):
        place = target / folder.parent.relative_to(source)
        if place.is_dir() and not (place / "__pycache__").exists():
            with suppress(OSError):  # another file system
                shutil.copytree(folder, place / "__pycache__", copy_function=os.link)


@pytest.fixture(scope="module")
def environ(installed: Path) -> dict[str, str]:
    """Return the variables of a shell in which that environment is active, without paths of the clone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))}
    return kept | {"PATH": f"{installed}:/usr/bin:/bin", "COLUMNS": "160"}


@pytest.fixture(scope="module")
def shop(installed: Path, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_shop(installed, environ, tmp_path_factory.mktemp("elsewhere"), ["nightly"])


@pytest.fixture(scope="module")
def tested_shop(installed: Path, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a job of each kind, and README's job with its test."""
    shop = new_shop(installed, environ, tmp_path_factory.mktemp("tested"), EXPRESSIONS)
    for block in blocks((ROOT / "README.md").read_text("utf-8")):
        if block.path:
            (shop / block.path).write_text(block.text, "utf-8")
    return shop


def new_shop(installed: Path, environ: dict[str, str], folder: Path, jobs: Iterable[str]) -> Path:
    output = run(installed / "cronstack", "new", "shop", cwd=folder, environ=environ)
    assert "functions/jobs/hello.py" in output
    for name in jobs:
        words = ("new", "job", name, *EXPRESSIONS[name])
        assert f"tests/jobs/test_{name}.py" in run(
            installed / "cronstack", *words, cwd=folder / "shop", environ=environ
        )
    return folder / "shop"


def test_the_wheel_holds_two_packages_and_every_template(installed: Path) -> None:
    site = next(installed.parent.glob("lib/python3*/site-packages"))
    record = next(site.glob("cronstack-*.dist-info")) / "RECORD"
    held = {line.split(",")[0].split("/")[0] for line in record.read_text().splitlines()}
    assert {name for name in held if not name.startswith(("..", "cronstack-"))} == {"cronstack", "cronstack_infra"}
    assert "dist-info/licenses/LICENSE," in record.read_text()


def test_the_tests_of_a_new_project_and_of_readme_pass(
    tested_shop: Path, installed: Path, environ: dict[str, str]
) -> None:
    """Rule: 14 tests: three of the job hello, two of each new job, and one from README."""
    assert "14 passed" in run(installed / "python", "-m", "pytest", "-q", cwd=tested_shop, environ=environ)


def test_its_jobs_are_listed(shop: Path, installed: Path, environ: dict[str, str]) -> None:
    listed = run(installed / "cronstack", "list", cwd=shop, environ=environ)
    assert "functions/jobs/hello.py" in listed
    assert "functions/jobs/nightly.py" in listed


def test_outside_the_repository_the_demo_fails_with_a_reason(
    shop: Path, installed: Path, environ: dict[str, str]
) -> None:
    ended = subprocess.run(
        [installed / "cronstack", "demo"], cwd=shop, env=environ, capture_output=True, text=True, timeout=STEP
    )
    assert ended.returncode == 1
    assert "repository" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_up_deploys_it_and_its_schedule_fires(shop: Path, installed: Path, environ: dict[str, str]) -> None:
    up = bound.popen(
        [installed / "cronstack", "up", "--port", "0"],
        cwd=shop,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert up.stdout is not None
    too_late = Timer(STEP, up.kill)
    too_late.start()
    output = ""
    try:
        for line in up.stdout:
            output += line
            if "hello" in line and "succeeded in" in line:
                break
        up.send_signal(signal.SIGINT)
        output += up.communicate(timeout=60)[0]
    finally:
        too_late.cancel()
        up.kill()
        up.wait(timeout=60)
    assert up.returncode == 0, output
    fired = [line for line in output.splitlines() if "hello" in line and "fired for" in line]
    assert fired, output
    assert ":00 UTC" in fired[0]
    assert "Hello world, it is " in output
    assert "The deployed stacks and their data are deleted" in output
