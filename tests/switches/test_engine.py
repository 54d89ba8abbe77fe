"""Switches of the engine, which all clouds share: each changes the events of the same stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.sources import PollQueue, Received, RunBatch, SourceConfig
from cronstack_infra.local.engine.values import DeleteGroup, Expired, Throttled
from cronstack_infra.switches.settings import Switches
from tests.local.engine.stage import BROKEN, FUNCTION, GONE, QUEUE, RAISED, Stage, instant


def at_noon(stage: Stage) -> None:
    stage.put("noon", "at(2026-11-23T12:30:00)")
    stage.until("12:40")


def past(stage: Stage) -> None:
    stage.put("noon", "at(2026-11-23T11:00:00)")
    stage.until("12:40")


def rated(stage: Stage) -> None:
    stage.put("each", "rate(1 hour)")
    stage.until("12:40")


def updated_rate(stage: Stage) -> None:
    rated(stage)
    stage.put("each", "rate(1 hour)", max_retries=1)
    stage.until("13:30")


def updated_at(stage: Stage) -> None:
    at_noon(stage)
    stage.put("noon", "at(2026-11-23T12:30:00)")
    stage.until("12:50")


def unavailable(stage: Stage) -> None:
    stage.reply = lambda deliver: BROKEN
    stage.put("noon", "at(2026-11-23T12:30:00)", max_age=86400, dead_letters=QUEUE)
    stage.until("2026-11-24 13:00")


def missing(stage: Stage) -> None:
    stage.reply = lambda deliver: GONE
    stage.put("noon", "at(2026-11-23T12:30:00)", max_age=600, dead_letters=QUEUE)
    stage.until("13:30")


def raising(stage: Stage) -> None:
    stage.work = lambda run: RAISED
    stage.accept()
    stage.until("12:30")


def throttled(stage: Stage) -> None:
    stage.work = lambda run: Throttled()
    stage.accept()
    stage.until("13:30")


def accepted(stage: Stage) -> None:
    for number in range(3):
        stage.accept(request_id=f"r{number}")
    stage.until("15:30")


CASES: list[tuple[str, Any, Callable[[Stage], None]]] = [
    ("spread", 59.0, at_noon),
    ("early", 60.0, at_noon),
    ("duplicates", 1.0, at_noon),
    ("past_at", "ignored", past),
    ("rate_starts_at_once", False, rated),
    ("rate_anchor", "update", updated_rate),
    ("same_at_fires_again", True, updated_at),
    ("delivery_retry_base", 60.0, unavailable),
    ("delivery_retry_most", 3600.0, unavailable),
    ("retried_codes", frozenset({"ResourceNotFoundException"}), missing),
    ("retry_delays", (300.0, 600.0), raising),
    ("throttle_base", 300.0, throttled),
    ("throttle_most", 3600.0, throttled),
    ("async_delay", 10800.0, accepted),
]


@pytest.mark.parametrize(("field", "value", "play"), CASES, ids=[case[0] for case in CASES])
def test_a_switch_changes_what_happens(field: str, value: Any, play: Callable[[Stage], None]) -> None:
    usual, other, again = Stage(), Stage(**{field: value}), Stage()
    play(usual)
    play(other)
    play(again)
    assert usual.lines == again.lines
    assert usual.lines != other.lines


def test_an_early_firing_keeps_its_scheduled_time_and_comes_once() -> None:
    stage = Stage("11:00", early=60.0, seed=4)
    stage.put("hourly", "cron(0 * * * ? *)")
    stage.until("11:59:58")
    (line,) = [line for line in stage.lines if "deliver" in line]
    assert line.endswith("deliver hourly 12:00:00 #1")
    assert "11:59:00" <= line[:8] < "12:00:00"
    stage.put("hourly", "cron(0 * * * ? *)", max_retries=3)
    stage.until("12:30")
    assert len(stage.times("deliver")) == 1, "an update within that minute should not fire it again"
    stage.until("13:30")
    assert len(stage.times("deliver")) == 2


def test_an_updated_rate_restarts_its_grid() -> None:
    kept, restarted = Stage(), Stage(rate_anchor="update")
    for stage in (kept, restarted):
        updated_rate(stage)
    assert kept.times("deliver") == ["12:00:00", "13:00:00"]
    assert restarted.times("deliver") == ["12:00:00", "12:40:00"]


def test_an_event_that_waits_longer_than_its_age_expires_without_a_run() -> None:
    stage = Stage(async_delay=10800.0)
    accepted(stage)
    due = stage.times("run r")
    assert len(due) == 3
    assert len(set(due)) == 3
    assert all("12:00:00" <= time <= "15:00:00" for time in due)
    stage.work = lambda run: Expired()
    stage.accept(request_id="old")
    stage.until("19:00")
    assert stage.lines[-1].endswith("dropped")


def test_only_the_first_try_of_an_event_gets_its_waiting_time() -> None:
    """Later tries get none: the engine itself has checked the age of the event before."""
    stage = Stage(async_delay=60.0)
    seen: list[bool] = []
    stage.work = lambda run: [seen.append(run.accepted is not None), RAISED][1]  # type: ignore[func-returns-value,return-value]
    stage.accept()
    stage.until("13:00")
    assert seen == [True, False, False]


def test_one_batch_at_a_time_where_lambda_has_not_scaled_up() -> None:
    assert [batches(Switches(source_batches=count)) for count in (1, 5)] == [1, 3]


def batches(switches: Switches) -> int:
    """Return how many batches of three messages run at once."""
    engine, now, running = Engine(switches), instant("12:00"), 0
    engine.put_source(SourceConfig("u", QUEUE, FUNCTION, batch_size=1))
    waiting = ["a", "b", "c"]
    while effects := engine.step(now):
        for effect in effects:
            if isinstance(effect, RunBatch):
                running += 1
            if isinstance(effect, PollQueue):
                polled = [Received(name, name, {"messageId": name}) for name in waiting[:1]]
                del waiting[:1]
                later = now + timedelta(seconds=30)
                engine.received("u", polled, now, visible_again=later, next_visible=None)
    return running


def test_the_deletion_of_a_group_takes_the_time_of_the_switch() -> None:
    group = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/carriers"
    stage = Stage()
    assert not stage.engine.delete_group(group, stage.now)
    stage = Stage(group_deletion=300.0)
    assert stage.engine.delete_group(group, stage.now)
    stage.until("12:04:59")
    assert stage.kinds(DeleteGroup) == []
    stage.until("12:05:00")
    assert stage.kinds(DeleteGroup) == [DeleteGroup(group)]


def test_new_switches_apply_from_then_on() -> None:
    stage = Stage()
    at_noon(stage)
    stage.engine.play(Switches(duplicates=1.0, retry_delays=(5.0, 5.0), source_batches=1))
    stage.put("later", "at(2026-11-23T13:00:00)")
    stage.work = lambda run: RAISED
    stage.until("13:10")
    stage.accept()
    stage.until("13:11")
    assert len(stage.times("deliver later")) == 2
    assert stage.times("run r1") == ["13:10:00", "13:10:05", "13:10:10"]
