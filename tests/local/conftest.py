"""A local cloud for the tests of this folder: one process, started by the first test that uses the fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cronstack_infra.local.client import LocalCloud


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud
