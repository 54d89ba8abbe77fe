"""One virtual cloud for many tests. It sleeps between them, and each test gets its prepared state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from cronstack_infra.play.simulation.cloud.snapshot import Snapshot
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

Prepared = tuple[VirtualCloud, Snapshot]
"""A sleeping cloud, and its prepared state."""


@contextmanager
def prepared(
    start: datetime, seed: int, prepare: Callable[[VirtualCloud], object] = lambda cloud: None
) -> Iterator[Prepared]:
    """Open a cloud and prepare it once. Without ``prepare`` it is empty."""
    with VirtualCloud(start, seed=seed) as cloud:
        prepare(cloud)
        state = cloud.snapshot()
        cloud.sleep()
        yield cloud, state


@contextmanager
def awake(of: Prepared) -> Iterator[VirtualCloud]:
    """Wake the cloud in its prepared state, for one test."""
    cloud, state = of
    cloud.wake(state)
    yield cloud
    cloud.sleep()
