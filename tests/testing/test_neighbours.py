"""The plugin in a project with busy jobs: which schedules fire, what a failure shows, and what an operator would do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.testing.inner_project import ONE_BY_ONE, inner, project, pytest_in

JOBS = '''
"""A night, and its neighbours."""

import time

import boto3

from cronstack import Run, cron, job, once


@job(schedule=cron("30 2 * * ? *", timezone="Europe/Berlin"))
def nightly(run: Run) -> None: ...


@job(schedule=cron("* * * * ? *", timezone="UTC"), overlap="buffer_one", timeout=120)
def digest(run: Run) -> None:
    time.sleep(90)


@job(schedule=cron("*/5 * * * ? *", timezone="UTC"), retries=0)
def flaky(run: Run) -> None:
    if not run.input.get("well"):
        raise KeyError("rate")


@job(retries=0)
def importing(run: Run) -> int:
    return len(boto3.client("s3").list_objects_v2(Bucket=run.input["bucket"]).get("Contents", []))


@job(schedule=once())
def reminding(run: Run) -> dict[str, object]:
    return run.input
'''
WRONG = """
import pytest

from cronstack.errors import OperationError
from cronstack_infra.testing.choice import Choice


@pytest.mark.cronstack(only=["nigthly"])
def test_a_misspelt_job(cloud): ...


@pytest.mark.cronstack(only="nightly")
def test_a_bare_name(cloud): ...
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tests = {"tests/test_office.py": inner("neighbours"), "tests/test_wrong.py": WRONG}
    return project(tmp_path_factory.mktemp("neighbours"), "office", {"functions/jobs/office.py": JOBS} | tests)


def test_a_project_with_busy_jobs(office: Path) -> None:
    ended = pytest_in(office, "-q", "-p", "no:xdist", "--randomly-seed=7", "tests/test_office.py")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"\b20 passed", ended.stdout), ended.stdout


def test_a_choice_of_jobs_that_cannot_be_is_refused(office: Path) -> None:
    ended = pytest_in(office, *ONE_BY_ONE, "tests/test_wrong.py")
    assert ended.returncode == 1
    assert "no job 'nigthly' in the stack office" in ended.stdout
    assert "Did you mean nightly?" in ended.stdout
    assert "only='nightly' is not a list of job names" in ended.stdout
