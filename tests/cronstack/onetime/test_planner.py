"""Plans that code schedules, moves and cancels, together with the guard, with lost answers and races."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack.errors import EventError, OnceConflict, OnceError, Unavailable
from cronstack.onetime import schedules
from cronstack.onetime.once import Once
from cronstack.onetime.planner import Plan
from tests.cronstack.onetime.conftest import GROUP, deliver_when_due, event, schedules_of
from tests.cronstack.stage import LOST, NOON, Stage, error, lost_answer

HOUR = timedelta(hours=1)


def row(stage: Stage, key: str = "order-1") -> dict[str, Any]:
    return stage.plan(key)


def test_a_plan_runs_once_at_its_time(stage: Stage, once: Once) -> None:
    plan = once.schedule("stats", key="order-1", after=HOUR, input={"order": 1})
    assert (plan.outcome, plan.status) == ("planned", "planned")
    assert plan.at == datetime.fromtimestamp(NOON / 1000, UTC) + HOUR
    (made,) = schedules_of(stage)
    assert (made["ScheduleExpression"], made["ActionAfterCompletion"]) == ("at(2026-01-01T13:00:00)", "DELETE")
    of = event(stage)
    assert (of.key, of.due, of.input) == ("order-1", NOON + 3_600_000, {"order": 1})
    assert deliver_when_due(stage, of).status == "succeeded"
    assert deliver_when_due(stage, of).status == "duplicate"
    assert once.get("stats", "order-1").status == "begun"
    run = stage.run(of)
    assert (run["key"], run["revision"], run["status"]) == ("order-1", of.revision, "succeeded")


def test_a_repeated_call_keeps_the_plan(stage: Stage, once: Once) -> None:
    first = once.schedule("stats", key="order-1", after=HOUR)
    stage.asked()
    stage.now += 7_000
    assert once.schedule("stats", key="order-1", after=HOUR)[:7] == first[:7]
    assert stage.asked() == ["UpdateItem", "GetSchedule"]
    assert len(schedules_of(stage)) == 1


@pytest.mark.parametrize(
    ("change", "text"), [({"after": 2 * HOUR}, "another time"), ({"input": {"a": 1}}, "another input")]
)
def test_another_time_or_input_is_a_conflict(stage: Stage, once: Once, change: dict[str, Any], text: str) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    before = row(stage), schedules_of(stage)
    with pytest.raises(OnceConflict, match=text):
        once.schedule("stats", key="order-1", **({"after": HOUR} | change))
    assert (row(stage), schedules_of(stage)) == before
    assert once.schedule("stats", key="order-1", **({"after": HOUR} | change), replace=True).outcome == "moved"
    assert len(schedules_of(stage)) == 1


def test_a_span_that_differs_by_a_second_is_a_conflict(stage: Stage, once: Once) -> None:
    fortnight = timedelta(days=14)
    once.schedule("stats", key="order-1", after=fortnight)
    stage.now += 5_000
    assert once.schedule("stats", key="order-1", after=fortnight.total_seconds()).due < stage.now + 14 * 86_400_000
    with pytest.raises(OnceConflict, match="after 14 d"):
        once.schedule("stats", key="order-1", after=fortnight + timedelta(seconds=1))


def test_a_move_creates_a_new_schedule_and_the_old_event_is_overtaken(stage: Stage, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    old = event(stage)
    plan = once.move("stats", "order-1", at=datetime.fromtimestamp(NOON / 1000, UTC) + 3 * HOUR)
    assert (plan.outcome, plan.due, plan.moves) == ("moved", NOON + 3 * 3_600_000, 1)
    assert deliver_when_due(stage, old).status == "overtaken"
    assert stage.carrier().revision == event(stage).revision, "the mover may have been killed before CreateSchedule"
    assert deliver_when_due(stage, event(stage)).status == "succeeded"


def test_after_a_move_killed_before_its_schedule_the_old_event_makes_a_carrier(stage: Stage, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    old = event(stage)
    kill_at(stage, "CreateSchedule", lambda: once.move("stats", "order-1", after=2 * HOUR))
    assert deliver_when_due(stage, old).status == "overtaken"
    carried = stage.carrier()
    assert carried.due == NOON + 2 * 3_600_000
    assert deliver_when_due(stage, carried).status == "succeeded"


def test_a_move_overtaken_by_a_killed_move_makes_a_carrier_for_the_later_plan(stage: Stage, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)

    def overtake(call: Any, carry_out: Any) -> Any:
        kill_at(stage, "CreateSchedule", lambda: once.move("stats", "order-1", after=3 * HOUR))
        return carry_out()

    stage.fail("CreateSchedule", overtake)
    assert once.move("stats", "order-1", after=2 * HOUR).outcome == "moved"
    of = event(stage)
    assert (of.due, len(schedules_of(stage))) == (NOON + 2 * 3_600_000, 1)
    assert deliver_when_due(stage, of).status == "overtaken"
    carried = stage.carrier()
    assert carried.due == NOON + 3 * 3_600_000
    assert deliver_when_due(stage, carried).status == "succeeded"


def test_a_move_that_starts_before_its_lost_answer_is_repeated_is_moved(stage: Stage, once: Once) -> None:
    once.schedule("stats", key="order-1", after=3)
    old = event(stage)

    def begin(call: Any, carry_out: Any) -> Any:
        carry_out()
        assert deliver_when_due(stage, old).status == "overtaken"
        assert deliver_when_due(stage, stage.carrier()).status == "succeeded"
        return LOST

    stage.fail("UpdateItem", begin)
    plan = once.move("stats", "order-1", after=8)
    assert (plan.outcome, plan.status, plan.due) == ("moved", "begun", NOON + 8_000)
    assert schedules_of(stage) == []


@pytest.mark.parametrize("late", [0, 3_601_000])
def test_an_event_whose_plan_has_expired_does_not_start(stage: Stage, once: Once, late: int) -> None:
    """The mover was killed before it deleted the old schedule, which fires after the row has expired."""
    once.schedule("stats", key="order-1", after=60 * 24 * HOUR)
    old = event(stage)
    kill_at(stage, "DeleteSchedule", lambda: once.move("stats", "order-1", after=HOUR))
    new = next(of for of in (event(stage, 0), event(stage, 1)) if of.due != old.due)
    assert deliver_when_due(stage, new).status == "succeeded"
    assert row(stage)["ttl"] * 1000 < old.due
    stage.delete(f"run#{old.id}")
    stage.delete("plan#order-1")
    stage.now = old.due + late
    with pytest.raises(EventError, match=r"has no plan .* of the key 'order-1'"):
        stage.deliver(old)
    assert (row(stage), stage.run(old)) == ({}, {})


def test_a_cancelled_plan_does_not_run(stage: Stage, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    of = event(stage)
    assert once.cancel("stats", "order-1").outcome == "cancelled"
    assert schedules_of(stage) == []
    assert deliver_when_due(stage, of)[:4:3] == ("overtaken", "cancelled")
    assert once.cancel("stats", "order-1").outcome == "cancelled"
    assert (row(stage)["status"], "event" in row(stage), stage.run(of)) == ("cancelled", False, {})


def test_a_started_plan_is_too_late_to_cancel_or_move(stage: Stage, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    of = event(stage)
    stage.now = of.due
    working = stage.delivery(of).until("Work")
    assert once.cancel("stats", "order-1").outcome == "too late"
    assert once.move("stats", "order-1", after=HOUR).outcome == "too late"
    assert working.finish().status == "succeeded"
    assert once.cancel("stats", "order-1").outcome == "too late"
    assert once.schedule("stats", key="order-1", at=datetime.fromtimestamp(of.due / 1000, UTC), past="run").status == (
        "begun"
    )


def test_a_cancelled_plan_is_planned_again_only_by_replace(stage: Stage, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    old = event(stage)
    once.cancel("stats", "order-1")
    with pytest.raises(OnceConflict, match="was cancelled"):
        once.schedule("stats", key="order-1", after=HOUR)
    assert once.schedule("stats", key="order-1", after=HOUR, replace=True).outcome == "planned"
    assert deliver_when_due(stage, old).status == "overtaken"
    assert deliver_when_due(stage, event(stage)).status == "succeeded"


def test_two_keys_due_at_once_do_not_wait_for_each_other(stage: Stage, once: Once) -> None:
    for key in ("order-1", "order-2"):
        once.schedule("stats", key=key, after=HOUR)
    first, second = event(stage, 0), event(stage, 1)
    stage.now = first.due
    working = stage.delivery(first).until("Work")
    assert stage.deliver(second).status == "succeeded"
    assert working.finish().status == "succeeded"


@pytest.mark.parametrize("operation", ["UpdateItem", "CreateSchedule", "GetItem", "DeleteSchedule"])
def test_lost_answers_change_nothing(stage: Stage, once: Once, operation: str) -> None:
    stage.fail(operation, lost_answer)
    assert once.schedule("stats", key="order-1", after=HOUR).status == "planned"
    stage.fail(operation, lost_answer)
    assert once.move("stats", "order-1", after=2 * HOUR).outcome == "moved"
    assert len(schedules_of(stage)) == 1
    stage.fail(operation, lost_answer)
    assert once.cancel("stats", "order-1").outcome == "cancelled"
    assert schedules_of(stage) == []


def test_a_plan_without_a_schedule_is_found_by_a_sweep(stage: Stage, once: Once) -> None:
    kill_at(stage, "CreateSchedule", lambda: once.schedule("stats", key="order-1", after=HOUR))
    assert schedules_of(stage) == []
    assert list(once.sweep("stats")) == [], "its caller may still create the schedule"
    stage.now += 301_000
    (restored,) = once.sweep("stats")
    assert (restored.key, restored.outcome) == ("order-1", "planned")
    assert deliver_when_due(stage, event(stage)).status == "succeeded"
    assert list(once.sweep("stats")) == []


def test_plans_are_listed_by_their_keys(stage: Stage, once: Once) -> None:
    for key in ("a/1", "a/2", "b/1"):
        once.schedule("stats", key=key, after=HOUR)
    once.cancel("stats", "a/2")
    assert sorted(plan.key for plan in once.list("stats", prefix="a/")) == ["a/1", "a/2"]
    assert [plan.key for plan in once.list("stats", prefix="a/", status="planned")] == ["a/1"]


def test_many_orders_and_the_same_orders_again(stage: Stage, once: Once) -> None:
    orders: list[dict[str, Any]] = [{"key": f"order-{n}", "after": HOUR} for n in range(20)]
    orders += [{"key": "order-0", "after": 2 * HOUR}, {"key": "", "after": HOUR}, {"key": "x", "when": 5}]
    seen: list[tuple[int, int]] = []
    results = list(once.schedule_many("stats", orders, concurrency=1, progress=lambda *of: seen.append(of)))
    assert sorted(str(result.key) for result in results if result.fault) == ["", "order-0", "x"]
    assert seen[-1] == (23, 3)
    assert len(schedules_of(stage)) == 20
    stage.now += 1000
    again = list(once.schedule_many("stats", orders[:20], concurrency=1))
    assert {result.plan.outcome for result in again if result.plan} == {"unchanged"}


def test_a_context_attribute_in_the_input_is_refused(stage: Stage, once: Once) -> None:
    with pytest.raises(OnceError, match="which Scheduler would replace"):
        once.schedule("stats", key="order-1", after=HOUR, input={"at": "<aws.scheduler.scheduled-time>"})
    assert stage.asked() == []


@pytest.mark.parametrize("key", ["", "x" * 1025, "\ud800", 5, None])
def test_a_key_is_text(once: Once, key: Any) -> None:
    with pytest.raises(OnceError, match="key"):
        once.schedule("stats", key=key, after=HOUR)


@pytest.mark.parametrize("key", ["a", "x" * 1024, "Ünïcode/../\n\t#~?&%<aws>", "日本語" * 50, "..", " "])
def test_strange_keys_are_safe(stage: Stage, once: Once, key: str) -> None:
    once.schedule("stats", key=key, after=HOUR)
    (made,) = schedules_of(stage)
    assert len(made["Name"]) <= 64
    assert set(made["Name"]) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.")
    assert event(stage).key == key
    assert once.get("stats", key).key == key
    assert deliver_when_due(stage, event(stage)).status == "succeeded"


def test_a_past_time_is_refused_or_runs_at_once(stage: Stage, once: Once) -> None:
    past = datetime.fromtimestamp(NOON / 1000, UTC) - HOUR
    with pytest.raises(OnceError, match=r"is past: it was 1:00:00 ago"):
        once.schedule("stats", key="order-1", at=past)
    assert stage.asked() == ["GetItem"]
    plan = once.schedule("stats", key="order-1", at=past, past="run")
    assert (plan.due, plan.asked) == (NOON, past.isoformat())
    assert schedules_of(stage)[0]["ScheduleExpression"] == "at(2026-01-01T12:00:15)"


@pytest.mark.parametrize("past", ["refuse", "run"])
def test_a_repeated_call_after_its_time_keeps_the_plan(stage: Stage, once: Once, past: Any) -> None:
    """A caller that was killed before its answer, and is run again an hour later, repeats the call."""
    at = datetime.fromtimestamp(NOON / 1000, UTC) + HOUR * (1 if past == "refuse" else -1)
    first = once.schedule("stats", key="order-1", at=at, past=past)
    of = event(stage)
    stage.now += 2 * 3_600_000
    again = once.schedule("stats", key="order-1", at=at, past=past)
    assert (again.outcome, again.status, again.due) == ("unchanged", "planned", first.due)
    stage.now = of.due
    assert deliver_when_due(stage, of).status == "succeeded"
    stage.now += 3_600_000
    again = once.schedule("stats", key="order-1", at=at, past=past)
    assert (again.outcome, again.status) == ("unchanged", "begun")
    with pytest.raises(OnceConflict, match="has started already, with another time or input"):
        once.schedule("stats", key="order-1", at=at, past=past, input={"other": 1})


def test_a_cancelled_plan_is_not_planned_again_for_a_past_time(stage: Stage, once: Once) -> None:
    at = datetime.fromtimestamp(NOON / 1000, UTC) + HOUR
    once.schedule("stats", key="order-1", at=at)
    once.cancel("stats", "order-1")
    stage.now += 2 * 3_600_000
    with pytest.raises(OnceError, match="is past"):
        once.schedule("stats", key="order-1", at=at, replace=True)


def test_a_past_time_runs_once_however_often_the_call_is_repeated(stage: Stage, once: Once) -> None:
    past = datetime.fromtimestamp(NOON / 1000, UTC) - HOUR
    first = once.schedule("stats", key="order-1", at=past, past="run")
    stage.now += 3_000
    assert once.schedule("stats", key="order-1", at=past, past="run")[:7] == first[:7]
    assert deliver_when_due(stage, event(stage)).status == "succeeded"
    assert once.schedule("stats", key="order-1", at=past, past="run").status == "begun"
    with pytest.raises(OnceConflict, match="has started already"):
        once.schedule("stats", key="order-1", at=past - HOUR, past="run")


def test_a_repeated_call_after_the_run_keeps_the_plan(stage: Stage, once: Once) -> None:
    at = datetime.fromtimestamp(NOON / 1000, UTC) + HOUR
    once.schedule("stats", key="order-1", at=at, past="run")
    of = event(stage)
    stage.now = of.due + 5_000
    assert deliver_when_due(stage, of).status == "succeeded"
    again = once.schedule("stats", key="order-1", at=at, past="run")
    assert (again.status, again.due, again.outcome) == ("begun", of.due, "unchanged")


def kill_at(stage: Stage, operation: str, act: Callable[[], Plan]) -> None:
    """Call ``act``, and kill it before it sends ``operation``."""

    class Killed(BaseException):
        pass

    def kill(call: Any, carry_out: Any) -> Any:
        raise Killed

    stage.fail(operation, kill)
    with pytest.raises(Killed):
        act()


def test_the_name_prefix_of_a_jobs_plans_is_unique() -> None:
    names = [f"job{n}" for n in range(200)] + [f"{'long' * 10}{n}" for n in range(200)]
    assert len({schedules.prefix(job) for job in names}) == 400
    for job in names:
        assert schedules.name(job, "k", 1).startswith(schedules.prefix(job))


def test_the_error_of_a_service_that_does_not_answer_allows_a_repeated_call(stage: Stage, once: Once) -> None:
    stage.fail("UpdateItem", *[error("InternalServerError", 500)] * 200)
    with pytest.raises(Unavailable, match="It is unknown whether it was done"):
        once.schedule("stats", key="order-1", after=HOUR)
    stage.faults.clear()
    assert once.schedule("stats", key="order-1", after=HOUR).outcome == "planned"


def test_a_schedule_that_was_deleted_by_hand_is_created_with_a_new_token(stage: Stage, once: Once) -> None:
    """Scheduler may still store the token of the first one, and create nothing."""
    tokens = []

    def record_token(call: Any, carry_out: Any) -> Any:
        tokens.append(call.parameters["ClientToken"])
        return carry_out()

    stage.fail("CreateSchedule", record_token, record_token)
    plan = once.schedule("stats", key="order-1", after=HOUR)
    stage.scheduler.delete_schedule(GroupName=GROUP, Name=schedules_of(stage)[0]["Name"])
    stage.now = plan.due + 301_000
    assert len(list(once.sweep("stats"))) == 1
    assert len(set(tokens)) == 2
