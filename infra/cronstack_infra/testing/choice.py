"""Options of the marker ``cronstack``: jobs, schedules that fire, start time, seed, and how AWS is played."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cronstack.errors import OperationError
from cronstack.timetable.zones import bound, readings
from cronstack_infra.play.looks import MOST_LOOKS
from cronstack_infra.project import Project
from cronstack_infra.switches.reading import of_mapping
from cronstack_infra.switches.settings import Switches

if TYPE_CHECKING:
    import pytest

START: Final = "2026-01-01T00:00:30"
"""When the clock begins unless a test says otherwise: a test of today is the same test next year. No cron is due in
the middle of a minute, so what a test fires first meets nothing."""
RATE_AGE: Final = timedelta(seconds=30)
"""How long before the clock begins each ``rate()`` fired last: what a test fires first does not meet it, and in seven
days a daily rate fires seven times."""
_KNOWN: Final = ("jobs", "only", "start", "seed", "clock_reads", "switches")


@dataclass(frozen=True)
class Choice:
    """Of one test."""

    project: Project
    jobs: str
    start: datetime
    seed: int
    only: frozenset[str] | None = None
    """Jobs whose schedules fire. None: all of them. The other jobs are deployed, too."""
    clock_reads: int = MOST_LOOKS
    """Clock reads of a handler while virtual time stands still, from which on its loop is ended."""
    switches: Switches = field(default_factory=Switches)
    """How AWS is played."""

    @classmethod
    def of(cls, markers: Iterable[pytest.Mark], test: Path) -> Choice:
        """The nearest marker's word counts. The project is the one that the test's file lies in."""
        said: dict[str, Any] = {}
        for mark in markers:
            if mark.args or (unknown := [name for name in mark.kwargs if name not in _KNOWN]):
                what = repr(mark.args[0]) if mark.args else unknown[0]
                raise OperationError(
                    f"the marker cronstack does not know {what}",
                    remedy='It is written @pytest.mark.cronstack(jobs="examples", only=["night"], start="2013-01-01").',
                )
            said = {**mark.kwargs, **said}
        start = instant(said.get("start", START), "start")
        project, seed = Project.find(test.parent), int(said.get("seed", 0))
        reads = int(said.get("clock_reads", MOST_LOOKS))
        switches = of_mapping(said.get("switches"), seed=seed)
        return cls(project, str(said.get("jobs", "jobs")), start, seed, _names(said.get("only")), reads, switches)


def _names(value: object) -> frozenset[str] | None:
    """Job names of a list. None for None."""
    if value is None:
        return None
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in value):
        raise OperationError(
            f"the marker cronstack: only={value!r} is not a list of job names", remedy='Write only=["nightly"].'
        )
    return frozenset(value)


def instant(value: object, what: str) -> datetime:
    """Return the bound of a span, in UTC, from a datetime or an ISO text; without an offset, both are in UTC.

    A local time that the clocks of its zone skip means the instant of the change.
    """
    local = _local(value, what)
    try:
        return bound(local)
    except OverflowError:
        raise _no_time(value, what) from None


def moment(value: object, what: str) -> datetime:
    """Return one instant, as ``instant`` does. Raise OperationError for a local time that the clocks skip."""
    local = _local(value, what)
    try:
        meant = readings(local)
    except OverflowError:
        raise _no_time(value, what) from None
    if meant.skipped:
        first, second = (each.astimezone(local.tzinfo).isoformat() for each in (meant.earlier, meant.later))
        raise OperationError(
            f"{what}={value} does not exist in its zone: the clocks skip it",
            remedy=f"Write the one that you mean: {first} or {second}.",
        )
    return local.astimezone(UTC)


def _local(value: object, what: str) -> datetime:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise _no_time(value, what) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _no_time(value: object, what: str) -> OperationError:
    return OperationError(f"{what}={value!r} is no time", remedy='Write "2013-01-01" or a datetime.')
