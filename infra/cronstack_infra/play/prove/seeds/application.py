"""Application code in a seed: it schedules some keys, then moves, cancels, replaces, repeats calls, and sweeps."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

from cronstack.occurrence import print_time
from cronstack.onetime.schedules import Order
from cronstack_infra.play.prove.models.planning import PlanningCall
from cronstack_infra.play.prove.models.world import World
from cronstack_infra.play.prove.seeds.deliveries import Deliveries
from cronstack_infra.play.prove.seeds.planner import Planner

Act = Literal["schedule", "again", "other", "replace", "move", "cancel"]
ACTS: Final[tuple[Act, ...]] = ("again", "other", "replace", "move", "move", "move", "cancel", "cancel")
ACTS_ON_MISSES: Final[tuple[Act, ...]] = ("again", "other", "replace", "replace", "move", "move", "cancel")
SECOND: Final = 1_000
DAY: Final = 86_400_000
FIRST_DUE: Final = (2_000, 5_000, 30_000, 90_000, 240_000)
FAR: Final = (20 * DAY, 45 * DAY, 60 * DAY)


class Application:
    """All planners of one world."""

    def __init__(self, world: World, deliveries: Deliveries) -> None:
        self.world, self.deliveries = world, deliveries
        self.planners: list[Planner] = []
        self._orders: dict[str, Order] = {}
        """The last order under each key."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._orders)

    def begin(self) -> None:
        """Draw the calls and their times: at any time, close to a due time, or together with another call."""
        world, chance = self.world, self.world.chance
        together = world.now + chance.choice(FIRST_DUE)
        for number in range(world.mix.keys):
            key = f"order-{number}"
            due = together if chance.random() < 0.5 else world.now + chance.choice(FIRST_DUE)
            if world.mix.far and chance.random() < 0.4:
                due = world.now + chance.choice(FAR)
            order = Order(key, due // SECOND * SECOND, print_time(due), {}, relative=chance.random() < 0.3)
            self._orders[key] = order
            at = int(chance.random() * SECOND)
            world.call_later(at, partial(self._call, PlanningCall("schedule", order)))
            for _ in range(chance.choice((1, 2, 3, 5))):
                kind, last = chance.random(), at
                if kind < 0.35:
                    at = last + int(chance.random() * 2 * world.mix.latency)
                elif kind < 0.7:
                    at = max(0, due - world.now + int((chance.random() * 2 - 1.5) * 2 * SECOND))
                else:
                    at = int(chance.random() * 400_000)
                world.call_later(at, partial(self._act, key, chance.choice(ACTS)))
            if world.mix.has("delivered late"):
                missed = due - world.now + world.mix.start_deadline * 1000 + 30_000
                for _ in range(chance.choice((1, 2, 4))):
                    world.call_later(
                        missed + chance.random() * 150_000, partial(self._act, key, chance.choice(ACTS_ON_MISSES))
                    )
        if chance.random() < 0.4:
            for _ in range(chance.choice((1, 2))):
                world.call_later(chance.random() * 1_000_000, self.sweep)
        if world.mix.far:
            world.call_later(DAY, self.sweep)
            for days in range(5, 110, 5):
                world.call_later(days * DAY, self._expire)

    def _act(self, key: str, act: Act) -> None:
        order, chance = self._orders[key], self.world.chance
        match act:
            case "again":
                self._call(PlanningCall("schedule", order, replace=chance.random() < 0.2))
            case "cancel":
                self._call(PlanningCall("cancel", order))
            case "move":
                self._call(PlanningCall("move", self._changed(order)))
            case _:
                changed = self._changed(order)._replace(input={"n": chance.choice((1, 2))})
                self._call(PlanningCall("schedule", changed, replace=act == "replace"))

    def _changed(self, order: Order) -> Order:
        """Return the order with another time: seconds from now, somewhat earlier or later, or in weeks."""
        chance, now = self.world.chance, self.world.now
        by = chance.choice((-90_000, -5_000, -1_000, 1_000, 5_000, 60_000, 5_000_000))
        due = now + chance.choice((1_000, 3_000, 9_000)) if chance.random() < 0.4 else order.due + by
        if self.world.mix.far and chance.random() < 0.4:
            due = now + chance.choice(FAR)
        due = -(-max(due, now) // SECOND) * SECOND
        self._orders[order.key] = changed = order._replace(due=due, asked=print_time(due))
        return changed

    def _call(self, call: PlanningCall, times: int = 0) -> None:
        def on_end(how: str) -> None:
            if times >= 3 or how not in ("killed", "unavailable", "cancelled") or self.world.chance.random() > 0.4:
                return
            again = PlanningCall("schedule", self._changed(call.order), replace=True) if how == "cancelled" else call
            pause = self.world.chance.random() * self.world.chance.choice((SECOND, 30 * SECOND))
            self.world.call_later(pause, lambda: self._call(again, times + 1))

        planner = Planner(len(self.planners) + 1, self.world, self.deliveries.observer, self.deliveries, call, on_end)
        self.planners.append(planner)
        planner.begin()

    def sweep(self) -> None:
        self._call(PlanningCall("sweep", keys=self.keys))

    def _expire(self) -> None:
        gone = self.world.store.expire(self.world.now // 1000)
        self.deliveries.observer.expired(gone)
        if gone:
            self.world.add_trace("DynamoDB", f"time is over for {[key[1] for key in gone]}")
