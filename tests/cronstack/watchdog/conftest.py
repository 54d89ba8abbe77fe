"""The place in which the watchdog is tested: a Monday morning."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cronstack.watchdog.place import Place, at


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Place(at("2026-11-30 05:00"))
