"""``strays --fix`` that is killed at any request and run again: each plan and each run starts once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from cronstack import clock, cron, once
from cronstack.occurrence import planned_id, scheduled_id
from cronstack_infra.names import once_group
from cronstack_infra.ops.deployment import Clients
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.strays.find import Strays
from tests.cronstack.stage import CARRIERS, scheduled_event
from tests.ops.killed import SHARES, kills
from tests.ops.shop import STACK, FixableHandler, Shop
from tests.ops.strays.finding import LATER

HOUR = timedelta(hours=1)


class Prepared:
    """A plan without its schedule, a schedule without a plan, and a failed run whose carrier is lost."""

    def __init__(self) -> None:
        self.handler = FixableHandler()
        self.due = ""

    def __call__(self, shop: Shop) -> None:
        handler = self.handler = FixableHandler()
        shop.stage.now = clock.now_ms() // 1000 * 1000  # moto uses the time of this machine for creation dates
        self.due = scheduled_id(shop.stage.now)
        schedules = [cron("0 * * * ? *", timezone="UTC"), once()]
        shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)", schedule=schedules, overlap="allow")
        plans = shop.once()
        plans.schedule("stats", key="lost", after=HOUR, input={})
        delete(shop, once_group(STACK), *shop.plans())
        plans.schedule("stats", key="left", after=HOUR, input={})
        shop.stage.delete("plan#left")
        handler.fixed = False
        shop.invoke(scheduled_event(shop.stage.now))
        listed = shop.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]
        delete(shop, CARRIERS, *(carrier["Name"] for carrier in listed))
        handler.fixed = True
        handler.ran.clear()
        shop.stage.now += LATER + 600_000

    @property
    def ran(self) -> Counter[str]:
        return Counter(name for name, _, _ in self.handler.ran)


def delete(shop: Shop, group: str, *names: str) -> None:
    for name in names:
        shop.scheduler.delete_schedule(GroupName=group, Name=name)


def strays_of(shop: Shop, clients: Clients) -> Strays:
    stage = shop.stage
    options: dict[str, Any] = {"now": lambda: stage.now, "monotonic": lambda: stage.now / 1000, "sleep": stage.sleep}
    plans = once_of(clients, shop.deployment, randomness=stage.randomness, **options)
    return Strays(clients, shop.deployment, plans, lambda: stage.now)


def fix(shop: Shop, clients: Clients) -> None:
    strays = strays_of(shop, clients)
    for stray in strays.find():
        strays.fix(stray)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_fix_that_is_killed_at_any_request_loses_and_doubles_nothing(share: int) -> None:
    prepared, where = Prepared(), ""
    for shop, where in kills(fix, prepared, share):
        fix(shop, shop.clients)
        assert strays_of(shop, shop.clients).find() == [], where
        assert prepared.ran == Counter([prepared.due]), where
        (name,) = shop.plans()  # that of "lost" was created, that of "left" was deleted
        event = json.loads(shop.scheduler.get_schedule(GroupName=once_group(STACK), Name=name)["Target"]["Input"])
        shop.stage.now += HOUR // timedelta(milliseconds=1)
        shop.invoke(event)
        assert prepared.ran == Counter([prepared.due, planned_id("lost")]), where
    assert where, "the command was killed at least once"
