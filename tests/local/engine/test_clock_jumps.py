"""The engine when its clock jumps: the machine slept, or the clock was set."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronstack.timetable.instants import parse
from cronstack_infra.local.engine.skipped_instants import MAX_COUNTED, Passed, latest
from cronstack_infra.local.engine.values import Report
from tests.local.engine.stage import BUSY, RAISED, Stage, instant


def reports(stage: Stage, event: str) -> list[dict[str, Any]]:
    return [dict(effect.fields) for effect in stage.kinds(Report) if effect.event == event]


def test_after_a_sleep_only_the_latest_missed_instant_fires_and_the_others_are_counted() -> None:
    stage = Stage("12:00:30")
    stage.put("stats", "cron(* * * * ? *)")
    stage.until("12:01:00")
    stage.sleep_until("12:06:30")
    stage.until("12:08:00")
    assert stage.lines == [
        "12:01:00 deliver stats 12:01:00 #1",
        "12:06:30 passed over 4 stats",
        "12:06:30 deliver stats 12:06:00 #1",
        "12:07:00 deliver stats 12:07:00 #1",
        "12:08:00 deliver stats 12:08:00 #1",
    ]
    (report,) = reports(stage, "passed_over")
    assert (report["first"], report["last"]) == ("2026-11-23T12:02:00Z", "2026-11-23T12:05:00Z")


@pytest.mark.parametrize("expression", ["cron(* * * * ? *)", "rate(1 minute)", "rate(7 minutes)", "cron(0 * * * ? *)"])
def test_a_clock_set_ahead_by_hours_fires_each_schedule_once(expression: str) -> None:
    stage = Stage("12:00:30")
    for name in ("one", "two"):
        stage.put(name, expression)
    stage.until("12:01:00")
    before = len(stage.times("deliver"))
    stage.sleep_until("15:01:00")
    lines = [line.split() for line in stage.lines if "deliver" in line][before:]
    assert [line[2] for line in lines] == ["one", "two"]
    whole = parse(expression, start=instant("12:00:30"))
    assert {line[3] for line in lines} == {f"{next(whole.before(instant('15:01:01'))):%H:%M:%S}"}


def test_an_instant_less_than_a_minute_late_fires_as_usual() -> None:
    stage = Stage("12:00:30")
    stage.put("stats", "cron(* * * * ? *)")
    stage.sleep_until("12:01:59")
    stage.until("12:02:00")
    assert stage.lines == ["12:01:59 deliver stats 12:01:00 #1", "12:02:00 deliver stats 12:02:00 #1"]


def test_the_only_missed_instant_fires_however_late() -> None:
    stage = Stage("12:00:30")
    stage.put("nightly", "cron(0 2 * * ? *)", max_age=60)
    stage.sleep_until("2026-11-24 09:00:00")
    stage.until("2026-11-25 02:00:00")
    assert stage.lines == ["09:00:00 deliver nightly 02:00:00 #1", "02:00:00 deliver nightly 02:00:00 #1"]


def test_all_one_time_schedules_missed_during_a_sleep_fire() -> None:
    stage = Stage("12:00:30")
    stage.put("launch", "at(2026-11-23T13:00:00)", max_age=60)
    stage.put("remind", "at(2026-11-23T14:00:00)")
    stage.sleep_until("20:00:00")
    assert stage.lines == ["20:00:00 deliver launch 13:00:00 #1", "20:00:00 deliver remind 14:00:00 #1"]


def test_an_update_right_after_a_sleep_causes_no_burst() -> None:
    stage = Stage("12:00:30")
    stage.put("stats", "cron(* * * * ? *)")
    stage.now = instant("12:30:30")
    stage.put("stats", "cron(* * * * ? *)", input='{"new": 1}')
    assert stage.lines == ["12:30:30 passed over 29 stats", "12:30:30 deliver stats 12:30:00 #1"]


@pytest.mark.parametrize("switches", [{}, {"spread": 59}])
def test_instants_whose_windows_overlap_all_fire(switches: dict[str, Any]) -> None:
    """Each firing comes late after its instant, but the engine ran all the time."""
    stage = Stage("12:00:30", **switches)
    stage.put("stats", "cron(* * * * ? *)", window=15)
    stage.until("14:00:00")
    assert reports(stage, "passed_over") == []
    fired = [line.split()[3] for line in stage.lines]
    assert fired == [f"{12 + minute // 60}:{minute % 60:02}:00" for minute in range(1, len(fired) + 1)]
    assert len(fired) > 100


def test_after_the_clock_is_set_back_schedules_follow_it() -> None:
    stage = Stage("14:58:30")
    stage.put("often", "cron(*/2 * * * ? *)")
    stage.put("rate", "rate(10 minutes)")
    stage.put("launch", "at(2026-11-23T15:00:00)")
    stage.until("15:00:30")
    stage.lines.clear()
    stage.set_back_to("14:01:30")
    stage.until("14:04:00")
    assert stage.lines == [
        "14:01:30 clock_set_back",
        "14:02:00 deliver often 14:02:00 #1",
        "14:04:00 deliver often 14:04:00 #1",
    ]
    stage.until("15:00:30")
    assert stage.times("launch") == []
    assert reports(stage, "clock_set_back") == [{"seconds": 3540}]


def test_after_the_clock_is_set_back_retries_wait_as_long_as_before() -> None:
    stage = Stage("15:00:00")
    stage.work = lambda run: RAISED
    stage.accept()
    stage.reply = lambda deliver: BUSY if deliver.attempt == 1 else None
    stage.put("launch", "at(2026-11-23T15:00:00)")
    stage.set_back_to("14:00:00")
    stage.until("14:05:00")
    assert stage.times("run r1") == ["15:00:00", "14:01:00", "14:03:00"]
    assert len(stage.times("deliver launch")) == 2


def test_a_one_time_schedule_waits_for_its_time_after_the_clock_is_set_back() -> None:
    stage = Stage("15:00:00")
    stage.put("launch", "at(2026-11-23T15:30:00)")
    stage.set_back_to("14:00:00")
    stage.until("15:29:59")
    assert stage.lines == ["14:00:00 clock_set_back"]
    stage.until("15:30:00")
    assert stage.lines[1:] == ["15:30:00 deliver launch 15:30:00 #1"]


@given(
    expression=st.sampled_from(["cron(*/7 * * * ? *)", "rate(11 minutes)", "cron(0 6,18 * * ? *)"]),
    minutes=st.integers(0, 5000),
)
def test_every_instant_is_skipped_or_chosen(expression: str, minutes: int) -> None:
    timetable = parse(expression, start=instant("00:00"))
    pending = next(timetable.after(instant("00:01")))
    now = datetime.fromtimestamp(pending.timestamp() + 60 * minutes, tz=pending.tzinfo)
    due = []
    for candidate in timetable.after(instant("00:01")):
        if candidate > now:
            break
        due.append(candidate)
    expected = Passed(len(due) - 1, due[0], due[-2]) if len(due) > 1 else None
    assert latest(timetable, pending, now) == (due[-1], expected)


def test_the_count_of_skipped_instants_has_a_limit() -> None:
    timetable = parse("cron(* * * * ? *)")
    pending, now = instant("12:00"), datetime.fromisoformat("2126-11-23T12:00:30+00:00")
    chosen, passed = latest(timetable, pending, now)
    assert chosen.isoformat() == "2126-11-23T12:00:00+00:00"
    assert passed is not None
    assert passed.number == MAX_COUNTED
