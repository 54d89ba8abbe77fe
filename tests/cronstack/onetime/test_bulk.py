"""Many orders at once: those of one key are carried out one after another, in their order."""

from __future__ import annotations

from collections import defaultdict
from threading import Barrier, BrokenBarrierError
from typing import Any, cast

from cronstack.onetime.bulk import schedule_many
from cronstack.onetime.planner import Plan


class Meeting:
    """Its ``schedule`` takes the place of ``once.schedule``. Two calls of one key that are under way together meet."""

    def __init__(self) -> None:
        self.met: list[str] = []
        self.order: dict[str, list[int]] = defaultdict(list)
        self._doors: dict[str, Barrier] = defaultdict(lambda: Barrier(2, timeout=0.1))

    def schedule(self, *, key: str, after: int) -> Plan:
        try:
            self._doors[key].wait()
            self.met.append(key)
        except BrokenBarrierError:
            self._doors[key].reset()
        self.order[key].append(after)
        return cast(Plan, None)


def carry_out(orders: list[dict[str, Any]]) -> Meeting:
    once = Meeting()
    results = list(schedule_many(once.schedule, orders, concurrency=8, progress=None, defaults={}))
    assert len(results) == len(orders)
    return once


def test_orders_of_one_key_are_carried_out_in_their_order_and_never_together() -> None:
    once = carry_out([{"key": key, "after": number} for number, key in enumerate("aabaab")])
    assert once.met == []
    assert once.order == {"a": [0, 1, 3, 4], "b": [2, 5]}


def test_orders_without_a_key_that_can_be_compared_are_still_carried_out() -> None:
    results = list(schedule_many(Meeting().schedule, [{"key": ["x"]}, {}], concurrency=2, progress=None, defaults={}))
    assert all(result.fault is not None for result in results)
