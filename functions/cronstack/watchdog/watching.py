"""One pass of the watchdog."""

from __future__ import annotations

from collections.abc import Callable

from cronstack.watchdog.scene import AwsTime, Clients, PassReport, Scene


def one_pass(
    clients: Clients, scene: Scene, *, now: int, ulid: Callable[[], str], aws_time: AwsTime | None = None
) -> PassReport:
    """Look at the stack once."""
    raise NotImplementedError
