"""A machine without AWS configuration, and declarations that are wrong: what the tests of a project show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.inner_project import ONE_BY_ONE, project, pytest_in

JOB = '''"""A client made at import, as AWS recommends for Lambda."""


import os

import boto3
from cronstack import Run, job

table = boto3.resource("dynamodb").Table("shop")
region = os.environ["AWS_REGION"]


@job()
def count(run: Run) -> dict[str, str]:
    return {"region": table.meta.client.meta.region_name, "read": region}
'''
TESTS = """import os

import boto3
import pytest
from botocore.exceptions import NoRegionError

from jobs.count import region, table


def test_its_module_imports_by_itself():
    assert table.meta.client.meta.region_name == region == "us-east-1"


def test_the_variables_do_not_leak():
    assert [name for name in os.environ if name.startswith("AWS_")] == AWS
    with pytest.raises(NoRegionError):
        boto3.client("sqs")


def test_deployed(cloud):
    assert cloud.fire("count").result == {"region": "us-east-1", "read": "us-east-1"}
"""
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
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with its job to be written. Its user has no AWS configuration."""
    monkeypatch.setenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(Path.home() / ".cache/aws/jsii/package-cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return project(tmp_path / "shop", "shop", {})


def test_a_client_made_at_import_works_in_every_kind_of_test(shop: Path) -> None:
    (shop / "functions" / "jobs" / "count.py").write_text(JOB)
    (shop / "tests" / "test_count.py").write_text(f"AWS = []\n{TESTS}")
    ended = pytest_in(shop, *ONE_BY_ONE, "tests")
    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout


def test_a_module_that_raises_shows_its_own_lines_only(shop: Path) -> None:
    (shop / "functions" / "jobs" / "count.py").write_text(JOB.replace("AWS_REGION", "NO_SUCH_VARIABLE"))
    (shop / "tests" / "test_count.py").write_text("from jobs import count\n")
    ended = pytest_in(shop, *ONE_BY_ONE, "tests")
    assert "functions/jobs/count.py:10: in <module>" in ended.stdout
    assert "cronstack_infra" not in ended.stdout


def test_a_wrong_declaration_is_one_message_without_frames_of_cronstack(shop: Path) -> None:
    (shop / "functions" / "jobs" / "count.py").write_text(BROKEN)
    (shop / "tests" / "test_count.py").write_text(TWICE)
    ended = pytest_in(shop, *ONE_BY_ONE, "tests")
    assert ended.returncode == 1
    errors = ended.stdout.partition("= ERRORS =")[2].partition("short test summary")[0]
    _, *messages = errors.split("ERROR at setup")
    assert len(messages) == 3, ended.stdout
    for message in (messages[0], messages[2]):
        assert "functions/jobs/count.py:6: " in message
        assert "fortnight" in message
    assert "the marker cronstack does not know seeed" in messages[1]
    assert "cronstack_infra" not in ended.stdout
    assert "See above" not in ended.stdout
    assert all(len(message.splitlines()) <= 5 for message in messages), ended.stdout
    assert (shop / "imports.txt").read_text().splitlines() == ["imported"], "one synthesis for all tests"


def test_an_import_that_is_not_deployed_is_one_message(shop: Path) -> None:
    (shop / "functions" / "jobs" / "count.py").write_text("import hypothesis\n" + JOB)
    (shop / "tests" / "test_count.py").write_text("def test_one(cloud): ...\n")
    ended = pytest_in(shop, *ONE_BY_ONE, "tests")
    assert ended.returncode == 1
    assert "functions/jobs/count.py:1: it imports hypothesis, which is not deployed" in ended.stdout
    assert "Add this line to functions/requirements.txt: hypothesis==" in ended.stdout
