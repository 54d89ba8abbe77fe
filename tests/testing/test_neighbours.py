"""The plugin in a project with busy jobs: schedules that fire, reports of failures, and operators' actions.

One of the jobs creates a client during its import, on a machine without AWS configuration.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.testing.inner_project import CLIENT_AT_IMPORT, inner, project, pytest_in, without_aws

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
IMPORTING = """import os

import boto3
import pytest
from botocore.exceptions import NoRegionError

from jobs.count import region, table


def test_its_module_imports_by_itself():
    assert table.meta.client.meta.region_name == region == "us-east-1"


def test_the_variables_do_not_leak():
    assert [name for name in os.environ if name.startswith("AWS_")] == []
    with pytest.raises(NoRegionError):
        boto3.client("sqs")


def test_deployed(cloud):
    assert cloud.fire("count").result == {"region": "us-east-1", "read": "us-east-1"}
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Output of pytest for all tests of the project, for a user without AWS configuration."""
    texts = {"office": inner("neighbours"), "wrong": WRONG, "count": IMPORTING}
    jobs = {"functions/jobs/office.py": JOBS, "functions/jobs/count.py": CLIENT_AT_IMPORT}
    tests = {f"tests/test_{name}.py": text for name, text in texts.items()}
    folder = tmp_path_factory.mktemp("neighbours")
    office = project(folder / "office", "office", jobs | tests)
    options = ("-q", "-rA", "-p", "no:xdist", "--randomly-seed=7")
    done = pytest_in(office, *options, "tests", **without_aws(folder))
    return done.stdout + done.stderr


def outcomes(ended: str, name: str) -> dict[str, int]:
    """Return how many tests of a file passed, failed, or had an error."""
    return Counter(re.findall(rf"^(PASSED|FAILED|ERROR) tests/test_{name}\.py", ended, re.MULTILINE))


def test_a_project_with_busy_jobs(ended: str) -> None:
    assert outcomes(ended, "office") == {"PASSED": 20}, ended


def test_an_invalid_only_is_refused(ended: str) -> None:
    assert outcomes(ended, "wrong") == {"ERROR": 2}, ended
    assert "no job 'nigthly' in the stack office" in ended
    assert "Did you mean nightly?" in ended
    assert "only='nightly' is not a list of job names" in ended


def test_a_client_created_at_import_works_in_every_kind_of_test(ended: str) -> None:
    assert outcomes(ended, "count") == {"PASSED": 3}, ended
