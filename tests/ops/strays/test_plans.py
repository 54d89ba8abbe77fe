"""Plans without schedules, schedules without plans: each found, told what it is, mended, and nobody's work undone."""

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
from tests.ops.strays.looking import DAY, LATER, found, look, mended

HOUR = timedelta(hours=1)
GROUP = "shop-once"


def dies_at(shop: Shop, operation: str, act: Callable[[Once], Any]) -> None:
    """Whoever acts is killed when it is about to send that."""

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


def test_where_all_is_well_there_is_none(shop: Shop, once: Once) -> None:
    for number in range(60):  # more than a page
        once.schedule("stats", key=f"order-{number}", after=HOUR)
    shop.stage.now += LATER
    seen: list[int] = []
    assert look(shop).find(seen.append) == []
    assert seen[-1] == 180, "the list of schedules, the plans, and a look at each schedule"


def test_a_plan_whose_maker_died_is_given_its_schedule(shop: Shop) -> None:
    began = shop.stage.now
    dies_at(shop, "CreateSchedule", lambda once: once.schedule("stats", key="order-1", after=HOUR))
    assert found(shop) == [], "whoever made it may be about to make its schedule"
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.kind, one.job, one.key, one.since) == ("plan", "stats", "order-1", began)
    assert one.what == "its schedule is missing: its caller crashed first, or it was deleted by hand"
    assert shop.plans() == [], "looking changes nothing"
    assert mended(shop) == ["fixed"]
    assert shop.plans() == [one.schedule]
    assert found(shop) == []


def test_a_schedule_that_was_deleted_by_hand_is_made_again(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.what, one.remedy) == (
        "its schedule is missing: its caller crashed first, or it was deleted by hand",
        "--mend creates its schedule",
    )
    assert mended(shop) == ["fixed"]
    assert parse_event(event(shop), "stats").key == "order-1"
    assert found(shop) == []


