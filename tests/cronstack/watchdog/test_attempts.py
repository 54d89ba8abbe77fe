"""A lease that has ended is abandoned, unless a pause keeps other deliveries from taking it over."""

from __future__ import annotations

import pytest

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.ledger.rows import LeaseItem, RunItem
from cronstack.watchdog.checks import attempts
from cronstack.watchdog.scene import MINUTE

NOON = 1_800_000_000_000
RUN = RunItem("running", "t-2027-01-15T08:00:00Z", holder="h", started=NOON - MINUTE, expires=NOON)
LEASE = LeaseItem("h", RUN.occurrence, NOON)

TIMETABLE = {
    "9 minutes after the end": (9, None, []),
    "11 minutes after the end": (11, None, ["abandoned"]),
    "paused now": (60, 60, []),
    "resumed since the pass 19 minutes ago": (60, 41, []),
    "resumed since the pass 21 minutes ago": (60, 39, ["abandoned"]),
}
"""Minutes after the lease's end, minute of the last pass that saw a pause, and the causes found."""


@pytest.mark.parametrize(("now", "paused", "expected"), TIMETABLE.values(), ids=TIMETABLE)
@pytest.mark.parametrize("rows", [(RUN,), ()], ids=["by its run", "by its lease"])
def test_an_ended_lease(rows: tuple[RunItem, ...], now: int, paused: int | None, expected: list[str]) -> None:
    seen = 0 if paused is None else NOON + paused * MINUTE
    found = attempts.check(JobMetadata("stats"), LEASE, rows, (), NOON + now * MINUTE, paused=seen)
    assert [finding.cause for finding in found] == expected


def test_a_lease_whose_run_has_ended_is_not_abandoned() -> None:
    """A deploy allowed overlaps while the run waited for its retry, so it ended without its lease."""
    found = attempts.check(JobMetadata("stats"), LEASE, (), (), NOON + 60 * MINUTE, holder_has_ended=True)
    assert found == []


def test_the_facts_are_those_of_the_run_whose_lease_ended_first() -> None:
    later = RUN._replace(occurrence="t-2027-01-15T09:00:00Z", expires=NOON + MINUTE)
    (found,) = attempts.check(JobMetadata("stats"), LEASE, (later, RUN), (), NOON + 60 * MINUTE)
    assert (found.since, found.facts["occurrence"]) == (RUN.expires, RUN.occurrence)
