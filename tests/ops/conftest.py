"""The shop fixture for tests of operators' tools."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cronstack.stage import Stage
from tests.ops.shop import Shop


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Shop(Stage())
