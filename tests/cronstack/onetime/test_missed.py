"""A missed plan is reported. Planned again, moved or redriven, it starts once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack.errors import OnceConflict, OnceError
from cronstack.occurrence import Occurrence
from cronstack.onetime.once import Once
from tests.cronstack.onetime.conftest import deliver_when_due, event, schedules_of
from tests.cronstack.stage import NOON, Stage, lost_answer

HOUR = timedelta(hours=1)
AT = datetime.fromtimestamp(NOON / 1000, UTC) + HOUR
GIVEN = {"order": 1}


def miss(stage: Stage, once: Once, **when: Any) -> Occurrence:
    """Plan an occurrence, and deliver its event two hours too late. Return the event. Its schedule is deleted."""
    once.schedule("stats", key="order-1", input=GIVEN, **(when or {"at": AT}))
    of = event(stage)
    stage.scheduler.delete_schedule(GroupName="shop-once", Name=_only_name(stage))
    stage.now = of.due + 2 * 3_600_000
    assert stage.deliver(of)[:4:3] == ("missed", "too_late")
    assert len(stage.letters()) == 1
    return of


def redrive(of: Occurrence, stage: Stage) -> Occurrence:
    return of._replace(kind="redrive", requested=stage.now, redrive=0)


def _only_name(stage: Stage) -> str:
    (only,) = schedules_of(stage)
    return str(only["Name"])


def test_a5_a_missed_key_is_planned_again_by_replace_and_runs_once(stage: Stage, once: Once) -> None:
    """A missed plan has never started, so ``replace`` plans its key again. The old event and letter are overtaken."""
    old = miss(stage, once)
    plan = once.schedule("stats", key="order-1", after=HOUR, input={"order": 2}, replace=True)
    assert (plan.outcome, plan.status, plan.moves, plan.input) == ("planned", "planned", 1, {"order": 2})
    new = event(stage)
    assert new.revision == plan.revision > (old.revision or 0)
    assert stage.deliver(old).status == "overtaken"
    assert stage.deliver(redrive(old, stage)).status == "overtaken"
    assert deliver_when_due(stage, new).status == "succeeded"
    assert deliver_when_due(stage, new).status == "duplicate"
    assert once.get("stats", "order-1").status == "begun"
    run = stage.run(new)
    assert (run["status"], run["revision"], run["due"], run["attempt"]) == ("succeeded", new.revision, new.due, 1)


def test_a5_a_missed_key_is_moved_and_runs_once_with_its_input(stage: Stage, once: Once) -> None:
    """``move`` gives a missed key another time, and its input stays."""
    old = miss(stage, once)
    assert once.get("stats", "order-1").input == GIVEN
    plan = once.move("stats", "order-1", after=60)
    assert (plan.outcome, plan.status, plan.input) == ("moved", "planned", GIVEN)
    assert once.move("stats", "order-1", at=plan.at).outcome == "unchanged"
    new = event(stage)
    assert stage.deliver(redrive(old, stage)).status == "overtaken"
    assert deliver_when_due(stage, new).status == "succeeded"
    assert (new.input, stage.run(new)["revision"]) == (GIVEN, plan.revision)
    assert once.move("stats", "order-1", after=60).outcome == "too late"


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("when", [{"at": AT}, {"at": AT, "past": "run"}, {"after": HOUR}], ids=str)
def test_a_repeated_call_after_the_miss_keeps_the_plan(
    stage: Stage, once: Once, when: dict[str, Any], replace: bool
) -> None:
    """A repeated call returns the miss. ``replace`` plans again if the call means another time now."""
    old = miss(stage, once, **when)
    again = once.schedule("stats", key="order-1", input=GIVEN, replace=replace, **when)
    if not replace or when == {"at": AT}:
        assert (again.outcome, again.status, again.due, again.revision) == (
            "unchanged",
            "missed",
            old.due,
            old.revision,
        )
        assert schedules_of(stage) == []
        return
    assert (again.outcome, again.status) == ("planned", "planned")
    assert again.due == stage.now + (3_600_000 if "after" in when else 0)
    stage.now += 3_000
    third = once.schedule("stats", key="order-1", input=GIVEN, replace=True, **when)
    assert (third.outcome, third.revision) == ("unchanged", again.revision)
    assert len(schedules_of(stage)) == 1


@pytest.mark.parametrize("change", [{"after": 2 * HOUR}, {"input": {"order": 2}, "after": 0}], ids=str)
def test_other_content_is_a_conflict_whose_message_has_the_remedies(
    stage: Stage, once: Once, change: dict[str, Any]
) -> None:
    miss(stage, once)
    before = stage.plan("order-1")
    with pytest.raises(OnceConflict, match="was missed: due at 2026-01-01T13:00:00Z") as raised:
        once.schedule("stats", key="order-1", **({"input": GIVEN} | change))
    for remedy in ("replace=True", "once.move", "cronstack dead-letters redrive stats --origin missed"):
        assert remedy in raised.value.remedy
    assert (stage.plan("order-1"), schedules_of(stage)) == (before, [])


def test_a_missed_key_is_not_planned_again_for_a_past_time(stage: Stage, once: Once) -> None:
    miss(stage, once)
    with pytest.raises(OnceError, match="is past"):
        once.schedule("stats", key="order-1", at=AT + timedelta(minutes=1), input=GIVEN, replace=True)
    with pytest.raises(OnceError, match="is past"):
        once.move("stats", "order-1", at=AT)


def test_a_missed_key_is_too_late_to_cancel(stage: Stage, once: Once) -> None:
    old = miss(stage, once)
    plan = once.cancel("stats", "order-1")
    assert (plan.outcome, plan.status) == ("too late", "missed")
    assert stage.deliver(redrive(old, stage)).status == "succeeded"


def test_a_redriven_plan_is_too_late_to_plan_again(stage: Stage, once: Once) -> None:
    old = miss(stage, once)
    working = stage.delivery(redrive(old, stage)).until("Work")
    assert once.move("stats", "order-1", after=HOUR).outcome == "too late"
    with pytest.raises(OnceConflict, match="has started already"):
        once.schedule("stats", key="order-1", after=HOUR, input=GIVEN, replace=True)
    assert once.schedule("stats", key="order-1", at=AT, input=GIVEN).status == "begun"
    assert working.finish().status == "succeeded"


def test_of_a_redrive_and_a_move_the_first_write_decides(stage: Stage, once: Once) -> None:
    """The move has read the missed plan, and the redrive starts it before the move writes."""
    old = miss(stage, once)

    def redrive_first(call: Any, carry_out: Any) -> Any:
        assert stage.deliver(redrive(old, stage)).status == "succeeded"
        return carry_out()

    stage.fail("UpdateItem", redrive_first)
    assert once.move("stats", "order-1", after=HOUR).outcome == "too late"
    assert schedules_of(stage) == []


@pytest.mark.parametrize("operation", ["UpdateItem", "CreateSchedule"])
def test_lost_answers_change_nothing(stage: Stage, once: Once, operation: str) -> None:
    miss(stage, once)
    stage.fail(operation, lost_answer)
    assert once.schedule("stats", key="order-1", after=HOUR, input=GIVEN, replace=True).outcome == "planned"
    stage.fail(operation, lost_answer)
    assert once.move("stats", "order-1", after=2 * HOUR).outcome == "moved"
    (of,) = [event(stage)]
    assert deliver_when_due(stage, of).status == "succeeded"


def test_a_key_that_is_missed_twice_is_reported_twice(stage: Stage, once: Once) -> None:
    miss(stage, once)
    once.move("stats", "order-1", after=HOUR)
    second = event(stage)
    stage.now = second.due + 2 * 3_600_000
    assert stage.deliver(second).status == "missed"
    assert len(stage.letters()) == 1
    assert (stage.run(second)["revision"], once.get("stats", "order-1").status) == (second.revision, "missed")
    assert stage.deliver(redrive(second, stage)).status == "succeeded"
