"""A pause is in the ledger, not in the template: no deploy, rollback or removal of the job ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cronstack_infra.ops.deployment import Deployment, find_deployment
from cronstack_infra.ops.pause import pause, pause_of, resume
from cronstack_infra.ops.runs import runs_between
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.play.simulation.conftest import assembled, small_project

START = datetime(2027, 3, 1, 0, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
JOB = """
from cronstack import Run, cron, job


@job(schedule=cron("{minutes} 6 * * ? *", timezone="UTC"), retries={retries})
def stats(run: Run) -> int:
    return {result}
"""
OTHER = JOB.replace("def stats", "def other")


def assembly(folder: Path, **files: str) -> Assembly:
    jobs = folder / "jobs"
    jobs.mkdir(parents=True)
    for name, text in files.items():
        (jobs / f"{name}.py").write_text(text, encoding="utf-8")
    return assembled(small_project(folder / "small", jobs))


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Assembly]:
    """A version, a version with other code, schedule and policy, and one without the job."""
    first = {"minutes": 0, "retries": 2, "result": 1}
    second = {"minutes": 30, "retries": 0, "result": 2}
    folder = tmp_path_factory.mktemp("pauses")
    return [
        assembly(folder / "first", stats=JOB.format(**first), other=OTHER.format(**first)),
        assembly(folder / "second", stats=JOB.format(**second), other=OTHER.format(**first)),
        assembly(folder / "without", other=OTHER.format(**first)),
    ]


def statuses(cloud: VirtualCloud, deployment: Deployment, job: str) -> list[str]:
    rows = runs_between(cloud.client("dynamodb"), deployment, job, START, cloud.now, cloud.now)
    return [f"{row.due:%d. %H:%M} {row.status}" + (f": {row.reason}" if row.reason else "") for row in rows]


def test_no_deploy_ends_a_pause(versions: list[Assembly]) -> None:
    first, second, without = versions
    with VirtualCloud(START) as cloud:
        cloud.deploy(first)
        deployment = find_deployment(cloud.client("cloudformation"), first.stack)
        cloud.advance(DAY)
        paused = pause(cloud.client, deployment, "stats", now=cloud.now, reason="wrong totals").pause
        for version in (second, first, without, second):  # an update, a rollback, and a removal by mistake
            cloud.deploy(version)
            cloud.advance(DAY)
        assert pause_of(cloud.client("dynamodb"), deployment.ledger, "stats") == paused
        over = resume(cloud.client, deployment, "stats", now=cloud.now).passed_over
        cloud.advance(DAY)
        assert statuses(cloud, deployment, "stats") == [
            "01. 06:00 succeeded",
            "02. 06:30 skipped: paused",
            "03. 06:00 skipped: paused",
            "05. 06:30 skipped: paused",
            "06. 06:30 succeeded",
        ]
        assert [f"{due:%d. %H:%M}" for due in over.occurrences] == ["02. 06:30", "03. 06:00", "05. 06:30"]
        assert {line.split(" ", 2)[2] for line in statuses(cloud, deployment, "other")} == {"succeeded"}
