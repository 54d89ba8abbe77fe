"""Runs that nothing brings back are found ten minutes after their time, and invoked with the event of the row."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cronstack import once
from cronstack.event import operator_event
from cronstack.ledger.partitions import open_list
from cronstack.occurrence import planned_id, print_time, scheduled_id
from cronstack.run import Run
from tests.cronstack.stage import CARRIERS, occurrence, scheduled_event
from tests.ops.shop import Shop
from tests.ops.strays.finding import find_strays, fix_all, strays_of

MINUTE = 60_000
HOUR = timedelta(hours=1)


class Handler:
    """A handler that fails until it is fixed."""

    def __init__(self) -> None:
        self.fixed = False
        self.ran: list[tuple[str, int]] = []

    def __call__(self, run: Run) -> None:
        self.ran.append((run.occurrence, run.attempt))
        if not self.fixed:
            raise ValueError("no")


@pytest.fixture
def handler(shop: Shop) -> Handler:
    handler = Handler()
    shop.deploy(lambda run: handler(run), schedule=once(), overlap="buffer_one")
    return handler


def carriers(shop: Shop) -> list[str]:
    return [carrier["Name"] for carrier in shop.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]]


def lose_carriers(shop: Shop) -> None:
    """Delete all carriers, as if Scheduler could not assume their role."""
    for name in carriers(shop):
        shop.scheduler.delete_schedule(GroupName=CARRIERS, Name=name)


def fire(shop: Shop) -> Any:
    """Return the event of the plan, whose schedule deletes itself."""
    (name,) = shop.plans()
    event = json.loads(shop.scheduler.get_schedule(GroupName="shop-once", Name=name)["Target"]["Input"])
    shop.scheduler.delete_schedule(GroupName="shop-once", Name=name)
    return event


def fail(shop: Shop, event: Any) -> None:
    shop.invoke(event)
    assert len(carriers(shop)) == 1


def test_a_run_with_a_carrier_is_not_a_stray(shop: Shop, handler: Handler) -> None:
    fail(shop, scheduled_event(shop.stage.now))
    shop.stage.now += 60 * MINUTE
    assert find_strays(shop) == [], "Scheduler may still retry"


def test_a1_a_retry_without_its_carrier_is_invoked_again(shop: Shop, handler: Handler) -> None:
    """Without its role, Scheduler cannot deliver a carrier, and sends no dead letter: only the row shows the run."""
    now = shop.stage.now
    fail(shop, scheduled_event(now))
    lose_carriers(shop)
    shop.stage.now += 10 * MINUTE
    assert find_strays(shop) == [], "its event may still arrive"
    shop.stage.now += 10 * MINUTE
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.job, stray.occurrence) == ("run", "stats", scheduled_id(now))
    assert (stray.what, stray.fix) == ("retrying, and nothing brings it back", "invoke")
    handler.fixed = True
    before = len(shop.functions.invoked)
    assert fix_all(shop) == ["invoked again"]
    (event,) = shop.functions.invoked[before:]
    assert event == scheduled_event(now), "neither an operator's event nor a carrier's"
    assert handler.ran == [(scheduled_id(now), 1), (scheduled_id(now), 2)]
    assert find_strays(shop) == []


def test_the_original_event_after_a_fix_runs_nothing(shop: Shop, handler: Handler) -> None:
    now = shop.stage.now
    fail(shop, scheduled_event(now))
    lose_carriers(shop)
    shop.stage.now += 20 * MINUTE
    strays, other = strays_of(shop), strays_of(shop)
    (stray,), (same,) = strays.find(), other.find()
    handler.fixed = True
    assert strays.fix(stray) == "invoked again"
    assert other.fix(same) == "not needed: it is succeeded now"
    shop.invoke({**scheduled_event(now), "carrier": 0})
    assert handler.ran == [(scheduled_id(now), 1), (scheduled_id(now), 2)]


def test_a_run_that_died_while_another_delivery_waited_for_it_is_invoked_again(shop: Shop, handler: Handler) -> None:
    """The second delivery was acknowledged, because a carrier brings it back: the row stores its event."""
    now = shop.stage.now
    shop.stage.delivery(occurrence(now), seconds=60).until("Work")
    fail(shop, scheduled_event(now))
    lose_carriers(shop)
    shop.stage.now += 60 * MINUTE
    (stray,) = find_strays(shop)
    assert (stray.occurrence, stray.what) == (scheduled_id(now), "running, and nothing brings it back")
    handler.fixed = True
    assert fix_all(shop) == ["invoked again"]
    assert handler.ran == [(scheduled_id(now), 2)]
    assert find_strays(shop) == []


def test_a_run_dies_with_a_letter_if_its_attempts_are_used_up(shop: Shop, handler: Handler) -> None:
    fail(shop, scheduled_event(shop.stage.now))
    for _ in range(2):
        lose_carriers(shop)
        shop.stage.now += 60 * MINUTE
        assert fix_all(shop) == ["invoked again"]
    assert len(shop.stage.letters()) == 1
    assert find_strays(shop) == []


def test_a_redriven_run_is_invoked_with_its_operators_event(shop: Shop, handler: Handler) -> None:
    of = operator_event("stats", "redrive", due=shop.stage.now, requested=shop.stage.now, input={})
    shop.invoke(of)
    lose_carriers(shop)
    shop.stage.now += 60 * MINUTE
    assert fix_all(shop) == ["invoked again"]
    assert shop.functions.invoked[-1] == of


def test_the_run_of_a_key_is_found_too(shop: Shop, handler: Handler) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR, input={"n": 1})
    shop.stage.now += 60 * MINUTE
    event = fire(shop)
    fail(shop, event)
    lose_carriers(shop)
    shop.stage.now += 60 * MINUTE
    (stray,) = find_strays(shop)
    assert (stray.key, stray.occurrence) == ("order-1", planned_id("order-1"))
    handler.fixed = True
    assert fix_all(shop) == ["invoked again"]
    assert handler.ran[-1] == (planned_id("order-1"), 2)


def crash(shop: Shop, run: str, **fields: Any) -> None:
    """Mark a run as crashed, as the next holder of the lease does."""
    occurrence = run.removeprefix("run#")
    values: dict[str, Any] = {"status": "crashed", "ended": shop.stage.now, "listed": open_list("stats", occurrence)}
    shop.stage.change(run, **(values | fields))


def test_a_crashed_run_of_a_key_has_the_event_of_its_plan(shop: Shop, handler: Handler) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR, input={"n": 1})
    plan = shop.once().get("stats", "order-1")
    shop.stage.now += 60 * MINUTE
    event = fire(shop)
    handler.fixed = True
    shop.invoke(event)
    crash(shop, f"run#{plan.occurrence}")
    shop.stage.now += 60 * MINUTE
    assert fix_all(shop) == ["invoked again"]
    assert shop.functions.invoked[-1] == event
    assert handler.ran[-1] == (plan.occurrence, 2)


def test_a_crashed_run_without_an_event_is_reported(shop: Shop, handler: Handler) -> None:
    now = shop.stage.now
    handler.fixed = True
    shop.invoke(scheduled_event(now))
    crash(shop, f"run#{scheduled_id(now)}")
    shop.stage.now += 60 * MINUTE
    (stray,) = find_strays(shop)
    assert (stray.what, stray.fix) == ("crashed, and nothing brings it back; its row stores no event", "")
    assert stray.remedy == (
        "redrive its dead letter, if it exists: cronstack dead-letters list stats; or: cronstack trigger stats --at"
        f" {print_time(now)}"
    )
    assert fix_all(shop) == ["left"]


def test_a_buffered_occurrence_without_its_carrier_is_found(shop: Shop, handler: Handler) -> None:
    now = shop.stage.now
    shop.stage.delivery(occurrence(now)).until("Work")  # then its process is killed
    fail(shop, scheduled_event(now + 1000))
    lose_carriers(shop)
    shop.stage.now += 20 * MINUTE
    (stray,) = find_strays(shop)
    assert (stray.what, stray.occurrence) == ("buffered, and nothing brings it back", scheduled_id(now + 1000))
    handler.fixed = True
    assert fix_all(shop) == ["invoked again"]
    assert handler.ran == [(scheduled_id(now + 1000), 1)]
