"""A small project, synthesized once for all processes: its assembly is cached by the content of its sources."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cronstack_infra.play.simulation.cloud.assembly import Assembly, synthesize
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.project import Project
from tests.kit.virtual import Prepared, awake, prepared
from tests.places import ROOT

JOBS = Path(__file__).parent / "jobs"
START = datetime(2027, 3, 1, tzinfo=UTC)


def small_project(root: Path, jobs: Path = JOBS) -> Project:
    """Write a project like that of ``cronstack new``, with the jobs of a folder."""
    scaffold = ROOT / "infra" / "cronstack_infra" / "scaffold"
    shutil.copytree(scaffold / "infra", root / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(jobs, root / "functions" / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    text = (scaffold / "cdk.json.template").read_text("utf-8").replace("{{name}}", "small")
    (root / "cdk.json").write_text(text, "utf-8")
    return Project.find(root)


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return assembled(small_project(tmp_path_factory.mktemp("project") / "small"))


def assembled(project: Project) -> Assembly:
    cache = ROOT / ".cronstack" / "synth-of-tests"
    cache.mkdir(parents=True, exist_ok=True)
    (project.root / ".cronstack").symlink_to(cache)
    return synthesize(project)


@pytest.fixture(scope="session")
def deployed(assembly: Assembly) -> Iterator[Prepared]:
    with prepared(START, 7, lambda cloud: cloud.deploy(assembly)) as ready:
        yield ready


@pytest.fixture
def cloud(deployed: Prepared) -> Iterator[VirtualCloud]:
    with awake(deployed) as virtual:
        yield virtual
