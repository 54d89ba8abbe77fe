"""What the patches need from the cloud that applies them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cronstack import clock
from cronstack_infra.local.lock import BACKENDS


def wait_unlocked(seconds: float) -> None:
    """Release the lock for so long, or until another request has changed something."""
    BACKENDS.wait(seconds)


@dataclass(frozen=True)
class Surroundings:
    """The parameters of the patches, passed when they are applied."""

    endpoint: str = ""
    """The address of the local cloud, to which the URLs of queues point."""
    now: Callable[[], datetime] = clock.now
    wait: Callable[[float], None] = wait_unlocked
    """How a long poll passes the time. Defaults to waiting with the lock released."""
