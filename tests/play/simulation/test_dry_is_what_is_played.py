"""``simulate --dry`` gives the same counts as a played simulation, for every overlap policy, minute by minute."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cronstack import parse
from cronstack.defaults import Overlap
from cronstack_infra.play.dry.minutes import Span, firings
from cronstack_infra.play.dry.overlaps import play
from cronstack_infra.play.dry.whatif import Case, JobTimetable, what_if
from cronstack_infra.play.simulation.cloud.snapshot import Snapshot
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.play.dry.bits import minutes_of
from tests.play.simulation.conftest import START, assembled, small_project

HOURS = 3
SPAN = Span(START, START + timedelta(hours=HOURS))
AFTERWARDS = timedelta(hours=2)
"""Longer than the last occurrence can wait and then run."""
JOBS: dict[str, tuple[Overlap, int]] = {
    "skips": ("skip", 3600),
    "goes_side_by_side": ("allow", 3600),
    "waits": ("buffer_one", 3600),
    "waits_five_minutes": ("buffer_one", 300),
}
"""Overlap policy and start deadline of each job of ``overlap_jobs``."""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VirtualCloud, Snapshot]]:
    jobs = Path(__file__).parent / "overlap_jobs"
    project = small_project(tmp_path_factory.mktemp("project") / "small", jobs)
    with VirtualCloud(START - timedelta(minutes=1), seed=7) as cloud:
        cloud.deploy(assembled(project))
        yield cloud, cloud.snapshot()


def reschedule(cloud: VirtualCloud, job: str, expression: str, seconds: int) -> None:
    scheduler = cloud.client("scheduler")
    (listed,) = (each for each in scheduler.list_schedules()["Schedules"] if each["Name"] == f"small-{job}.1")
    known = scheduler.get_schedule(GroupName=listed["GroupName"], Name=listed["Name"])
    names = ("Name", "GroupName", "FlexibleTimeWindow", "ScheduleExpressionTimezone", "Target")
    changed: dict[str, Any] = {name: known[name] for name in names}
    changed["Target"]["Input"] = json.dumps(json.loads(known["Target"]["Input"]) | {"input": {"seconds": seconds}})
    scheduler.update_schedule(**changed, ScheduleExpression=expression)


def minutes_running(attempts: list[dict[str, Any]]) -> Counter[int]:
    """Return, for each minute of the span, the number of runs under way at its start."""
    running: Counter[int] = Counter()
    for attempt in attempts:
        began, ended = (SPAN.minute(datetime.fromisoformat(attempt[at])) for at in ("began", "ended"))
        running.update(range(began, ended + 1))
    return running


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(minutes=set(range(60)), seconds=150)
@example(minutes=set(range(60)), seconds=450)
@given(
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=40),
    seconds=st.integers(1, 850).filter(lambda seconds: 0 < seconds % 60 < 55),
)
def test_the_dry_run_counts_the_same_as_the_played_one(
    clean: tuple[VirtualCloud, Snapshot], minutes: set[int], seconds: int
) -> None:
    cloud, snapshot = clean
    cloud.restore(snapshot)
    expression = f"cron({','.join(map(str, sorted(minutes)))} 0-{HOURS - 1} {START.day} {START.month} ? {START.year})"
    for job in JOBS:
        reschedule(cloud, job, expression, seconds)
    cloud.advance(SPAN.last + AFTERWARDS)
    for job, (overlap, start_deadline) in JOBS.items():
        rows = [event for event in cloud.events if event["event"] == "attempt" and event["job"] == job]
        outcomes = Counter(row["outcome"] for row in rows)
        schedule = parse(expression, timezone="UTC")
        expected = play(
            firings(schedule, SPAN, anchor=SPAN.first), ceil(seconds / 60), overlap, start_deadline=start_deadline
        )
        assert (outcomes["skipped"], outcomes["buffered"], outcomes["missed"]) == (
            expected.skipped,
            expected.buffered,
            expected.missed,
        ), job
        expected_minutes: Counter[int] = Counter()
        for timetable in expected.running:
            expected_minutes.update(minutes_of(timetable))
        assert minutes_running([row for row in rows if row["outcome"] == "succeeded"]) == expected_minutes, job
        assert set(outcomes) <= {"succeeded", "skipped", "buffered", "missed", "deferred", "duplicate"}
        planned = JobTimetable(job, (schedule,), overlap, 900, start_deadline)
        overlaps = what_if([planned], SPAN, [Case("given", {job: seconds})]).overlaps
        assert [each.played._replace(running=()) for each in overlaps] == (
            [expected._replace(running=())] if expected.overlapping else []
        )
