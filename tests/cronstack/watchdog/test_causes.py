"""Each cause is notified once when it comes, and once when it has ended; the texts are those of the golden file."""

from __future__ import annotations

import json

import pytest

from cronstack.deployed.job_metadata import ScheduleMetadata
from cronstack.occurrence import planned_id
from cronstack.watchdog.scene import CAUSES
from tests.cronstack.watchdog.notifications import FILE, shown
from tests.cronstack.watchdog.place import DAY, MINUTE, Place
from tests.cronstack.watchdog.scenarios import JOB, SCENARIOS, Scenario, begin, find, solve

every = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.cause for scenario in SCENARIOS])


def of_cause(place: Place, scenario: Scenario) -> list[str]:
    job = "-" if scenario.of_stack else JOB
    lines = place.lines()
    assert [line for line in lines if line.split()[2] not in (scenario.cause, "late")] == []
    return [line.split()[0] for line in lines if line.endswith(f"{job} {scenario.cause}")]


def test_each_cause_has_a_scenario() -> None:
    assert [scenario.cause for scenario in SCENARIOS] == list(CAUSES)


@every
def test_a_problem_is_notified_once_and_cleared_once(place: Place, scenario: Scenario) -> None:
    begin(place)
    find(place, scenario)
    assert of_cause(place, scenario) == ["alert"]
    if scenario.cause != "clock":  # one row is evidence once
        place.look()
        assert of_cause(place, scenario) == []
    solve(place, scenario)
    assert of_cause(place, scenario) == ["clear"]
    place.now += 5 * MINUTE
    place.look()
    assert of_cause(place, scenario) == []
    assert place.incidents() == []