def test_what_a_move_and_a_cancel_left_is_deleted(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    once.schedule("stats", key="order-2", after=HOUR)
    shop.stage.now += 1000
    dies_at(shop, "DeleteSchedule", lambda once: once.move("stats", "order-1", after=2 * HOUR))
    dies_at(shop, "DeleteSchedule", lambda once: once.cancel("stats", "order-2"))
    assert len(shop.plans()) == 3
    assert found(shop) == [], "their callers may be about to delete them"
    shop.stage.now += LATER
    told = {(one.kind, one.key, one.what) for one in found(shop)}
    assert told == {
        ("schedule", "order-1", "left by a move: its key has another plan now"),
        ("schedule", "order-2", "left by a cancel"),
    }
    assert mended(shop) == ["deleted"] * 2
    (plan,) = list_plans(once, ["stats"], status="planned")
    assert parse_event(event(shop), "stats").revision == plan.revision
    assert found(shop) == []


def test_a_schedule_whose_row_was_deleted_is_deleted(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.delete("plan#order-1")
    assert found(shop) == []
    shop.stage.now += LATER
    (one,) = found(shop)
    assert one.what == "it has no plan: its row is missing"
    assert mended(shop) == ["deleted"]
    assert shop.plans() == []


def test_a_schedule_of_what_has_begun_is_left_to_delete_itself_for_a_while(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 3_600_000
    shop.invoke(event(shop))
    assert found(shop) == []
    shop.stage.now += LATER
    assert [one.what for one in found(shop)] == ["left by a plan that is begun"]
    assert mended(shop) == ["deleted"]


def test_before_a_schedule_is_deleted_its_row_is_looked_at_again(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    row = {"TableName": TABLE, "Key": plan_key("stats", "order-1")}
    item = shop.stage.dynamodb.get_item(**row)["Item"]
    shop.stage.delete("plan#order-1")
    shop.stage.now += LATER
    strays = look(shop)
    (one,) = strays.find()
    shop.stage.dynamodb.put_item(TableName=TABLE, Item=item)
    assert strays.mend(one) == "left: it has a plan now"
    assert len(shop.plans()) == 1


@pytest.mark.parametrize("act", ["move", "cancel"])
def test_what_was_moved_or_cancelled_meanwhile_is_not_made(shop: Shop, once: Once, act: str) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += LATER
    strays = look(shop)
    (one,) = strays.find()
    if act == "move":
        once.move("stats", "order-1", after=2 * HOUR)
    else:
        once.cancel("stats", "order-1")
    before = shop.plans()
    assert strays.mend(one) == "left: it was moved, cancelled or started meanwhile"
    assert shop.plans() == before


def test_an_overdue_one_that_nobody_brings_is_brought(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += 3_600_000 + 60_000
    assert found(shop) == [], "its event may be on the way"
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.what, one.since) == (
        "overdue, and its schedule is missing: nothing starts it",
        next(once.list("stats")).due,
    )
    assert mended(shop) == ["fixed"]
    shop.stage.now += 10_000
    shop.invoke(event(shop))
    assert shop.stage.item(f"run#{planned_id('order-1')}")["status"] == "succeeded"


def test_an_overdue_one_whose_schedule_is_there_is_only_told(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 3_600_000 + LATER
    (one,) = found(shop)
    assert (one.what, one.fix) == ("overdue, although its schedule exists", "")
    assert mended(shop) == ["left"]


def test_one_that_could_only_be_missed_is_left_for_a_person_to_decide(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += 25 * 3_600_000 + 1000
    (one,) = found(shop)
    assert one.what == "overdue, and past its start deadline"
    assert mended(shop) == ["left"]
    assert (shop.plans(), once.get("stats", "order-1").status) == ([], "planned")
    assert once.move("stats", "order-1", after=0).outcome == "moved"
    shop.invoke(event(shop))
    assert shop.stage.item(f"run#{planned_id('order-1')}")["status"] == "succeeded"


def test_a_schedule_that_was_disabled_by_hand_is_told(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    (name,) = shop.plans()
    got = shop.scheduler.get_schedule(GroupName=GROUP, Name=name)
    kept = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    shop.scheduler.update_schedule(GroupName=GROUP, Name=name, State="DISABLED", **{word: got[word] for word in kept})
    shop.stage.now += LATER
    assert [one.what for one in found(shop)] == ["its schedule was disabled by hand: it will not start"]
    assert mended(shop) == ["left"]


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
def test_what_is_not_ours_is_told_and_left(shop: Shop, input: str, what: str, job: str) -> None:
    plant(shop, input)
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.what, one.job) == (what, job)
    assert mended(shop) == ["left"]
    assert shop.plans() == ["mine"]


def plant(shop: Shop, input: str) -> None:
    shop.scheduler.create_schedule(
        Name="mine",
        GroupName=GROUP,
        ScheduleExpression="at(2030-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:lambda:us-east-1:123456789012:function:shop-stats", "RoleArn": ROLE, "Input": input},
    )


def test_a_stack_whose_jobs_no_code_may_schedule_has_none(shop: Shop) -> None:
    shop.outputs.clear()
    assert found(shop) == []


def test_plans_that_were_due_days_ago_are_not_read_unless_asked_for(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    delete_by_hand(shop)
    shop.stage.now += 3 * DAY
    once.schedule("stats", key="order-2", after=HOUR)
    read: list[int] = []
    assert look(shop).find(read.append) == []
    assert read[-1] == 2, "one schedule and one plan"
    (one,) = look(shop).find(since=shop.stage.now - 4 * DAY)
    assert (one.key, one.what) == ("order-1", "overdue, and past its start deadline")


def test_a_plan_that_is_long_overdue_is_found_by_its_schedule(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 3 * DAY
    assert [one.what for one in found(shop)] == ["overdue, and past its start deadline"]


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
def test_a1_a_plan_whose_schedule_is_outdated_is_made_anew(shop: Shop, changes: dict[str, str], differs: str) -> None:
    """A schedule keeps the ARNs of its role, function and queue: after one was replaced, it fires into nothing."""
    for number in range(30):  # more than are looked at one after another
        shop.once().schedule("stats", key=f"order-{number}", after=HOUR, input={"n": number})
    before, due = shop.plans(), shop.once().get("stats", "order-1").due
    rewire(shop, **changes)
    assert found(shop) == [], "their callers may be about to do the rest"
    shop.stage.now += LATER
    told = {(one.kind, one.what, one.fix) for one in found(shop)}
    what = f"its schedule has another {differs} than the stack has now: it cannot invoke the job"
    assert told == {("plan", what, "renew")}
    assert mended(shop) == ["replaced"] * 30
    assert len(shop.plans()) == 30
    assert not set(before) & set(shop.plans()), "a revision has a schedule of its own"
    got = [shop.scheduler.get_schedule(GroupName=GROUP, Name=name)["Target"] for name in shop.plans()]
    wiring = Wiring.read(shop.outputs[once_output("stats")])
    reached = {(one["RoleArn"], one["Arn"], one["DeadLetterConfig"]["Arn"]) for one in got}
    assert reached == {(wiring.role, wiring.function, wiring.dead_letters)}
    plan = shop.once().get("stats", "order-1")
    assert (plan.status, plan.due, plan.input, plan.moves) == ("planned", due, {"n": 1}, 0)
    shop.stage.now += LATER
    assert found(shop) == []


def test_a_plan_that_is_moved_meanwhile_is_not_made_anew(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    rewire(shop, role="arn:aws:iam::123456789012:role/another")
    shop.stage.now += LATER
    strays = look(shop)
    (one,) = strays.find()
    once.move("stats", "order-1", after=2 * HOUR)
    assert strays.mend(one) == "left: it was moved, cancelled or started meanwhile"
    assert target(shop)["RoleArn"] == "arn:aws:iam::123456789012:role/another"
    shop.stage.now += LATER
    assert found(shop) == []


@pytest.mark.parametrize("operation", ["CreateSchedule", "DeleteSchedule"])
def test_a_fix_that_dies_half_way_is_found_again(shop: Shop, once: Once, operation: str) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    rewire(shop, role="arn:aws:iam::123456789012:role/another")
    shop.stage.now += LATER

    def mend(through: Once) -> None:
        strays = Strays(shop.clients, shop.deployment, through, lambda: shop.stage.now)
        strays.mend(*strays.find())

    dies_at(shop, operation, mend)
    assert shop.plans(), "there is a schedule at each moment"
    shop.stage.now += LATER
    assert mended(shop) == (["fixed", "deleted"] if operation == "CreateSchedule" else ["deleted"])
    assert target(shop)["RoleArn"] == "arn:aws:iam::123456789012:role/another"
    assert found(shop) == []


def test_a_second_schedule_of_a_plan_is_told(shop: Shop, once: Once) -> None:
    once.schedule("stats", key="order-1", after=HOUR)
    plant(shop, json.dumps(event(shop)))
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.schedule, one.what, one.fix) == ("mine", "it brings nothing that code has planned", "")
