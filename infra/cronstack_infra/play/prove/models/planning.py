"""Calls of application code that plan: the generators of ``cronstack.onetime.planner``, stopped before each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, assert_never

from cronstack import settings
from cronstack.ledger.listings import query_keys
from cronstack.ledger.partitions import plan_partition
from cronstack.onetime.planner import Plan
from cronstack.onetime.schedules import Order, Wiring
from cronstack.steps import Host, Steps
from cronstack_infra.play.prove.models.code import TODAY, Code
from cronstack_infra.play.prove.models.world import FUNCTION, TABLE

WIRING: Final = Wiring(
    "stats",
    TABLE,
    "shop-once",
    "arn:aws:iam::123456789012:role/once",
    f"{FUNCTION}:{settings.PLANS}",
    "arn:aws:sqs:us-east-1:123456789012:delivery",
)


class PlanningCall(NamedTuple):
    """One call of application code, with its arguments."""

    operation: Literal["schedule", "move", "cancel", "sweep"]
    order: Order = Order("", 0, "", {})
    """The order of the call. A move keeps the planned input."""
    replace: bool = False
    keys: tuple[str, ...] = ()
    """The keys of a sweep. It reads only their partitions: the others of the sixteen are empty."""


def steps(call: PlanningCall, host: Host, on_repair: Callable[[Plan], None], code: Code = TODAY) -> Steps[Plan | None]:
    """Run the call. ``on_repair`` is called with each plan that a sweep has repaired."""
    order, planner = call.order, code.planner
    match call.operation:
        case "schedule":
            plan: Plan = yield from planner.schedule(order, WIRING, host, replace=call.replace)
            return plan
        case "move":
            plan = yield from planner.move(WIRING, host, order.key, order.due, order.asked)
            return plan
        case "cancel":
            plan = yield from planner.cancel(WIRING, host, order.key)
            return plan
        case "sweep":
            for partition in sorted({plan_partition(WIRING.job, key) for key in call.keys}):
                start = None
                while True:
                    query = query_keys(WIRING.ledger, partition, start=start)
                    plans, start = yield from planner.page(host, query)
                    for plan in plans:
                        if planner.needs_sweep(plan, host.now()):
                            on_repair((yield from planner.restore(WIRING, host, plan)))
                    if start is None:
                        break
            return None
        case _:
            assert_never(call.operation)
