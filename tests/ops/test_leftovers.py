"""Waiting work of jobs that may be removed: plans, runs that come back, and schedules without rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cronstack import clock, once
from cronstack_infra.ops.leftovers import JobLeftovers, find_leftovers_of
from tests.cronstack.stage import scheduled_event
from tests.ops.shop import Shop

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shop.stage.now = clock.now_ms() // 1000 * 1000
    shop.deploy(fail, schedule=once(), name="stats")
    return shop


def fail(run: Any) -> None:
    raise ValueError("not today")


def find(shop: Shop, *jobs: str) -> tuple[JobLeftovers, ...]:
    return find_leftovers_of(shop.clients, shop.deployment, jobs or ("stats", "other"), now=shop.stage.now)


def test_jobs_without_waiting_work_have_no_leftovers(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    shop.once().cancel("stats", "order-1")
    assert find(shop) == ()


def test_plans_and_their_schedules_are_counted(shop: Shop) -> None:
    for number in range(30):
        shop.once().schedule("stats", key=f"order-{number}", after=HOUR)
    (leftovers,) = find(shop)
    assert leftovers == JobLeftovers("stats", plans=30, runs=0, schedules=30, carriers=0)
    assert leftovers.lines() == ["30 planned occurrences"]


def test_a_job_needs_no_function_and_no_output(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    shop.outputs.clear()
    shop.functions.jobs.clear()
    assert [leftovers.plans for leftovers in find(shop)] == [1]


def test_runs_that_come_back_and_their_carriers_are_counted(shop: Shop) -> None:
    shop.invoke(scheduled_event(shop.stage.now))
    (leftovers,) = find(shop)
    assert leftovers == JobLeftovers("stats", plans=0, runs=1, schedules=0, carriers=1)
    assert leftovers.lines() == ["1 run to come back"]


def test_schedules_without_rows_are_counted(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    shop.stage.delete("plan#order-1")
    assert [leftovers.lines() for leftovers in find(shop)] == [["1 one-time schedule"]]


def test_plans_that_were_due_days_ago_are_counted_by_their_schedules(shop: Shop) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    shop.stage.now += 3 * 86_400_000
    assert find(shop) == (JobLeftovers("stats", plans=0, runs=0, schedules=1, carriers=0),)
