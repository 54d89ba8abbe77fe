"""A local cloud on virtual time with real processes: what Lambda puts off by minutes comes at once, to the second.

The engine's clock stands still while a handler runs, and jumps to what is due next when none does. So the times of
what it tells are exact: a retry after one minute is told 60.000 s after the failure. For asynchronous invocations
only; a schedule would fire for ever.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from cronstack_infra.local import __main__ as program
from tests.local.quick_cloud import Cloud, quick_cloud

START = datetime.now(UTC).replace(microsecond=0)
"""Of virtual time. The machine's time, because moto and the handlers' processes go by that in part: a message of last
week is deleted."""


class SteppedClock:
    """Stands still while the cloud is busy, and jumps to what is due next when it is idle."""

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
    with quick_cloud("tests.local.stepped", STEPPED_CLOUD_START=START.isoformat()) as found:
        yield found


def seconds(event: dict[str, Any]) -> float:
    """Of virtual time, since the start."""
    return (datetime.fromisoformat(event["at"]) - START).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
