"""Lines on stderr while a command waits for a run: the error of each attempt and the time of the next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import click

from cronstack import clock
from cronstack_infra.cli.output.spans import span
from cronstack_infra.cli.output.tables import printable
from cronstack_infra.ops.runs import UNSTARTED, RunRow


def print_line(line: str) -> None:
    """Print on stderr, because stdout has only the result."""
    click.echo(line, err=True)


class AttemptPrinter:
    """Printer of the attempts of one run. ``follow`` calls it with each new state of the run."""

    def __init__(
        self,
        job: str,
        *,
        prefix: str = "",
        write: Callable[[str], None] = print_line,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._job, self._prefix, self._write, self._now = job, prefix, write, now
        self._seen: int | None = None
        """The last attempt whose end is reported; None before the first state."""

    def __call__(self, row: RunRow | None) -> None:
        line = self._unstarted() if row is None else self._line(row)
        if line:
            self._write(printable(f"{self._prefix}{line}"))

    def _line(self, row: RunRow) -> str:
        seen, attempt = self._seen, f"attempt {row.attempt} of {row.limit}"
        if row.status == "running" and not row.overdue:
            self._seen = row.attempt - 1
            if seen is not None and seen < row.attempt - 1:  # it ended, and the next one began, between two reads
                return f"attempt {row.attempt - 1} of {row.limit} failed: {row.error}; attempt {row.attempt} is running"
            return ""
        self._seen = row.attempt
        match row.status:
            case "retrying":
                return f"{attempt} failed: {row.error}; {self._next(row)}"
            case "buffered":
                return f"waits until {row.other_occurrence or 'another occurrence'} has ended"
            case "running" | "crashed":
                return f"{attempt} ended without a result: its process died; attempt {row.attempt + 1} takes over"
        return ""

    def _next(self, row: RunRow) -> str:
        following = f"attempt {row.attempt + 1} comes"
        if row.after is None:
            return f"{following} soon"
        pause = row.after - self._now()
        return (
            f"{following} at {row.after:%H:%M:%S} UTC, in {span(pause)}"
            if pause.total_seconds() >= 1
            else f"{following} now"
        )

    def _unstarted(self) -> str:
        return (
            f"has not started after {UNSTARTED:.0f} s. If the function fails before its job begins:"
            f" cronstack logs {self._job}. If the job refused the event: cronstack dead-letters list {self._job}"
        )
