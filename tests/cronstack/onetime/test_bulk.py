"""Many orders at once: orders of one key are carried out one after another, in their order."""

from __future__ import annotations

from collections import defaultdict
from threading import Barrier, BrokenBarrierError
from typing import Any, cast

from cronstack.onetime.bulk import schedule_many
from cronstack.onetime.planner import Plan


class OverlapDetector:
    """Replaces ``once.schedule``. ``overlaps`` lists the keys of calls that ran at the same time."""

    def __init__(self) -> None:
        self.overlaps: list[str] = []
        self.order: dict[str, list[int]] = defaultdict(list)
        self._barriers: dict[str, Barrier] = defaultdict(lambda: Barrier(2, timeout=0.1))

    def schedule(self, *, key: str, after: int) -> Plan:
        try:
            self._barriers[key].wait()
            self.overlaps.append(key)
        except BrokenBarrierError:
            self._barriers[key].reset()
        self.order[key].append(after)
        return cast(Plan, None)


def carry_out(orders: list[dict[str, Any]]) -> OverlapDetector:
    once = OverlapDetector()
    results = list(schedule_many(once.schedule, orders, concurrency=8, progress=None, defaults={}))
    assert len(results) == len(orders)
    return once


def test_orders_of_one_key_are_carried_out_in_their_order_and_never_together() -> None:
    once = carry_out([{"key": key, "after": number} for number, key in enumerate("aabaab")])
    assert once.overlaps == []
    assert once.order == {"a": [0, 1, 3, 4], "b": [2, 5]}


def test_orders_with_an_invalid_key_are_carried_out_and_fail() -> None:
    results = list(
        schedule_many(OverlapDetector().schedule, [{"key": ["x"]}, {}], concurrency=2, progress=None, defaults={})
    )
    assert all(result.fault is not None for result in results)