@every
def test_the_texts_are_those_of_the_golden_file(monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert shown(scenario) in FILE.read_text(), "python -m tests.cronstack.watchdog.notifications"


# -- failed ------------------------------------------------------------------------------------------------------------
def test_alert_after_counts_failures_in_a_row(place: Place) -> None:
    place.deploy("tick", "cron(* * * * ? *)", alert_after=3)
    place.look()
    for minute, status in enumerate(("dead", "dead", "succeeded", "dead", "skipped", "dead")):
        place.run("tick", place.now + minute * MINUTE, status)
    place.now += 6 * MINUTE
    place.look()
    assert place.lines() == []
    place.run("tick", place.now, "dead")
    place.now += MINUTE
    place.look()
    assert place.lines() == ["alert tick failed"]


def test_a_failure_between_two_passes_is_notified_although_the_next_run_succeeds(place: Place) -> None:
    place.deploy("tick", "cron(* * * * ? *)")
    place.look()
    place.run("tick", place.now + MINUTE, "dead")
    place.run("tick", place.now + 2 * MINUTE)
    place.now += 3 * MINUTE
    place.look()
    assert place.lines() == ["alert tick failed"]
    place.now += MINUTE
    place.look()
    assert place.lines() == ["clear tick failed"]


def test_a_failure_that_the_index_shows_only_after_a_pass_is_notified(place: Place) -> None:
    """The index is a moment behind: the pass after the failure does not see it. The next run succeeds."""
    place.deploy("tick", "cron(* * * * ? *)")
    place.look()
    failed = {"ended": place.now + MINUTE - 1000}
    place.run("tick", place.now, "dead", listed="open#job#another", **failed)
    place.now += MINUTE
    place.look()
    place.run("tick", place.now - MINUTE, "dead", **failed)  # now it is in the index
    place.run("tick", place.now)
    place.now += MINUTE
    place.look()
    assert place.lines() == ["alert tick failed"]
    place.now += MINUTE
    place.look()
    assert place.lines() == ["clear tick failed"]


def test_a_failure_of_a_job_that_waited_for_its_turn_is_notified(place: Place) -> None:
    """With more than eight jobs of code, a pass reads the lists of eight. The others may fail and recover meanwhile."""
    for number in range(16):
        place.deploy(f"job{number:02}", "cron(0 5 * * ? *)", by_code=True)
    for _ in range(2):
        place.look()
        place.now += MINUTE
    place.look()  # reads the lists of the first eight jobs
    place.run("job15", place.now - MINUTE, "dead")
    place.run("job00", place.now - MINUTE, "dead")
    place.now += MINUTE
    place.run("job15", place.now - MINUTE)
    place.run("job00", place.now - MINUTE)
    lines = []
    for _ in range(3):
        place.look()
        lines += [line for line in place.lines() if line.startswith("alert")]
        place.now += MINUTE
    assert sorted(lines) == ["alert job00 failed", "alert job15 failed"]


def test_failures_in_a_row_are_counted_over_large_rows(place: Place) -> None:
    """DynamoDB returns at most 1 MB a page: the success before the last four failures is on the second page."""
    place.deploy("tick", "cron(* * * * ? *)", alert_after=5)
    place.look()
    for minute, status in enumerate(("dead", "succeeded", "dead", "dead", "dead", "dead")):
        place.run("tick", place.now + minute * MINUTE, status, event="x" * 300_000)
    place.now += 6 * MINUTE
    place.look()
    assert place.lines() == []


def test_a_trigger_that_succeeds_ends_a_failure(place: Place) -> None:
    place.deploy("stats")
    place.look()
    place.run("stats", "m-01A", "dead")
    place.now += MINUTE
    place.look()
    place.run("stats", "m-01B")
    place.now += MINUTE
    place.look()
    assert place.lines() == ["alert stats failed", "clear stats failed"]


def test_a_first_pass_reports_only_what_still_fails(place: Place) -> None:
    for name in ("recovered", "fails"):
        place.deploy(name, "cron(* * * * ? *)")
        place.run(name, place.now - DAY, "dead")
    place.run("recovered", place.now - DAY + MINUTE)
    place.look()
    assert place.lines() == ["alert fails failed"]


def test_an_error_with_half_a_surrogate_pair_is_notified(place: Place) -> None:
    """Python's names of files may have one, and SNS takes only UTF-8."""
    place.deploy("stats", "cron(0 6 * * ? *)")
    place.look()
    error = json.dumps({"type": "ValueError", "message": "no column in caf\udce9.csv"})
    place.run("stats", "m-01A", "dead", error=error)
    place.now += MINUTE
    place.look()
    (notice,) = place.notices()
    assert "no column in caf?.csv" in notice.body


def test_another_error_is_a_new_alert(place: Place) -> None:
    place.deploy("stats", "cron(0 6 * * ? *)")
    place.look()
    place.run("stats", "m-1", "dead", error='{"type": "KeyError", "message": "x"}')
    place.now += MINUTE
    place.look()
    place.run("stats", "m-2", "dead", error='{"type": "KeyError", "message": "y"}')
    place.now += MINUTE
    place.look()
    place.run("stats", "m-3", "dead", error='{"type": "ValueError", "message": "x"}')
    place.now += MINUTE
    place.look()
    assert [notice.subject for notice in place.notices()] == [
        "[shop] stats: failed (KeyError)",
        "[shop] stats: failed (ValueError)",
    ]


# -- quiet histories ---------------------------------------------------------------------------------------------------
def test_a_long_run_that_had_its_own_limit_is_notified_after_its_end(place: Place) -> None:
    place.deploy("stats", "cron(10 5 * * ? *)", timeout=900, overrun_after=60)
    place.look()
    due = place.now + 10 * MINUTE
    place.run("stats", due, ended=due + 2 * MINUTE)
    assert place.look_at("05:15", "05:20") == ["05:15 alert stats overrunning", "05:20 clear stats overrunning"]


def test_a_buffered_run_with_a_carrier_waits_in_peace(place: Place) -> None:
    place.deploy("stats", "cron(10 5 * * ? *)")
    place.look()
    due = place.now + 10 * MINUTE
    occurrence = place.run("stats", due, "buffered")
    place.carrier("stats", occurrence, due, due + 30 * MINUTE)
    assert place.look_at("05:15", "05:30", "06:00") == []


def test_a_deploy_in_progress_is_no_edit(place: Place) -> None:
    begin(place)
    place.run(JOB, place.now)
    place.status = "UPDATE_IN_PROGRESS"
    place.edit(f"shop-{JOB}.1", ScheduleExpression="cron(0 3 * * ? *)")
    assert place.look_at("05:15", "05:20", "05:25") == []


def test_an_edit_stays_one_incident_through_a_deploy(place: Place) -> None:
    begin(place)
    find(place, next(one for one in SCENARIOS if one.cause == "schedule-edited"))
    place.status = "UPDATE_IN_PROGRESS"
    place.now += 5 * MINUTE
    place.look()
    place.status = "UPDATE_COMPLETE"
    place.now += 5 * MINUTE
    place.look()
    place.now += 5 * MINUTE
    place.look()
    assert place.lines() == [f"alert {JOB} schedule-edited"]


def test_a_queue_that_was_empty_meanwhile_has_no_old_letter(place: Place) -> None:
    place.deploy("stats", "rate(100 days)")
    place.letter()
    place.look()
    place.now += 3 * DAY
    place.empty_queues()
    place.look()
    place.letter()
    place.now += DAY
    place.look()
    place.now += 3 * DAY
    place.look()
    assert place.lines() == []


def test_an_incident_of_a_removed_job_is_cleared(place: Place) -> None:
    begin(place)
    find(place, SCENARIOS[0])
    place.remove(JOB)
    place.now += 5 * MINUTE
    place.look()
    assert place.lines() == [f"alert {JOB} missed", f"clear {JOB} missed"]
    assert place.incidents() == []


def test_the_incident_of_a_job_that_this_version_cannot_read_stays_open(place: Place) -> None:
    begin(place)
    find(place, SCENARIOS[0])
    place.jobs[JOB] = place.jobs[JOB]._replace(schedules=(ScheduleMetadata("cron(10 6 * * ? *)", "Mars/Base"),))
    place.now += 5 * MINUTE
    place.look()
    assert place.lines() == [f"alert {JOB} missed"]
    assert place.incidents() == [f"{JOB} missed"]


def test_an_incident_of_many_overdue_plans_lasts_until_all_have_started(place: Place) -> None:
    """The watchdog stores the keys of fifty of them."""
    place.deploy("orders", by_code=True)
    place.look()
    due = place.now
    keys = sorted((f"order-{number}" for number in range(120)), key=planned_id)  # in the order of their partitions
    for key in keys:
        place.plan("orders", key, due)
    place.now += 15 * MINUTE
    place.look()
    assert place.lines() == ["alert orders overdue-plan"]
    for key in keys[:119]:
        place.plan("orders", key, due, "begun", begun=place.now)
        place.run("orders", planned_id(key), key=key)
    for _ in range(3):
        place.now += 5 * MINUTE
        place.look()
    assert place.lines() == []
    place.plan("orders", keys[119], due, "begun", begun=place.now)
    place.run("orders", planned_id(keys[119]), key=keys[119])
    place.now += 5 * MINUTE
    place.look()
    assert place.lines() == ["clear orders overdue-plan"]
