"""The plugin in a user's project: alone, beside tests on moto, with xdist and randomly; and what a failure shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cronstack_infra.cli.commands.new.project import write_project
from tests.places import ROOT
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
def test_something_that_is_not_so(cloud):
    cloud.faults.crash("nightly", on_attempt=1)
    cloud.advance(days=2)
    assert [run.attempt for run in cloud.runs("nightly")] == [1, 1]
"""
UNUSED = """
import sys

HEAVY = ("moto", "boto3", "botocore", "aws_cdk", "rich", "cronstack_infra.play", "cronstack_infra.testing.cloud")


def test_nothing_of_it_is_loaded(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("cronstack")
    assert [name for name in HEAVY if name in sys.modules] == []
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tests = {"cloud": inner("cloud"), "mocks": inner("mocks"), "failing": FAILING, "unused": UNUSED}
    files = {"functions/jobs/three.py": JOBS} | {f"tests/test_{name}.py": text for name, text in tests.items()}
    return project(tmp_path_factory.mktemp("plugin"), "shop", files)


def test_in_any_order_on_several_processes_beside_tests_on_moto(shop: Path) -> None:
    """One synthesis serves them all."""
    ended = pytest_in(shop, "-q", "-n", "2", "--randomly-seed=7", "tests/test_cloud.py", "tests/test_mocks.py")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^\d+ passed in", ended.stdout, re.MULTILINE), ended.stdout
    folders = [path for path in (shop / ".cronstack" / "synth").iterdir() if path.is_dir()]
    assert len(folders) == 1


def test_a_failure_shows_the_time_line_and_where_the_job_stands(shop: Path) -> None:
    ended = pytest_in(shop, "-q", "-p", "no:randomly", "tests/test_failing.py")
    assert ended.returncode == 1
    told = ended.stdout.partition("- cronstack -")[2]
    assert "from 2026-01-01 00:00 to 2026-01-03 00:00 UTC" in told
    assert re.search(r"2026-01-01 01:30:00\.\d{3}  nightly  t-2026-01-01T01:30:00Z  attempt 1  crashed", told)
    assert re.search(r"2026-01-02 01:3\d:\d\d\.\d{3}  nightly  t-2026-01-02T01:30:00Z  attempt 2  succeeded", told)
    assert "functions/jobs/three.py:9: nightly: 2 succeeded, 2 crashed" in told
    assert "functions/jobs/three.py:13: fragile: did not run" in told


def test_a_session_that_does_not_use_it_does_not_pay(shop: Path) -> None:
    ended = pytest_in(shop, *ONE_BY_ONE, "tests/test_unused.py")
    assert ended.returncode == 0, ended.stdout


def test_outside_of_a_project_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "test_here.py").write_text("def test_here(cloud): ...\n")
    ended = pytest_in(tmp_path, *ONE_BY_ONE)
    assert ended.returncode == 1
    assert "this is not a Cronstack project" in ended.stdout


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


def test_another_travel_within_a_test(cloud):
    with time_machine.travel("2026-05-01"):
        cloud.fire("nightly")


def test_a_travel_that_has_ended(cloud):
    with time_machine.travel("2026-05-01"):
        pass
    cloud.advance(days=1)
"""


def test_a_clock_that_another_tool_has_replaced_is_reported_with_the_remedy(shop: Path) -> None:
    (shop / "tests" / "test_frozen.py").write_text(FROZEN.lstrip())
    ended = pytest_in(shop, *ONE_BY_ONE, "tests/test_frozen.py")
    assert "2 failed, 1 passed, 1 error" in ended.stdout
    assert ended.stdout.count("freezegun's freeze_time is active, and the cloud has a clock of its own") >= 2
    assert "time_machine.travel is active, and the cloud has a clock of its own" in ended.stdout
    assert "Remove it from this test. Set the cloud's clock with @pytest.mark.cronstack(start=" in ended.stdout
    assert "time-machine cannot start" not in ended.stdout


def general(story: str) -> str:
    """What a failure shows, without what the seed draws: milliseconds and ids."""
    return re.sub(r"\.\d{3}(?= )|(?<=after )[\d.]+|(?<=m-)\w+", "~", story)


def test_readme_shows_what_its_test_shows_when_it_is_broken(tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## A test\n")[2]
    write_project(tmp_path / "shop", name="shop")
    job = tmp_path / "shop" / "functions" / "jobs" / "hello.py"
    job.write_text(job.read_text("utf-8").replace("timeout=30)", "timeout=30, retries=0)"), "utf-8")
    test = tmp_path / "shop" / "tests" / "test_crash.py"
    test.write_text(section.partition("```python\n")[2].partition("```")[0], "utf-8")
    ended = pytest_in(tmp_path / "shop", *ONE_BY_ONE, "tests/test_crash.py")
    assert ended.returncode == 1
    error, _, story = section.partition("```\nE ")[2].partition("```")[0].partition("\n")
    assert error in ended.stdout
    assert general(story) in general(ended.stdout)
