"""The declared schedules against the stack: what nobody deployed fires all the same."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.cronstack.stage import FUNCTION, scheduled_event
from tests.ops.shop import SCHEDULER_ROLE, STACK, Shop
from tests.ops.strays.looking import LATER, found, mended


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shop.deploy(lambda run: None, "cron(0 * * * ? *)", "cron(30 * * * ? *)", name="nightly")
    return shop


def plant(shop: Shop, name: str, **changes: Any) -> None:
    target = {"Arn": FUNCTION, "RoleArn": SCHEDULER_ROLE, "Input": json.dumps(scheduled_event())}
    given: dict[str, Any] = {"ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    shop.scheduler.create_schedule(Name=name, GroupName=STACK, Target=target, **(given | changes))


def test_the_schedules_of_the_stack_are_well(shop: Shop) -> None:
    shop.stage.now += LATER
    assert found(shop) == []


def test_a_schedule_that_the_stack_has_not_made_is_told(shop: Shop) -> None:
    plant(shop, "shop-nightly.3")
    plant(shop, "evil", State="DISABLED")
    shop.stage.now += LATER
    one, other = sorted(found(shop), key=lambda stray: stray.schedule, reverse=True)
    assert (one.kind, one.job, one.schedule) == ("declared", "stats", "shop-nightly.3")
    assert one.what == "the stack has not created it, and it fires: rate(1 minute)"
    assert one.remedy.endswith("aws scheduler delete-schedule --group-name shop --name shop-nightly.3")
    assert other.what == "the stack has not created it, and it is disabled"
    assert mended(shop) == ["left", "left"]


def test_a_schedule_that_is_gone_is_told(shop: Shop) -> None:
    shop.scheduler.delete_schedule(GroupName=STACK, Name="shop-nightly.2")
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.kind, one.job, one.schedule) == ("declared", "nightly", "shop-nightly.2")
    assert one.what == "the stack has created it, and it is missing: it was deleted by hand. Its job does not fire"
    assert mended(shop) == ["left"]


def test_a_schedule_of_a_deploy_that_goes_on_is_not_judged(shop: Shop) -> None:
    plant(shop, "shop-nightly.3")  # the list of resources was read before
    shop.stack.schedules["shop-nightly.4"] = shop.clock()  # the list of schedules was read before
    assert found(shop) == []


class Stale:
    """Scheduler that does not show a schedule which was just made, as the switch stale_schedules plays it."""

    def __init__(self, shop: Shop, for_: timedelta) -> None:
        self._shop, self._scheduler, self._for = shop, shop.scheduler, for_

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    def _is_new(self, schedule: Any) -> bool:
        return bool(self._shop.clock() - schedule["CreationDate"] < self._for)

    def get_schedule(self, **of: Any) -> Any:
        got = self._scheduler.get_schedule(**of)
        if self._is_new(got):
            raise self._scheduler.exceptions.ResourceNotFoundException({"Error": {}}, "GetSchedule")
        return got

    def get_paginator(self, operation: str) -> Any:
        pages = self._scheduler.get_paginator(operation)

        def paginate(**of: Any) -> Any:
            for page in pages.paginate(**of):
                yield {"Schedules": [one for one in page["Schedules"] if not self._is_new(one)]}

        return type("Pages", (), {"paginate": staticmethod(paginate)})


def test_a11_8_what_was_just_made_is_not_judged_by_lists_that_do_not_show_it(shop: Shop) -> None:
    """Not documented: whether ListSchedules and GetSchedule show what was just created. Five minutes are left to it."""
    shop.deploy(lambda run: None, "cron(15 * * * ? *)", name="new")
    shop.once().schedule("stats", key="order-1", after=timedelta(hours=1))
    shop.scheduler = shop._clients["scheduler"] = Stale(shop, timedelta(minutes=4))
    for _ in range(6):
        assert found(shop) == []
        shop.stage.now += 60_000
