"""The instants at which schedules fire: cron, rate and at, on a clock that only the test moves."""

from __future__ import annotations

import pytest

from cronstack.errors import ScheduleError
from cronstack_infra.local.engine.values import Deliver
from tests.local.engine.stage import Stage, instant, seconds


def test_a_cron_fires_at_its_instants_and_not_before() -> None:
    stage = Stage("11:59:30")
    stage.put("stats", "cron(0/15 * * * ? *)")
    stage.until("12:29:59")
    assert stage.lines == ["12:00:00 deliver stats 12:00:00 #1", "12:15:00 deliver stats 12:15:00 #1"]
    stage.until("12:30:00")
    assert stage.lines[2:] == ["12:30:00 deliver stats 12:30:00 #1"]


def test_a_cron_created_on_its_instant_waits_for_the_next() -> None:
    stage = Stage("12:00:00")
    stage.put("stats", "cron(0 12 * * ? *)")
    stage.until("23:59:59")
    assert stage.lines == []


def test_a_cron_uses_the_local_time_of_its_zone() -> None:
    stage = Stage("00:00:00")
    stage.put("berlin", "cron(0 6 * * ? *)", timezone="Europe/Berlin")  # winter: UTC + 1 h
    stage.put("kolkata", "cron(0 6 * * ? *)", timezone="Asia/Kolkata")  # UTC + 5:30 h
    stage.until("23:59:59")
    assert stage.lines == ["00:30:00 deliver kolkata 00:30:00 #1", "05:00:00 deliver berlin 05:00:00 #1"]


@pytest.mark.parametrize(
    ("at_once", "fires"),
    [(True, ["12:00:30", "12:05:30", "12:10:30"]), (False, ["12:05:30", "12:10:30"])],
)
def test_a_rate_counts_from_its_creation(at_once: bool, fires: list[str]) -> None:
    stage = Stage("12:00:30", rate_starts_at_once=at_once)
    stage.put("stats", "rate(5 minutes)")
    stage.until("12:12:00")
    assert stage.times("deliver") == fires


def test_a_rate_with_a_start_begins_there() -> None:
    stage = Stage("12:00:30")
    stage.put("stats", "rate(5 minutes)", start="12:03:00")
    stage.until("12:09:00")
    assert stage.times("deliver") == ["12:03:00", "12:08:00"]


def test_start_is_inclusive_and_end_is_exclusive() -> None:
    stage = Stage("11:00:00")
    stage.put("stats", "cron(0 * * * ? *)", start="13:00:00", end="15:00:00")
    stage.until("20:00:00")
    assert stage.times("deliver") == ["13:00:00", "14:00:00"]


def test_at_ignores_start_and_end() -> None:
    stage = Stage("12:00:00")
    stage.put("launch", "at(2026-11-23T12:00:40)", start="18:00:00", end="19:00:00")
    stage.until("2026-11-25 00:00:00")
    assert stage.lines == ["12:00:40 deliver launch 12:00:40 #1"]


@pytest.mark.parametrize(("past_at", "lines"), [("fires", ["12:00:00 deliver old 09:00:00 #1"]), ("ignored", [])])
def test_a_past_at_fires_at_once_when_it_is_created(past_at: str, lines: list[str]) -> None:
    stage = Stage("12:00:00", past_at=past_at)
    stage.put("old", "at(2026-11-23T09:00:00)")
    stage.until("13:00:00")
    assert stage.lines == lines


def test_an_at_that_was_disabled_at_its_time_fires_when_it_is_enabled() -> None:
    stage = Stage("12:00:00")
    stage.put("launch", "at(2026-11-23T12:30:00)", enabled=False)
    stage.until("13:00:00")
    assert stage.lines == []
    stage.put("launch", "at(2026-11-23T12:30:00)")
    assert stage.lines == ["13:00:00 deliver launch 12:30:00 #1"]


