"""The timeline of a failed test with many attempts: it shows failures and the newest attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cronstack_infra.testing.places import Place
from cronstack_infra.testing.story import LINES, story

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def attempt(minute: int, job: str = "hello", outcome: str = "succeeded") -> dict[str, Any]:
    began = f"{BEGAN + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S}.000Z"
    return {
        "event": "attempt",
        "job": job,
        "occurrence": f"t-{minute}",
        "attempt": 1,
        "began": began,
        "outcome": outcome,
        "seconds": 0.01,
    }


def test_jobs_of_the_test_come_first_and_each_other_job_has_one_line() -> None:
    noise = [attempt(minute, "busy", "dead") | {"error": f"KeyError: {minute}"} for minute in range(200)]
    places = {job: Place(f"jobs/{job}.py", 3) for job in ("busy", "hello", "idle")}
    text = story([attempt(5), *noise], places, began=BEGAN, now=BEGAN, about={"hello"})
    assert text.splitlines()[1:] == [
        "2026-01-01 00:05:00.000  hello  t-5  attempt 1  succeeded after 0.01 s",
        "",
        "jobs/hello.py:3: hello: 1 succeeded",
        "jobs/busy.py:3: busy: 200 dead; last error: KeyError: 199",
        "jobs/idle.py:3: idle: did not run",
        'Most attempts were of other jobs. Keep their schedules from firing: @pytest.mark.cronstack(only=["hello"])',
    ]


def timeline(events: list[dict[str, Any]]) -> list[str]:
    return story(events, {}, began=BEGAN, now=BEGAN + timedelta(hours=9)).splitlines()[1:]


def test_old_failures_are_shown_despite_a_frequent_job() -> None:
    events = [attempt(minute) for minute in range(200)]
    events[3], events[5] = attempt(3, "remind", "retrying"), attempt(5, "remind", "dead")
    lines = timeline(events)
    assert lines[0] == "… 3 attempts: 3 succeeded"
    assert "remind  t-3  attempt 1  retrying" in lines[1]
    assert lines[2] == "… 1 attempt: 1 succeeded"
    assert "remind  t-5  attempt 1  dead" in lines[3]
    assert lines[4] == "… 156 attempts: 156 succeeded"
    assert [line.split()[3] for line in lines[5:]] == [f"t-{minute}" for minute in range(162, 200)]


def test_the_newest_attempt_is_shown_after_many_failures() -> None:
    lines = timeline([attempt(minute, outcome="crashed") for minute in range(100)] + [attempt(100)])
    assert lines[0] == f"… {101 - LINES} attempts: {101 - LINES} crashed"
    assert "t-100  attempt 1  succeeded" in lines[-1]
    assert len(lines) == LINES + 1


def test_few_attempts_are_all_shown() -> None:
    lines = timeline([attempt(minute) for minute in range(LINES)])
    assert len(lines) == LINES
    assert timeline([]) == ["nothing ran"]
