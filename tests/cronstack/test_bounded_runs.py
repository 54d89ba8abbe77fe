"""Events outside start and end, of past at()s, and of flexible windows, in the runtime of a deployed job."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack import once
from cronstack.declaration import Job, When, at, cron, rate
from cronstack.event import operator_event, parse_event, planned_event
from cronstack.occurrence import print_time
from cronstack.runtime import Invocation
from tests.cronstack.stage import NOON, Context, Stage, error, job, scheduled_event
from tests.places import ROOT

ID = "t-2026-01-01T12:00:00Z"
TODAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAILY = "0 12 * * ? *"
LATER = cron(DAILY, timezone="UTC", start=TODAY + HOUR)
OVER = cron(DAILY, timezone="UTC", end=TODAY)
SPREAD = cron(DAILY, timezone="UTC", window=30)
MINUTE = 60_000


def invoke(stage: Stage, of: Job, event: object) -> dict[str, Any]:
    return Invocation(of, event, Context(stage), stage.shell()).work()


def succeeding_job(*schedules: When, **policies: Any) -> Job:
    return job(lambda run: None, schedule=schedules, **policies)


@pytest.mark.parametrize(
    "schedules",
    [(LATER,), (OVER,), (LATER, OVER), (at("2025-01-01T12:00:00", timezone="UTC"),), (rate("1 minute", end=TODAY),)],
    ids=["before start", "at end", "both", "at() of another year", "rate"],
)
def test_an_event_outside_the_bounds_is_skipped_before_any_request(stage: Stage, schedules: tuple[When, ...]) -> None:
    """It is not an occurrence, so it has no row. It is skipped even if the ledger does not answer."""
    stage.fail("UpdateItem", error("InternalServerError", 500))
    answer = invoke(stage, succeeding_job(*schedules), scheduled_event())
    assert answer == {"cronstack": "skipped", "job": "stats", "occurrence": ID, "reason": "outside start/end"}
    assert stage.calls == []
    assert stage.lines[-1]["level"] == "INFO"


@pytest.mark.parametrize(
    "schedules",
    [
        (cron(DAILY, timezone="UTC", start=TODAY, end=TODAY + HOUR),),
        (LATER, cron("0 * * * ? *", timezone="UTC")),
        (at("2026-01-01T13:00:00", timezone="Europe/Berlin"),),
        (cron("1 12 * * ? *", timezone="UTC", end=TODAY),),
    ],
    ids=["inside", "inside another one", "the one instant of an at()", "of an earlier deploy"],
)
def test_an_event_inside_the_bounds_or_of_no_schedule_runs(stage: Stage, schedules: tuple[When, ...]) -> None:
    assert invoke(stage, succeeding_job(*schedules), scheduled_event())["cronstack"] == "succeeded"


@pytest.mark.parametrize("kind", ["trigger", "backfill", "redrive"])
def test_an_operators_event_is_exempt(stage: Stage, kind: Any) -> None:
    event = operator_event("stats", kind, due=NOON, requested=NOON, input={})
    assert invoke(stage, succeeding_job(OVER), event)["cronstack"] == "succeeded"


def test_a_started_run_continues_after_a_deploy_has_moved_the_end(stage: Stage) -> None:
    """Its carrier starts the second attempt by code whose schedule has ended meanwhile."""

    def fails(run: object) -> None:
        raise ValueError("no")

    failed = job(fails, schedule=cron(DAILY, timezone="UTC", end=TODAY + HOUR), retries=1)
    assert invoke(stage, failed, scheduled_event())["cronstack"] == "retrying"
    (carrier,) = stage.carriers()
    stage.now += carrier.after
    assert invoke(stage, succeeding_job(OVER), carrier.event)["cronstack"] == "succeeded"


def test_the_actual_time_within_a_window_is_the_same_occurrence_as_its_instant(stage: Stage) -> None:
    """Also by a carrier: its event has the instant, whatever the schedules are by then."""
    stage.now += 17 * MINUTE
    seen: list[datetime] = []

    def fails(run: Any) -> None:
        seen.append(run.scheduled)
        raise ValueError("no")

    actual = scheduled_event(stage.now)
    answer = invoke(stage, job(fails, schedule=SPREAD, retries=1), actual)
    assert (answer["cronstack"], answer["occurrence"], seen) == ("retrying", ID, [TODAY])
    (carrier,) = stage.carriers()
    assert carrier.event["scheduled"] == print_time(NOON)
    stage.now += carrier.after
    assert invoke(stage, succeeding_job(rate("1 day")), carrier.event)["occurrence"] == ID
    assert invoke(stage, succeeding_job(SPREAD), scheduled_event())["cronstack"] == "duplicate"
    assert invoke(stage, succeeding_job(SPREAD), actual)["cronstack"] == "duplicate"


@pytest.mark.parametrize(("minutes", "outcome"), [(0, "succeeded"), (31, "succeeded"), (33, "missed")])
@pytest.mark.parametrize("reported", ["nominal", "actual"])
def test_the_start_deadline_counts_from_the_end_of_the_window(
    stage: Stage, minutes: int, outcome: str, reported: str
) -> None:
    stage.now += minutes * MINUTE
    event = scheduled_event(NOON if reported == "nominal" else NOON + min(minutes, 30) * MINUTE)
    assert invoke(stage, succeeding_job(SPREAD, start_deadline=120), event)["cronstack"] == outcome


def test_a_plan_has_no_window(stage: Stage) -> None:
    """Its deadline is the job's own, also if the job has a cron with a window."""
    event = json.loads(planned_event("stats", "k", 1, due=NOON, input={}))
    of = parse_event(event, "stats")
    terms = Invocation(
        succeeding_job(SPREAD, once(), start_deadline=3600), event, Context(stage), stage.shell()
    )._terms(of, event)
    assert terms.start_deadline == 3600