@pytest.mark.parametrize(("again", "count"), [(False, 1), (True, 2)])
def test_an_at_that_has_fired_and_is_updated_to_the_same_time(again: bool, count: int) -> None:
    stage = Stage("12:00:00", same_at_fires_again=again)
    stage.put("launch", "at(2026-11-23T12:30:00)")
    stage.until("12:31:00")
    stage.put("launch", "at(2026-11-23T12:30:00)", input='{"other": 1}')
    stage.until("13:00:00")
    assert len(stage.times("deliver")) == count


def test_an_at_that_has_fired_and_is_updated_to_a_new_time_fires_again() -> None:
    stage = Stage("12:00:00")
    stage.put("launch", "at(2026-11-23T12:30:00)")
    stage.until("12:31:00")
    stage.put("launch", "at(2026-11-23T12:45:00)")
    stage.until("13:00:00")
    assert stage.times("deliver") == ["12:30:00", "12:45:00"]


def test_the_second_within_the_minute_depends_on_the_seed_and_keeps_the_scheduled_instant() -> None:
    def fired(seed: int) -> list[str]:
        stage = Stage("11:59:30", spread=59, seed=seed)
        stage.put("stats", "cron(* * * * ? *)")
        stage.until("12:30:00")
        return stage.lines

    assert fired(7) == fired(7)
    assert fired(7) != fired(8)
    lates = [seconds(line.split()[3], line[:8]) for line in fired(7)]
    assert all(0 <= late < 60 for late in lates)
    assert len({int(late) for late in lates}) > 15


