"""Cells of the row of a run, for all commands that list runs."""

from __future__ import annotations

from collections.abc import Iterable

from cronstack_infra.cli.output.tables import printable
from cronstack_infra.ops.pause import Pause, describe
from cronstack_infra.ops.runs import RunRow


def status_of(row: RunRow) -> str:
    """Return "retrying at 12:00:05", "running (overdue)" or "succeeded"."""
    status = f"{row.status} (overdue)" if row.overdue else row.status
    return status if row.after is None else f"{status} at {row.after:%H:%M:%S}"


def attempt_of(row: RunRow) -> str:
    """Return "2/3", or "-" for a row without an attempt."""
    return f"{row.attempt}/{row.limit}" if row.attempt else "-"


def why(row: RunRow) -> str:
    """Return the reason of a skipped or missed run, the occurrence that ran instead, and the last error."""
    failed = row.error if row.status in ("retrying", "crashed", "dead", "running") else ""
    if row.status == "missed":
        failed = row.error.removeprefix("Missed: ")  # the class of the error repeats the status
    other = row.other_occurrence if row.status in ("skipped", "buffered") else ""
    return ": ".join(part for part in (row.reason, other, failed) if part)


def note_missed(rows: Iterable[RunRow]) -> str:
    """Return the command that starts the missed runs in ``rows``. Return "" if none was missed."""
    jobs = {row.job: row.remedy for row in rows if row.remedy}
    if not jobs:
        return ""
    command = next(iter(jobs.values())) if len(jobs) == 1 else "cronstack dead-letters redrive --origin missed"
    return f"To start the missed runs: {command}"


def note_paused(pauses: Iterable[Pause]) -> str:
    """Return a line for each paused job. Return "" if none is paused."""
    return "\n".join(printable(f"{describe(pause)}. To resume: cronstack resume {pause.job}") for pause in pauses)


def took(seconds: float | None) -> str:
    """Return "0.12s", "130s", or "-"."""
    return "-" if seconds is None else f"{seconds:.2f}s" if seconds < 100 else f"{seconds:.0f}s"