@pytest.mark.parametrize(
    ("declared", "loads"),
    [
        ('cron("0 6 * * ? *", timezone="Europe/Berlin")', False),
        ('[rate("5 minutes"), cron("0 6 * * ? *", timezone="UTC")]', False),
        ('cron("0 6 * * ? *", timezone="UTC", end=datetime(2030, 1, 1, tzinfo=UTC))', False),
        ('at("2026-01-01T12:00:00", timezone="UTC")', True),
    ],
    ids=["cron", "rate and cron", "well within its bounds", "at"],
)
def test_a_job_without_bounds_loads_no_timetable(declared: str, loads: bool) -> None:
    """Importing it lengthens the cold start by milliseconds. A job well within its bounds does not import it either."""
    done = subprocess.run(
        [sys.executable, "-c", COLD.format(declared=declared)], cwd=ROOT / "functions", capture_output=True, text=True
    )
    assert done.stderr == ""
    modules = done.stdout.split()
    assert ("cronstack.timetable.instants" in modules) is loads
    assert ("cronstack.timetable.bounds" in modules) is (loads or "end=" in declared)
    assert "zoneinfo" not in modules


COLD = """
import sys
from datetime import UTC, datetime
from cronstack import at, cron, job, rate
from cronstack.runtime import Invocation, Shell
from cronstack.settings import Settings

@job(schedule={declared})
def stats(run): ...

class Context:
    get_remaining_time_in_millis = staticmethod(lambda: 60_000)
    invoked_function_arn, aws_request_id = "arn:aws:lambda:us-east-1:123456789012:function:shop-stats", "1"

settings = Settings("ledger", "https://queue", "shop", "carriers", "role", "queue")
event = {{"cronstack": 1, "job": "stats", "scheduled": "2026-01-01T12:00:00Z", "input": {{}}}}
shell = Shell(settings, lambda *asked, **terms: {{}}, write=lambda line: None)
Invocation(stats, event, Context(), shell).work()
print(*sys.modules)
"""
