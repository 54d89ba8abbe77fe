"""Missed and late occurrences, as timetables: what the watchdog notifies at which time."""

from __future__ import annotations

import pytest

from cronstack.occurrence import print_time, to_datetime
from tests.cronstack.watchdog.place import DAY, HOUR, MINUTE, Place, at

SIX = at("2026-11-30 06:00")
DAILY = "cron(0 6 * * ? *)"


def test_an_occurrence_without_a_run_is_late_then_missed_and_cleared_by_the_next_one(place: Place) -> None:
    place.deploy("stats", DAILY)
    place.look()
    assert place.look_at("06:00", "06:05", "06:10", "07:00", "07:05", "07:10") == [
        "06:05 alert stats late",
        "07:05 alert stats missed",
    ]
    assert place.incidents() == ["stats missed"]
    place.run("stats", SIX + DAY)
    place.now = SIX + DAY
    assert place.look_until(SIX + DAY + 10 * MINUTE) == ["06:05 clear stats missed"]
    assert place.incidents() == []


@pytest.mark.parametrize("status", ["succeeded", "running", "skipped", "retrying", "dead", "buffered"])
def test_any_run_is_an_arrival(place: Place, status: str) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.now = SIX + 4 * MINUTE
    place.run("stats", SIX, status, expires=SIX + HOUR, after=SIX + DAY)
    place.now = SIX + 10 * MINUTE
    place.look()
    assert not [line for line in place.lines() if "late" in line or "missed" in line]


def test_a_late_run_clears_the_incident(place: Place) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.look_at("06:05", "06:10")
    place.run("stats", SIX, "succeeded", started=SIX + 12 * MINUTE, ended=SIX + 13 * MINUTE)
    assert place.look_at("06:15", "06:20") == ["06:15 clear stats late"]


@pytest.mark.parametrize(
    ("fields", "quiet", "late", "missed"),
    [
        ({}, "06:04", "06:05", "07:03"),
        ({"late_after": 60}, "06:00", "06:01", "07:03"),
        ({"late_after": 1800}, "06:29", "06:30", "07:03"),
        ({"start_deadline": 600}, "06:04", "06:05", "06:13"),
        ({"window": 30}, "06:34", "06:35", "07:33"),
        ({"window": 30, "late_after": 600, "start_deadline": 1200}, "06:39", "06:40", "06:53"),
    ],
)
def test_the_times_follow_the_declaration(
    place: Place, fields: dict[str, int], quiet: str, late: str, missed: str
) -> None:
    place.deploy("stats", DAILY, **fields)
    place.look()
    lines = place.look_at(quiet, late, missed)
    assert lines == [f"{late} alert stats late", f"{missed} alert stats missed"]


def test_an_event_that_comes_too_late_is_a_miss(place: Place) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.run("stats", SIX, "missed", ended=SIX + 2 * MINUTE)
    place.now = SIX + 6 * MINUTE
    place.look()
    (notice,) = place.notices()
    assert notice.line == "alert stats missed"
    assert "cronstack dead-letters redrive stats" in notice.body


def test_a_redriven_miss_is_cleared(place: Place) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.run("stats", SIX, "missed", ended=SIX + 2 * MINUTE)
    place.look_at("06:10")
    place.run("stats", SIX, "succeeded")
    assert place.look_at("06:15") == ["06:15 clear stats missed"]


def test_the_first_pass_expects_nothing_of_the_past(place: Place) -> None:
    place.now = SIX + MINUTE
    place.deploy("stats", DAILY)
    place.look()
    assert place.look_at("06:05", "06:10", "07:10", "09:00") == []


@pytest.mark.parametrize("change", ["moved", "disabled", "removed", "renamed", "bounded"])
def test_a_change_between_two_passes_makes_no_instant_expected(place: Place, change: str) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.now = SIX - 2 * MINUTE
    if change == "moved":
        place.deploy("stats", "cron(0 12 * * ? *)")
    elif change == "disabled":
        place.deploy("stats", DAILY, enabled=False)
    elif change == "removed":
        place.remove("stats")
    elif change == "renamed":
        place.remove("stats")
        place.deploy("statistics", DAILY)
    else:
        place.deploy("stats", DAILY, end="2026-11-30T05:59:00+00:00")
    assert place.look_at("06:03", "06:08", "07:05", "09:00") == []


def test_an_update_shortly_before_the_instant_leaves_it_open(place: Place) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.now = SIX - 30_000
    place.edit("shop-stats.1")
    assert place.look_at("06:05", "06:10", "07:10", "09:00") == []


def test_what_was_expected_stays_so_after_a_deploy(place: Place) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.now = SIX + 2 * MINUTE
    place.look()
    place.now = SIX + 4 * MINUTE
    place.deploy("stats", "cron(0 12 * * ? *)")
    assert place.look_at("06:05", "06:10", "07:05") == ["06:05 alert stats late", "07:05 alert stats missed"]


