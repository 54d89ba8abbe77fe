"""Plans without schedules and schedules without plans are found, reported and fixed, and no other work is undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cronstack.event import parse_event, planned_event
from cronstack.ledger.partitions import plan_key
from cronstack.occurrence import planned_id
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from cronstack_infra.names import once_output
from cronstack_infra.ops.onetime import list_plans
from cronstack_infra.ops.strays.find import Strays
from tests.cronstack.stage import TABLE, scheduled_event
from tests.ops.shop import ROLE, Shop
from tests.ops.strays.finding import DAY, LATER, find_strays, fix_all, strays_of

HOUR = timedelta(hours=1)
GROUP = "shop-once"


def kill_before(shop: Shop, operation: str, act: Callable[[Once], Any]) -> None:
    """Call ``act``, and kill it before it sends ``operation``."""

    class Killed(BaseException):
        pass

    def transport(name: str, parameters: Any, timeout: float) -> Any:
        if name == operation:
            raise Killed
        return shop.stage.transport(name, parameters)

    with pytest.raises(Killed):
        act(shop.once_through(transport))


def delete_by_hand(shop: Shop) -> None:
    for name in shop.plans():
        shop.scheduler.delete_schedule(GroupName=GROUP, Name=name)


def event(shop: Shop) -> Any:
    (name,) = shop.plans()
    return json.loads(shop.scheduler.get_schedule(GroupName=GROUP, Name=name)["Target"]["Input"])


def test_plans_with_their_schedules_are_not_strays(shop: Shop, once: Once) -> None:
    for number in range(60):  # more than a page
        once.schedule("stats", key=f"order-{number}", after=HOUR)
    shop.stage.now += LATER
    seen: list[int] = []
    assert strays_of(shop).find(seen.append) == []
    assert seen[-1] == 180, "the list of schedules, the plans, and a read of each schedule"


def test_a_plan_whose_caller_was_killed_gets_its_schedule(shop: Shop) -> None:
    began = shop.stage.now
    kill_before(shop, "CreateSchedule", lambda once: once.schedule("stats", key="order-1", after=HOUR))
    assert find_strays(shop) == [], "the caller may be about to create the schedule"
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.job, stray.key, stray.since) == ("plan", "stats", "order-1", began)
    assert stray.what == "its schedule is missing: its caller crashed first, or it was deleted by hand"
    assert shop.plans() == [], "finding changes nothing"
    assert fix_all(shop) == ["fixed"]
    assert shop.plans() == [stray.schedule]
    assert find_strays(shop) == []


def test_a_schedule_that_was_deleted_by_hand_is_created_again(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.what, stray.remedy) == (
        "its schedule is missing: its caller crashed first, or it was deleted by hand",
        "--fix creates its schedule",
    )
    assert fix_all(shop) == ["fixed"]
    assert parse_event(event(shop), "stats").key == "order-1"
    assert find_strays(shop) == []


def test_leftover_schedules_of_a_move_and_a_cancel_are_deleted(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    once.schedule("stats", key="order-2", after=HOUR)
    shop.stage.now += 1000
    kill_before(shop, "DeleteSchedule", lambda once: once.move("stats", "order-1", after=2 * HOUR))
    kill_before(shop, "DeleteSchedule", lambda once: once.cancel("stats", "order-2"))
    assert len(shop.plans()) == 3
    assert find_strays(shop) == [], "their callers may be about to delete them"
    shop.stage.now += LATER
    strays = {(stray.kind, stray.key, stray.what) for stray in find_strays(shop)}
    assert strays == {
        ("schedule", "order-1", "left by a move: its key has another plan now"),
        ("schedule", "order-2", "left by a cancel"),
    }
    assert fix_all(shop) == ["deleted"] * 2
    (plan,) = list_plans(once, ["stats"], status="planned")
    assert parse_event(event(shop), "stats").revision == plan.revision
    assert find_strays(shop) == []


def test_a_schedule_whose_row_was_deleted_is_deleted(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.delete("plan#order-1")
    assert find_strays(shop) == []
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert stray.what == "it has no plan: its row is missing"
    assert fix_all(shop) == ["deleted"]
    assert shop.plans() == []


def test_the_schedule_of_a_started_plan_has_time_to_delete_itself(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 3_600_000
    shop.invoke(event(shop))
    assert find_strays(shop) == []
    shop.stage.now += LATER
    assert [stray.what for stray in find_strays(shop)] == ["left by a plan that has started"]
    assert fix_all(shop) == ["deleted"]


def test_the_row_is_read_again_before_a_schedule_is_deleted(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    row = {"TableName": TABLE, "Key": plan_key("stats", "order-1")}
    item = shop.stage.dynamodb.get_item(**row)["Item"]
    shop.stage.delete("plan#order-1")
    shop.stage.now += LATER
    strays = strays_of(shop)
    (stray,) = strays.find()
    shop.stage.dynamodb.put_item(TableName=TABLE, Item=item)
    assert strays.fix(stray) == "left: it has a plan now"
    assert len(shop.plans()) == 1


@pytest.mark.parametrize("act", ["move", "cancel"])
def test_no_schedule_is_created_for_a_plan_that_was_moved_or_cancelled_meanwhile(
    shop: Shop, once: Once, act: str
) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += LATER
    strays = strays_of(shop)
    (stray,) = strays.find()
    if act == "move":
        once.move("stats", "order-1", after=2 * HOUR)
    else:
        once.cancel("stats", "order-1")
    before = shop.plans()
    assert strays.fix(stray) == "left: it was moved, cancelled or started meanwhile"
    assert shop.plans() == before


def test_an_overdue_plan_without_a_schedule_gets_one(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += 3_600_000 + 60_000
    assert find_strays(shop) == [], "its event may still arrive"
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.what, stray.since) == (
        "overdue, and its schedule is missing: nothing starts it",
        next(once.list("stats")).due,
    )
    assert fix_all(shop) == ["fixed"]
    shop.stage.now += 10_000
    shop.invoke(event(shop))
    assert shop.stage.item(f"run#{planned_id('order-1')}")["status"] == "succeeded"


def test_an_overdue_plan_with_a_schedule_is_only_reported(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 3_600_000 + LATER
    (stray,) = find_strays(shop)
    assert (stray.what, stray.fix) == ("overdue, although its schedule exists", "")
    assert fix_all(shop) == ["left"]


def test_a_plan_past_its_start_deadline_is_left_for_an_operator(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += 25 * 3_600_000 + 1000
    (stray,) = find_strays(shop)
    assert stray.what == "overdue, and past its start deadline"
    assert fix_all(shop) == ["left"]
    assert (shop.plans(), once.get("stats", "order-1").status) == ([], "planned")
    assert once.move("stats", "order-1", after=0).outcome == "moved"
    shop.invoke(event(shop))
    assert shop.stage.item(f"run#{planned_id('order-1')}")["status"] == "succeeded"


def test_a_schedule_that_was_disabled_by_hand_is_reported(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    (name,) = shop.plans()
    got = shop.scheduler.get_schedule(GroupName=GROUP, Name=name)
    kept = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    shop.scheduler.update_schedule(
        GroupName=GROUP, Name=name, State="DISABLED", **{field: got[field] for field in kept}
    )
    shop.stage.now += LATER
    assert [stray.what for stray in find_strays(shop)] == ["its schedule was disabled by hand: it will not start"]
    assert fix_all(shop) == ["left"]


@pytest.mark.parametrize(
    ("input", "what", "job"),
    [
        ("by hand", "it brings nothing that code has planned", ""),
        ('["by hand"]', "it brings nothing that code has planned", ""),
        (json.dumps(scheduled_event()), "it brings nothing that code has planned", ""),
        (
            planned_event("gone", "order-1", 5, due=0, input={}),
            "it is not deployed, and these wait for it: 1 one-time schedule",
            "gone",
        ),
    ],
)
def test_a_foreign_schedule_is_reported_and_left(shop: Shop, input: str, what: str, job: str) -> None:
    plant(shop, input)
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.what, stray.job) == (what, job)
    assert fix_all(shop) == ["left"]
    assert shop.plans() == ["mine"]


def plant(shop: Shop, input: str) -> None:
    shop.scheduler.create_schedule(
        Name="mine",
        GroupName=GROUP,
        ScheduleExpression="at(2030-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:lambda:us-east-1:123456789012:function:shop-stats", "RoleArn": ROLE, "Input": input},
    )


def test_a_stack_without_jobs_that_code_may_schedule_has_no_strays(shop: Shop) -> None:
    shop.outputs.clear()
    assert find_strays(shop) == []


def test_plans_that_were_due_days_ago_are_read_only_on_request(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += 3 * DAY
    once.schedule("stats", key="order-2", after=HOUR)
    read: list[int] = []
    assert strays_of(shop).find(read.append) == []
    assert read[-1] == 2, "one schedule and one plan"
    (stray,) = strays_of(shop).find(since=shop.stage.now - 4 * DAY)
    assert (stray.key, stray.what) == ("order-1", "overdue, and past its start deadline")


def test_a_plan_that_is_long_overdue_is_found_by_its_schedule(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 3 * DAY
    assert [stray.what for stray in find_strays(shop)] == ["overdue, and past its start deadline"]


# -- outdated schedules ------------------------------------------------------------------------------------------------
def rewire(shop: Shop, **changes: str) -> None:
    """Deploy the stack with another role, function or queue."""
    name = once_output("stats")
    shop.outputs[name] = Wiring.read(shop.outputs[name])._replace(**changes).text()


def target(shop: Shop) -> Any:
    (name,) = shop.plans()
    return shop.scheduler.get_schedule(GroupName=GROUP, Name=name)["Target"]


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"role": "arn:aws:iam::123456789012:role/another"}, "role"),
        ({"dead_letters": "arn:aws:sqs:us-east-1:123456789012:another"}, "queue of dead letters"),
        ({"function": "arn:aws:lambda:us-east-1:123456789012:function:shop-stats:other"}, "function"),
    ],
)
def test_a1_an_outdated_schedule_of_a_plan_is_replaced(shop: Shop, changes: dict[str, str], differs: str) -> None:
    """A schedule stores the ARNs of its role, function and queue: if one was replaced, it cannot invoke the job."""
    for number in range(30):  # more than are read one after another
        shop.once().schedule("stats", key=f"order-{number}", after=HOUR, input={"n": number})
    before, due = shop.plans(), shop.once().get("stats", "order-1").due
    rewire(shop, **changes)
    assert find_strays(shop) == [], "their callers may be about to finish"
    shop.stage.now += LATER
    strays = {(stray.kind, stray.what, stray.fix) for stray in find_strays(shop)}
    what = f"its schedule has another {differs} than the stack has now: it cannot invoke the job"
    assert strays == {("plan", what, "renew")}
    assert fix_all(shop) == ["replaced"] * 30
    assert len(shop.plans()) == 30
    assert not set(before) & set(shop.plans()), "each revision has its own schedule"
    targets = [shop.scheduler.get_schedule(GroupName=GROUP, Name=name)["Target"] for name in shop.plans()]
    wiring = Wiring.read(shop.outputs[once_output("stats")])
    reached = {(target["RoleArn"], target["Arn"], target["DeadLetterConfig"]["Arn"]) for target in targets}
    assert reached == {(wiring.role, wiring.function, wiring.dead_letters)}
    plan = shop.once().get("stats", "order-1")
    assert (plan.status, plan.due, plan.input, plan.moves) == ("planned", due, {"n": 1}, 0)
    shop.stage.now += LATER
    assert find_strays(shop) == []


def test_the_schedule_of_a_plan_that_was_moved_meanwhile_is_not_replaced(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    rewire(shop, role="arn:aws:iam::123456789012:role/another")
    shop.stage.now += LATER
    strays = strays_of(shop)
    (stray,) = strays.find()
    once.move("stats", "order-1", after=2 * HOUR)
    assert strays.fix(stray) == "left: it was moved, cancelled or started meanwhile"
    assert target(shop)["RoleArn"] == "arn:aws:iam::123456789012:role/another"
    shop.stage.now += LATER
    assert find_strays(shop) == []


@pytest.mark.parametrize("operation", ["CreateSchedule", "DeleteSchedule"])
def test_an_interrupted_fix_is_found_again(shop: Shop, once: Once, operation: str) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    rewire(shop, role="arn:aws:iam::123456789012:role/another")
    shop.stage.now += LATER

    def fix(through: Once) -> None:
        strays = Strays(shop.clients, shop.deployment, through, lambda: shop.stage.now)
        strays.fix(*strays.find())

    kill_before(shop, operation, fix)
    assert shop.plans(), "a schedule exists at each moment"
    shop.stage.now += LATER
    assert fix_all(shop) == (["fixed", "deleted"] if operation == "CreateSchedule" else ["deleted"])
    assert target(shop)["RoleArn"] == "arn:aws:iam::123456789012:role/another"
    assert find_strays(shop) == []


def test_a_second_schedule_of_a_plan_is_reported(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    plant(shop, json.dumps(event(shop)))
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.schedule, stray.what, stray.fix) == ("mine", "it brings nothing that code has planned", "")
