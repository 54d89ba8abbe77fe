"""Declared schedules that differ from the stack: an unknown schedule fires although no deployment created it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.cronstack.stage import FUNCTION, scheduled_event
from tests.ops.shop import SCHEDULER_ROLE, STACK, Shop
from tests.ops.strays.finding import LATER, find_strays, fix_all


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shop.deploy(lambda run: None, "cron(0 * * * ? *)", "cron(30 * * * ? *)", name="nightly")
    return shop


def plant(shop: Shop, name: str, **changes: Any) -> None:
    target = {"Arn": FUNCTION, "RoleArn": SCHEDULER_ROLE, "Input": json.dumps(scheduled_event())}
    given: dict[str, Any] = {"ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    shop.scheduler.create_schedule(Name=name, GroupName=STACK, Target=target, **(given | changes))


def test_the_schedules_of_the_stack_are_not_strays(shop: Shop) -> None:
    shop.stage.now += LATER
    assert find_strays(shop) == []


def test_a_schedule_that_the_stack_has_not_created_is_reported(shop: Shop) -> None:
    plant(shop, "shop-nightly.3")
    plant(shop, "evil", State="DISABLED")
    shop.stage.now += LATER
    stray, other = sorted(find_strays(shop), key=lambda stray: stray.schedule, reverse=True)
    assert (stray.kind, stray.job, stray.schedule) == ("declared", "stats", "shop-nightly.3")
    assert stray.what == "the stack has not created it, and it fires: rate(1 minute)"
    assert stray.remedy.endswith("aws scheduler delete-schedule --group-name shop --name shop-nightly.3")
    assert other.what == "the stack has not created it, and it is disabled"
    assert fix_all(shop) == ["left", "left"]


def test_a_missing_schedule_is_reported(shop: Shop) -> None:
    shop.scheduler.delete_schedule(GroupName=STACK, Name="shop-nightly.2")
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.job, stray.schedule) == ("declared", "nightly", "shop-nightly.2")
    assert stray.what == "the stack has created it, and it is missing: it was deleted by hand. Its job does not fire"
    assert fix_all(shop) == ["left"]


def test_a_schedule_of_a_deployment_in_progress_is_ignored(shop: Shop) -> None:
    plant(shop, "shop-nightly.3")  # the list of resources was read before
    shop.stack.schedules["shop-nightly.4"] = shop.clock()  # the list of schedules was read before
    assert find_strays(shop) == []


class Stale:
    """Scheduler that does not show new schedules, like the switch stale_schedules."""

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
                yield {"Schedules": [schedule for schedule in page["Schedules"] if not self._is_new(schedule)]}

        return type("Pages", (), {"paginate": staticmethod(paginate)})


def test_a11_8_new_schedules_that_lists_do_not_show_are_ignored(shop: Shop) -> None:
    """Not documented: when ListSchedules and GetSchedule show a new schedule. Five minutes are allowed for it."""
    shop.deploy(lambda run: None, "cron(15 * * * ? *)", name="new")
    shop.once().schedule("stats", key="order-1", after=timedelta(hours=1))
    shop.scheduler = shop._clients["scheduler"] = Stale(shop, timedelta(minutes=4))
    for _ in range(6):
        assert find_strays(shop) == []
        shop.stage.now += 60_000
