"""Errors that a project's tests show for modules of jobs that cannot be imported, or have invalid declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.inner_project import CLIENT_AT_IMPORT, ONE_BY_ONE, project, pytest_in, without_aws

BROKEN = """with open("imports.txt", "a") as file:
    file.write("imported\\n")
from cronstack import job, rate


@job(schedule=rate("1 fortnight"))
def count(run): ...
"""
TWICE = """import pytest


def test_one(cloud): ...


@pytest.mark.cronstack(seeed=1)
def test_with_a_wrong_marker(cloud): ...


def test_two(cloud): ...
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project without jobs, for a user without AWS configuration."""
    return project(tmp_path / "shop", "shop", {})


def test_a_module_that_raises_shows_only_its_own_lines(shop: Path) -> None:
    (shop / "functions" / "jobs" / "count.py").write_text(CLIENT_AT_IMPORT.replace("AWS_REGION", "NO_SUCH_VARIABLE"))
    (shop / "tests" / "test_count.py").write_text("from jobs import count\n")
    ended = pytest_in(shop, *ONE_BY_ONE, "tests", **without_aws(shop.parent))
    assert "functions/jobs/count.py:10: in <module>" in ended.stdout
    assert "cronstack_infra" not in ended.stdout


def test_an_invalid_declaration_is_one_message_without_frames_of_cronstack(shop: Path) -> None:
    (shop / "functions" / "jobs" / "count.py").write_text(BROKEN)
    (shop / "tests" / "test_count.py").write_text(TWICE)
    ended = pytest_in(shop, *ONE_BY_ONE, "tests", **without_aws(shop.parent))
    assert ended.returncode == 1
    errors = ended.stdout.partition("= ERRORS =")[2].partition("short test summary")[0]
    _, *messages = errors.split("ERROR at setup")
    assert len(messages) == 3, ended.stdout
    for message in (messages[0], messages[2]):
        assert "functions/jobs/count.py:6: " in message
        assert "fortnight" in message
    assert "the marker cronstack has no option seeed" in messages[1]
    assert "cronstack_infra" not in ended.stdout
    assert "See above" not in ended.stdout
    assert all(len(message.splitlines()) <= 5 for message in messages), ended.stdout
    assert (shop / "imports.txt").read_text().splitlines() == ["imported"], "one synthesis for all tests"


def test_an_import_that_is_not_deployed_is_one_message(shop: Path) -> None:
    (shop / "functions" / "jobs" / "count.py").write_text("import hypothesis\n" + CLIENT_AT_IMPORT)
    (shop / "tests" / "test_count.py").write_text("def test_one(cloud): ...\n")
    ended = pytest_in(shop, *ONE_BY_ONE, "tests", **without_aws(shop.parent))
    assert ended.returncode == 1
    assert "functions/jobs/count.py:1: it imports hypothesis, which is not deployed" in ended.stdout
    assert "Add this line to functions/requirements.txt: hypothesis==" in ended.stdout
