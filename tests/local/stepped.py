"""A local cloud on virtual time with real processes: Lambda's delays of minutes take no real time.

The engine's clock stops while a handler runs, and jumps to the next due item when none runs. So the times of events
are exact: a retry after one minute is reported 60.000 s after the failure. For asynchronous invocations only; a
schedule would fire forever.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from cronstack_infra.local import __main__ as program
from tests.local.quick_cloud import Cloud, quick_cloud

START = datetime.now(UTC).replace(microsecond=0)
"""Start of virtual time: the machine's time, because moto and the handler processes also use it. A message from last
week would be deleted."""


class SteppedClock:
    """A clock that stops while the cloud is busy, and jumps to the next due item when it is idle."""

    def __init__(self) -> None:
        self._now = datetime.fromisoformat(os.environ["STEPPED_CLOUD_START"])

    def now(self) -> datetime:
        return self._now

    def idle(self, until: datetime) -> None:
        self._now = max(self._now, until)


def main() -> int:
    return program.main(clock=SteppedClock())


@contextmanager
def stepped_cloud() -> Iterator[Cloud]:
    with quick_cloud("tests.local.stepped", STEPPED_CLOUD_START=START.isoformat()) as cloud:
        yield cloud


def seconds(event: dict[str, Any]) -> float:
    """Return the seconds of virtual time from the start to an event."""
    return (datetime.fromisoformat(event["at"]) - START).total_seconds()


def is_virtual(time: str) -> bool:
    """Return whether a time that the cloud stated is of its clock, which starts when the tests are collected."""
    return START <= datetime.fromisoformat(time) < START + timedelta(days=1)


if __name__ == "__main__":
    sys.exit(main())
