"""A local cloud on virtual time with real processes: what Lambda puts off by minutes comes at once, to the second.

The engine's clock stands still while a handler runs, and jumps to what is due next when none does. So the times of
what it tells are exact: a retry after one minute is told 60.000 s after the failure. For asynchronous invocations
only; a schedule would fire for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from cronstack_infra.local import drive
from cronstack_infra.local.lock import BACKENDS
from tests.local.quick_cloud import Cloud, quick_cloud

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class SteppedDrive(drive.RealDrive):
    """The real drive with another clock."""

    _virtual = START

    def now(self) -> datetime:
        return self._virtual

    def _await(self, **given: Any) -> list[Callable[[], None]]:
        with BACKENDS:
            due = self._engine.next_due()
            quiet = not given.get("at_once") and not self.effects.invoker.active.total() and self._inbox.empty()
            if due is not None and quiet:
                self._virtual = max(self._virtual, due)
        return super()._await(**given)


def main() -> int:
    from cronstack_infra.local import __main__ as program

    drive.RealDrive = SteppedDrive  # type: ignore[misc]
    return program.main()


@contextmanager
def stepped_cloud(**environment: str) -> Iterator[Cloud]:
    with quick_cloud("tests.local.stepped", **environment) as found:
        yield found


def seconds(event: dict[str, Any]) -> float:
    """Of virtual time, since the start."""
    return (datetime.fromisoformat(event["at"]) - START).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
