"""Each way to start a job refuses an input that the job would refuse, before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cronstack import once
from cronstack.errors import DeclarationError, EventError, OnceError, OperationError
from cronstack.run import Run
from cronstack_infra.discovery.validation import judge
from cronstack_infra.names import schedule_name
from cronstack_infra.ops.backfill import plan_backfill
from cronstack_infra.ops.trigger import trigger
from tests.cronstack.stage import job
from tests.cronstack.test_payload import REFUSED
from tests.ops.shop import STACK, Shop, utc

ULID = "01KDWABCDEFGHJKMNPQRSTVWXY"


def by_trigger(shop: Shop, input: Any) -> None:
    trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID, input=input)


def by_code(shop: Shop, input: Any) -> None:
    shop.once().schedule("stats", key="order-1", after=60, input=input)


def by_code_many(shop: Shop, input: Any) -> None:
    orders = [{"key": "order-1", "after": 60, "input": input}]
    for result in shop.once().schedule_many("stats", orders):
        if result.fault is not None:
            raise result.fault


def stats(run: Run) -> None:
    """A handler that can be declared."""


def by_declaration(shop: Shop, input: Any) -> None:
    _, faults = judge(job(stats, schedule=once(), input=input), "jobs/stats.py:1")
    for fault in faults:
        raise fault


WAYS: dict[str, Callable[[Shop, Any], None]] = {
    "cronstack trigger and cloud.fire": by_trigger,
    "once.schedule": by_code,
    "once.schedule_many": by_code_many,
    "@job(input=)": by_declaration,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_input_that_the_job_would_refuse_is_refused_before_it_is_sent(shop: Shop, way: str) -> None:
    shop.deploy(lambda run: run.input, schedule=once())
    for input, message in REFUSED.values():
        if input is not None:  # the default
            with pytest.raises((DeclarationError, EventError, OnceError), match=message):
                WAYS[way](shop, input)
    assert shop.functions.invoked == []
    assert shop.plans() == []
    assert shop.stage.letters() == []


def test_an_operator_gets_no_context_attributes_of_a_schedule_changed_in_the_console(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)")
    name = schedule_name(STACK, "stats", 1)
    deployed = shop.scheduler.get_schedule(Name=name, GroupName=STACK)
    event = json.loads(deployed["Target"]["Input"]) | {"input": {"try": "<aws.scheduler.attempt-number>"}}
    shop.scheduler.update_schedule(
        Name=name,
        GroupName=STACK,
        ScheduleExpression=deployed["ScheduleExpression"],
        FlexibleTimeWindow=deployed["FlexibleTimeWindow"],
        Target=deployed["Target"] | {"Input": json.dumps(event)},
    )
    with pytest.raises(OperationError, match=r"(?s)which only Scheduler can replace.*--input"):
        trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID)
    with pytest.raises(OperationError, match="which only Scheduler can replace"):
        plan_backfill(
            shop.clients, shop.deployment, "stats", first=utc(2025, 12, 25), last=utc(2025, 12, 26), now=shop.now
        )
    assert shop.functions.invoked == []
