"""A local cloud whose clock a test sets ahead and back. As a program, this module is the cloud."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from cronstack_infra.local import __main__ as program
from cronstack_infra.local.clock import MachineClock
from tests.local.quick_cloud import Cloud, quick_cloud, quick_switches

AHEAD = "JUMPING_CLOUD_AHEAD"
"""Environment variable: a file with the seconds by which the clock is ahead."""


class JumpingClock(MachineClock):
    """The machine's clock, set ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(Path(os.environ[AHEAD]).read_text("utf-8")))


def main() -> int:
    return program.main(clock=JumpingClock(), switches=quick_switches())


class Clock:
    """The test's control of the cloud's clock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(ahead=0)

    def set(self, *, ahead: float) -> None:
        """Set the clock atomically."""
        written = self._file.with_suffix(".new")
        written.write_text(str(ahead), "utf-8")
        written.replace(self._file)


@contextmanager
def jumping_cloud(folder: Path) -> Iterator[tuple[Cloud, Clock]]:
    file = folder / "ahead"
    clock = Clock(file)
    with quick_cloud("tests.local.jumping", retry_delays=(8.0, 1.0), **{AHEAD: str(file)}) as cloud:
        yield cloud, clock


if __name__ == "__main__":
    sys.exit(main())
