"""A local cloud whose clock a test sets ahead and back. Run as a program it is the cloud."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cronstack_infra.local import drive
from tests.local.quick_cloud import RETRY_DELAYS, Cloud, quick_cloud

AHEAD = "JUMPING_CLOUD_AHEAD"
"""Environment variable: a file with the seconds by which the clock is ahead."""


class JumpingDrive(drive.RealDrive):
    """The real drive with another clock, and retries in seconds for minutes."""

    def __init__(self, on_event: Any, **given: Any) -> None:
        super().__init__(on_event, retry_delays=json.loads(os.environ[RETRY_DELAYS]), **given)

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(Path(os.environ[AHEAD]).read_text("utf-8")))


def main() -> int:
    from cronstack_infra.local import __main__ as program

    drive.RealDrive = JumpingDrive  # type: ignore[misc]
    return program.main()


class Clock:
    """The clock of that cloud."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(ahead=0)

    def set(self, *, ahead: float) -> None:
        """Set the clock, at one stroke."""
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
