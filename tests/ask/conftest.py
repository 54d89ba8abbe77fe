"""A virtual cloud without a stack, in which the hour of ask-aws takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from cronstack_infra.local.environment import client_arguments
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.kit.virtual import Prepared, awake, prepared

START = datetime(2027, 3, 1, 12, 0, 20, tzinfo=UTC)


@pytest.fixture(scope="session")
def prepared_cloud() -> Iterator[Prepared]:
    with prepared(START, seed=7) as cloud:
        yield cloud


@pytest.fixture
def virtual(prepared_cloud: Prepared) -> Iterator[VirtualCloud]:
    with awake(prepared_cloud) as cloud:
        yield cloud


def clients(service: str) -> Any:
    """Return a client of the virtual cloud."""
    make: Any = boto3.client
    return make(service, **client_arguments(None, "us-east-1"))
