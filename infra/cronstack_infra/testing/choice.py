"""Options of the marker ``cronstack``: jobs, schedules that fire, start time, seed and switches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cronstack.errors import OperationError
from cronstack.timetable.zones import bound, readings
from cronstack_infra.play.looks import MAX_CLOCK_READS
from cronstack_infra.project import Project
from cronstack_infra.switches.parsing import of_mapping
from cronstack_infra.switches.settings import Switches

if TYPE_CHECKING:
    import pytest

START: Final = "2026-01-01T00:00:30"
"""Default start of the clock. It is fixed, so that tests do not depend on the current date. No cron is due in the
middle of a minute, so the first run of a test does not overlap another."""
RATE_AGE: Final = timedelta(seconds=30)
"""Time between the last firing of each ``rate()`` and the start of the clock. So the first run of a test does not
overlap it, and a daily rate fires seven times in seven days."""
_KNOWN: Final = ("jobs", "only", "start", "seed", "clock_reads", "switches")


@dataclass(frozen=True)
class Choice:
    """The options of one test."""

    project: Project
    jobs: str
    start: datetime
    seed: int
    only: frozenset[str] | None = None
    """Jobs whose schedules fire. None: all. The other jobs are also deployed."""
    clock_reads: int = MAX_CLOCK_READS
    """Most clock reads of a handler without waiting. Beyond it, the handler is ended as an endless loop."""
    switches: Switches = field(default_factory=Switches)
    """Switches: how AWS is simulated."""

    @classmethod
    def of(cls, markers: Iterable[pytest.Mark], test: Path) -> Choice:
        """Return the options of a test. The nearest marker takes precedence. The test's file determines the project."""
        options: dict[str, Any] = {}
        for mark in markers:
            if mark.args or (unknown := [name for name in mark.kwargs if name not in _KNOWN]):
                what = repr(mark.args[0]) if mark.args else unknown[0]
                raise OperationError(
                    f"the marker cronstack has no option {what}",
                    remedy='For example @pytest.mark.cronstack(jobs="examples", only=["night"], start="2013-01-01").',
                )
            options = {**mark.kwargs, **options}
        start = instant(options.get("start", START), "start")
        project, seed = Project.find(test.parent), int(options.get("seed", 0))
        reads = int(options.get("clock_reads", MAX_CLOCK_READS))
        switches = of_mapping(options.get("switches"), seed=seed)
        return cls(project, str(options.get("jobs", "jobs")), start, seed, _names(options.get("only")), reads, switches)


def _names(value: object) -> frozenset[str] | None:
    """Return the job names of a list. Return None for None."""
    if value is None:
        return None
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in value):
        raise OperationError(
            f"the marker cronstack: only={value!r} is not a list of job names", remedy='Write only=["nightly"].'
        )
    return frozenset(value)


def instant(value: object, what: str) -> datetime:
    """Return the bound of a span in UTC, from a datetime or ISO text. Without an offset, it is in UTC.

    A local time that the clocks skip means the instant of the clock change.
    """
    local = _local(value, what)
    try:
        return bound(local)
    except OverflowError:
        raise _invalid_time(value, what) from None


def moment(value: object, what: str) -> datetime:
    """Return one instant, as ``instant`` does. Raise OperationError for a local time that the clocks skip."""
    local = _local(value, what)
    try:
        meant = readings(local)
    except OverflowError:
        raise _invalid_time(value, what) from None
    if meant.skipped:
        first, second = (each.astimezone(local.tzinfo).isoformat() for each in (meant.earlier, meant.later))
        raise OperationError(
            f"{what}={value} does not exist in its zone: the clocks skip it",
            remedy=f"Write one of: {first}, {second}.",
        )
    return local.astimezone(UTC)


def _local(value: object, what: str) -> datetime:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise _invalid_time(value, what) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _invalid_time(value: object, what: str) -> OperationError:
    return OperationError(f"{what}={value!r} is not a valid time", remedy='Write "2013-01-01" or a datetime.')