def test_a_flexible_window_delays_within_the_window() -> None:
    stage = Stage("11:59:30")
    stage.put("stats", "cron(0 * * * ? *)", window=20)
    stage.until("23:59:00")
    lates = [seconds(line.split()[3], line[:8]) for line in stage.lines]
    assert len(lates) >= 11
    assert all(0 <= late < 20 * 60 for late in lates)
    assert len({int(late) // 60 for late in lates}) > 5


def test_a_disabled_schedule_does_not_fire_or_catch_up_later() -> None:
    stage = Stage("12:00:30")
    stage.put("stats", "rate(5 minutes)")
    stage.until("12:06:00")
    stage.put("stats", "rate(5 minutes)", enabled=False)
    stage.until("12:21:00")
    stage.put("stats", "rate(5 minutes)")
    stage.until("12:27:00")
    assert stage.times("deliver") == ["12:00:30", "12:05:30", "12:25:30"]  # still on the first grid


def test_an_update_without_a_new_expression_keeps_the_grid_of_a_rate() -> None:
    stage = Stage("12:00:30")
    stage.put("stats", "rate(5 minutes)")
    stage.until("12:07:00")
    stage.put("stats", "rate(5 minutes)", input='{"new": 1}')
    stage.until("12:11:00")
    assert stage.times("deliver") == ["12:00:30", "12:05:30", "12:10:30"]


def test_an_update_with_a_new_expression_starts_a_new_grid() -> None:
    stage = Stage("12:00:30")
    stage.put("stats", "rate(5 minutes)")
    stage.until("12:07:00")
    stage.put("stats", "rate(2 minutes)")
    stage.until("12:10:00")
    assert stage.times("deliver") == ["12:00:30", "12:05:30", "12:07:00", "12:09:00"]


def test_an_update_between_an_instant_and_its_firing_does_not_lose_the_occurrence() -> None:
    stage = Stage("11:59:30", spread=59)
    stage.put("stats", "cron(0 * * * ? *)")
    stage.until("12:00:00")
    assert stage.lines == []
    stage.put("stats", "cron(0 * * * ? *)", input='{"new": 1}')
    stage.until("12:01:00")
    assert [line.split(" ", 1)[1] for line in stage.lines] == ["deliver stats 12:00:00 #1"]


def test_a_deleted_schedule_stops_firing_and_can_be_created_again() -> None:
    stage = Stage("12:00:00")
    stage.put("stats", "rate(1 minute)")
    stage.until("12:01:30")
    stage.delete("stats")
    stage.until("12:05:20")
    stage.put("stats", "rate(1 minute)")
    stage.until("12:05:40")
    assert stage.times("deliver") == ["12:00:00", "12:01:00", "12:05:20"]


def test_action_after_completion_deletes_an_at_after_its_delivery() -> None:
    stage = Stage("12:00:00")
    stage.put("launch", "at(2026-11-23T12:30:00)", delete_when_done=True)
    stage.until("13:00:00")
    assert stage.lines == ["12:30:00 deliver launch 12:30:00 #1", "12:30:00 delete launch"]


def test_action_after_completion_deletes_a_recurring_schedule_after_its_last_instant_only_with_an_end() -> None:
    stage = Stage("12:00:00")
    stage.put("ends", "cron(0 * * * ? *)", end="14:30:00", delete_when_done=True)
    stage.put("endless", "cron(0 * * * ? *)", delete_when_done=True)
    stage.until("16:00:00")
    assert [line for line in stage.lines if "ends" in line] == [
        "13:00:00 deliver ends 13:00:00 #1",
        "14:00:00 deliver ends 14:00:00 #1",
        "14:00:00 delete ends",
    ]
    assert stage.times("deliver endless") == ["13:00:00", "14:00:00", "15:00:00", "16:00:00"]


def test_action_after_completion_keeps_a_recurring_schedule_without_end_after_its_last_instant() -> None:
    stage = Stage("12:00:00")
    stage.put("years", "cron(0 13 23 11 ? 2026)", delete_when_done=True)
    stage.until("2027-12-31 00:00:00")
    assert stage.lines == ["13:00:00 deliver years 13:00:00 #1"]


def test_an_invalid_expression_is_refused_and_affects_no_other_schedule() -> None:
    stage = Stage("11:59:00")
    stage.put("good", "cron(0 * * * ? *)")
    with pytest.raises(ScheduleError):
        stage.put("bad", "cron(71 * * * ? *)")
    with pytest.raises(ScheduleError):
        stage.put("good", "rate(10 years)")
    stage.until("12:00:00")
    assert stage.lines == ["12:00:00 deliver good 12:00:00 #1"]


def test_duplicate_deliveries_have_their_own_ids() -> None:
    stage = Stage("11:59:30", duplicates=0.5)
    stage.put("stats", "cron(* * * * ? *)")
    stage.until("13:59:30")
    delivered = stage.kinds(Deliver)
    assert 150 < len(delivered) < 210
    assert len({effect.scheduled for effect in delivered}) == 120
    assert len({effect.execution_id for effect in delivered}) == len(delivered)


def test_a_thousand_schedules_fire_in_the_same_minute() -> None:
    stage = Stage("11:59:30")
    for number in range(1000):
        stage.put(f"job{number}", "cron(0 12 * * ? *)")
    stage.until("12:00:00")
    assert len(stage.times("deliver")) == 1000
    assert stage.engine.next_due() == instant("2026-11-24 12:00:00")


@pytest.mark.parametrize("scheduled_time", ["nominal", "actual"])
def test_a_flexible_window_may_pass_the_actual_start_as_scheduled_time(scheduled_time: str) -> None:
    """AWS does not document which of the two <aws.scheduler.scheduled-time> contains."""
    stage = Stage("00:30:00", scheduled_time=scheduled_time, seed=5)
    stage.put("stats", "cron(0 * * * ? *)", window=30, input='{"at": "<aws.scheduler.scheduled-time>"}')
    stage.until("23:59:59")
    delivered = [effect for effect in stage.effects if isinstance(effect, Deliver)]
    started = [instant(time) for time in stage.times("deliver")]
    delays = [(start - deliver.scheduled).total_seconds() for start, deliver in zip(started, delivered, strict=True)]
    assert len(delays) == 23
    assert all(0 <= delay <= 1800 for delay in delays)
    assert max(delays) - min(delays) > 900, "starts are spread over the window"
    written = [deliver.payload[8:-2] for deliver in delivered]
    expected = started if scheduled_time == "actual" else [deliver.scheduled for deliver in delivered]
    assert written == [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in expected]
