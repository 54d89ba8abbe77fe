"""One local cloud, to which the real cdk CLI has deployed the tests' jobs, for all tests that only deliver events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronstack_infra.local.client import LocalCloud
from tests.e2e.projects import Deployer, user_project
from tests.e2e.watch import Watch


@dataclass(frozen=True)
class Deployed:
    cloud: LocalCloud
    watch: Watch
    deployer: Deployer
    effects: Path
    """Folder outside the cloud, where the jobs write what they did."""


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("project")
    watch = Watch()
    with LocalCloud.start(on_event=watch) as cloud:
        deployer = user_project(folder / "trial", "trial", cloud)
        deployer.bootstrap()
        deployer.deploy()
        yield Deployed(cloud, watch, deployer, folder)
