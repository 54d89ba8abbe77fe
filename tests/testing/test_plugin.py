"""The plugin in a user's project: with tests on moto, xdist and pytest-randomly, and the report of a failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.testing.inner_project import ONE_BY_ONE, inner, project, pytest_in

JOBS = '''
"""Nine jobs."""

import time
from datetime import UTC, datetime

from cronstack import Run, cron, job, once, rate


@job(schedule=cron("30 2 * * ? *", timezone="Europe/Berlin"))
def nightly(run: Run) -> None: ...


@job(retries=0)
def fragile(run: Run) -> None: ...


@job(timeout=120)
def clocked(run: Run) -> dict[str, str]:
    now = datetime.now(UTC)
    time.sleep(90)
    return {"now": now.isoformat()}


@job(permanent=[LookupError])
def hopeless(run: Run) -> None:
    raise LookupError("no such customer")


@job(timeout=10)
def endless(run: Run) -> None:
    time.sleep(60)


@job()
def booking(run: Run) -> None:
    written = {"id": {"S": "booked"}, "by": {"S": run.input["by"]}}
    run.commit({"Put": {"TableName": run.input["table"], "Item": written}})


@job(schedule=once())
def reminding(run: Run) -> dict[str, object]:
    return run.input


@job(schedule=rate("1 day"), timeout=60)
def daily(run: Run) -> None:
    time.sleep(20)


@job()
def polling(run: Run) -> None:
    end = time.time() + 5
    while time.time() < end:
        pass
'''
FAILING = """
def test_that_fails(cloud):
    cloud.faults.crash("nightly", on_attempt=1)
    cloud.advance(days=2)
    assert [run.attempt for run in cloud.runs("nightly")] == [1, 1]
"""
UNUSED = """
import sys

HEAVY = ("moto", "boto3", "botocore", "aws_cdk", "rich", "cronstack_infra.play", "cronstack_infra.testing.cloud")


def test_nothing_heavy_is_imported(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("cronstack")
    assert [name for name in HEAVY if name in sys.modules] == []
"""
FROZEN = """
import freezegun
import pytest
import time_machine


@pytest.fixture
def frozen():
    with freezegun.freeze_time("2026-05-01"):
        yield


def test_freezegun_before_the_cloud(frozen, cloud): ...


@freezegun.freeze_time("2026-05-01")
def test_freezegun_within_a_test(cloud):
    cloud.advance(days=1)


def test_time_machine_within_a_test(cloud):
    with time_machine.travel("2026-05-01"):
        cloud.fire("nightly")


def test_time_machine_that_has_ended(cloud):
    with time_machine.travel("2026-05-01"):
        pass
    cloud.advance(days=1)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tests = {"cloud": inner("cloud"), "mocks": inner("mocks"), "failing": FAILING, "frozen": FROZEN, "unused": UNUSED}
    files = {"functions/jobs/three.py": JOBS} | {f"tests/test_{name}.py": text for name, text in tests.items()}
    return project(tmp_path_factory.mktemp("plugin"), "shop", files)


@dataclass(frozen=True)
class Ended:
    """The result of a pytest session."""

    code: int
    text: str
    not_passed: Mapping[str, str]
    """"FAILED" or "ERROR" by test."""

    def about(self, test: str) -> str:
        """Return the section of a test that did not pass."""
        found = re.search(rf"^_+ (?:ERROR at setup of )?{test} _+$(.*?)^[_=]{{3}}", self.text, re.MULTILINE | re.DOTALL)
        assert found, self.text
        return found[1]


@pytest.fixture(scope="module")
def ended(shop: Path) -> Ended:
    """The result of all tests that use the cloud or moto, in random order in two processes."""
    files = [f"tests/test_{name}.py" for name in ("cloud", "mocks", "failing", "frozen")]
    done = pytest_in(shop, "-q", "-n", "2", "--randomly-seed=7", *files)
    text = done.stdout + done.stderr
    summary = re.findall(r"^(FAILED|ERROR) tests/test_(\w+\.py::\w+)", text, re.MULTILINE)
    return Ended(done.returncode, text, {test: how for how, test in summary})


def test_in_random_order_and_several_processes_with_tests_on_moto(shop: Path, ended: Ended) -> None:
    """One synthesis is shared by all tests."""
    assert ended.code == 1, ended.text
    assert dict(ended.not_passed) == {
        "failing.py::test_that_fails": "FAILED",
        "frozen.py::test_freezegun_before_the_cloud": "ERROR",
        "frozen.py::test_freezegun_within_a_test": "FAILED",
        "frozen.py::test_time_machine_within_a_test": "FAILED",
    }, ended.text
    assert re.search(r"^3 failed, 51 passed, 1 error in", ended.text, re.MULTILINE), ended.text
    folders = [path for path in (shop / ".cronstack" / "synth").iterdir() if path.is_dir()]
    assert len(folders) == 1


def test_a_failure_shows_the_timeline_and_the_place_of_the_job(ended: Ended) -> None:
    report = ended.about("test_that_fails").partition("- cronstack -")[2]
    assert "from 2026-01-01 00:00 to 2026-01-03 00:00 UTC" in report
    assert re.search(r"2026-01-01 01:30:00\.\d{3}  nightly  t-2026-01-01T01:30:00Z  attempt 1  crashed", report)
    assert re.search(r"2026-01-02 01:3\d:\d\d\.\d{3}  nightly  t-2026-01-02T01:30:00Z  attempt 2  succeeded", report)
    assert "functions/jobs/three.py:9: nightly: 2 succeeded, 2 crashed" in report
    assert "functions/jobs/three.py:13: fragile: did not run" in report


def test_a_clock_replaced_by_another_tool_is_reported_with_the_remedy(ended: Ended) -> None:
    for test in ("test_freezegun_before_the_cloud", "test_freezegun_within_a_test"):
        assert "freezegun's freeze_time is active, and the cloud has a clock of its own" in ended.about(test)
    time_machine_report = ended.about("test_time_machine_within_a_test")
    assert "time_machine.travel is active, and the cloud has a clock of its own" in time_machine_report
    assert "Remove it from this test. Set the cloud's clock with @pytest.mark.cronstack(start=" in time_machine_report
    assert "time-machine cannot start" not in ended.text


def test_a_session_without_cloud_imports_nothing_heavy(shop: Path) -> None:
    ended = pytest_in(shop, *ONE_BY_ONE, "tests/test_unused.py")
    assert ended.returncode == 0, ended.stdout


def test_outside_a_project_the_error_is_reported(tmp_path: Path) -> None:
    (tmp_path / "test_here.py").write_text("def test_here(cloud): ...\n")
    ended = pytest_in(tmp_path, *ONE_BY_ONE)
    assert ended.returncode == 1
    assert "this is not a Cronstack project" in ended.stdout