def test_a_skipped_hour_of_the_clock_change_is_not_expected(place: Place) -> None:
    place.now = at("2027-03-28 00:00")
    place.deploy("stats", "cron(30 2 * * ? *)", zone="Europe/Berlin")
    place.look()
    assert place.look_until(at("2027-03-28 04:00"), 30 * MINUTE) == []


def test_a_missed_minute_is_notified_once_and_then_cleared(place: Place) -> None:
    place.deploy("tick", "cron(* * * * ? *)", start_deadline=60)
    place.look()
    lost, written = SIX, place.now

    def runs() -> None:
        nonlocal written
        while written + MINUTE <= place.now:
            written += MINUTE
            if written != lost:
                place.run("tick", written)

    lines = place.look_at("05:50", "05:58", "06:03", "06:08", "06:13", "06:18", before=runs)
    assert lines == ["06:08 alert tick missed", "06:13 clear tick missed"]


def test_an_outage_of_the_watchdog_hides_nothing(place: Place) -> None:
    place.deploy("stats", DAILY)
    place.look()
    place.now = SIX + 9 * HOUR
    place.look()
    assert place.lines() == ["alert stats missed"]


def test_many_absent_occurrences_stay_within_bounds(place: Place) -> None:
    place.deploy("tick", "cron(* * * * ? *)")
    place.look()
    lines = place.look_at("05:10", "05:40", "06:10", "07:30", "09:00", "11:00", "14:00")
    assert lines == ["05:10 alert tick late", "06:10 alert tick missed"]
    assert place.count()["dynamodb batch_get_item"] <= 3


# -- rates -------------------------------------------------------------------------------------------------------------
def test_a_rate_is_judged_by_its_gap(place: Place) -> None:
    place.deploy("sync", "rate(10 minutes)", start_deadline=1800)
    place.look()
    end, written = place.now + HOUR, place.now - 3 * MINUTE

    def runs() -> None:
        nonlocal written
        while written + 10 * MINUTE <= min(place.now, end):
            written += 10 * MINUTE
            place.run("sync", written)

    assert place.look_at("05:20", "05:40", "06:00", before=runs) == []
    assert place.look_at("06:12", "06:15", "06:38", "06:42", before=runs) == [
        "06:15 alert sync late",
        "06:42 alert sync missed",
    ]
    end += 10 * HOUR
    assert place.look_at("06:50", before=runs) == ["06:50 clear sync missed"]


# -- on_missed="run" ---------------------------------------------------------------------------------------------------
def test_a_missed_occurrence_is_started_once(place: Place) -> None:
    place.deploy("stats", DAILY, on_missed="run")
    place.look()
    place.look_at("06:05", "07:05", "07:10", "07:15")
    (event,) = place.invoked
    assert (event["function"], event["kind"], event["scheduled"]) == ("shop-stats", "backfill", print_time(SIX))
    assert event["input"] == {"shop": 1}
    place.run("stats", SIX)
    assert place.look_at("07:20", "07:25") == ["07:20 clear stats missed"]
    assert len(place.invoked) == 1


def test_missed_occurrences_of_one_job_start_one_after_the_other(place: Place) -> None:
    place.deploy("stats", "cron(0/30 * * * ? *)", on_missed="run", start_deadline=600)
    place.look()
    place.now = SIX + 2 * HOUR
    started = []
    for _ in range(3):
        place.look()
        started.append([event["scheduled"][11:16] for event in place.invoked])
        place.now += 5 * MINUTE
    assert started == [["05:30"], ["05:30", "06:00"], ["05:30", "06:00", "06:30"]]


def test_a_rate_that_has_ended_is_not_late(place: Place) -> None:
    """The pass knows only the last run but one. The last run was the last one before the end."""
    end = to_datetime(place.now + 40 * MINUTE).isoformat()
    place.deploy("poll", "rate(15 minutes)", end=end)
    place.look()
    begin = place.now
    place.run("poll", begin + 15 * MINUTE)
    place.now = begin + 22 * MINUTE
    place.look()
    place.run("poll", begin + 30 * MINUTE)
    place.now = begin + 52 * MINUTE
    place.look()
    assert place.lines() == []


def test_every_missed_occurrence_is_started_one_after_another(place: Place) -> None:
    """With on_missed="run" and a lease, one starts in each pass; the others wait, however many there are."""
    place.deploy("tick", "cron(* * * * ? *)", on_missed="run", start_deadline=60)
    place.look()
    begin = place.now
    place.now += 180 * MINUTE
    for _ in range(130):
        place.look()
        place.now += 1000
    assert [event["scheduled"] for event in place.invoked] == [
        print_time(begin + number * MINUTE) for number in range(2, 132)
    ]
