"""Histories of keys that code has planned."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

from cronstack.declaration import When
from cronstack.occurrence import planned_id, print_time, to_milliseconds
from cronstack_infra import names
from cronstack_infra.ops.explaining.verdict import Cause
from tests.ops.explaining.planted import History, Planted
from tests.ops.explaining.world import World

HOUR: Final = timedelta(hours=1)
ONCE: Final = When("once()", "UTC")


def _plan(world: World, key: str = "order-4711", *, hours: int = 3) -> None:
    """Plan a key some hours from now, as application code does."""
    world.set(world.due().replace(minute=0))
    world.shop.once().schedule("stats", key=key, at=world.now + hours * HOUR)


def _deploy(world: World, **policies: Any) -> None:
    world.schedule = ONCE
    world.deploy(ONCE, **policies)


def event_of(world: World, key: str = "order-4711") -> dict[str, Any]:
    """Return the event of a key's schedule, which deletes itself as it fires."""
    group = names.once_group("shop")
    for name in world.shop.plans():
        got = world.shop.scheduler.get_schedule(GroupName=group, Name=name)
        event: dict[str, Any] = json.loads(got["Target"]["Input"])
        if event["key"] == key:
            world.shop.scheduler.delete_schedule(GroupName=group, Name=name)
            return event
    raise AssertionError(f"no schedule of {key}")


def ran_as_planned(world: World) -> Planted:
    planned(world)
    world.set(world.now + 3 * HOUR + world.some(0, 40))
    world.shop.invoke(event_of(world))
    return Planted(Cause.RAN_AS_PLANNED, None, "order-4711", planned_id("order-4711"))


def ran_as_planned_and_asked_by_its_time(world: World) -> Planted:
    planned(world)
    due = world.now + 3 * HOUR
    world.set(due + world.some(0, 40))
    world.shop.invoke(event_of(world))
    ask = f"{due:%Y-%m-%dT%H:%M}Z"
    return Planted(Cause.RAN_AS_PLANNED, ask, occurrence=planned_id("order-4711"), words=("order-4711",))


def planned(world: World) -> Planted:
    due = world.due()
    _deploy(world)
    world.due = lambda day=0: due  # type: ignore[method-assign]
    _plan(world)
    return Planted(Cause.PLANNED, None, "order-4711", words=("due in 3h", "its schedule comes"))


def moved(world: World) -> Planted:
    planned(world)
    world.shop.once().move("stats", key="order-4711", at=world.now + 5 * HOUR)
    return Planted(Cause.PLAN_MOVED, None, "order-4711", facts={"moves": 1}, words=("due in 5h",))


def cancelled(world: World) -> Planted:
    planned(world)
    world.shop.once().cancel("stats", "order-4711")
    return Planted(Cause.PLAN_CANCELLED, None, "order-4711")


def paused(world: World) -> Planted:
    planned(world)
    world.pause()
    return Planted(Cause.FUTURE_PAUSED, None, "order-4711", words=("cronstack resume stats",))


def overdue(world: World) -> Planted:
    planned(world)
    world.set(world.now + 3 * HOUR + world.some(600, 6000))
    return Planted(Cause.PLAN_OVERDUE, None, "order-4711", words=("cronstack strays",))


def due_now(world: World) -> Planted:
    planned(world)
    world.set(world.now + 3 * HOUR + world.some(10, 200))
    return Planted(Cause.DUE_NOW, None, "order-4711")


def undelivered(world: World) -> Planted:
    planned(world)
    event = event_of(world)
    world.set(world.now + 28 * HOUR)
    world.letter_of(event, "AccessDeniedException")
    return Planted(Cause.UNDELIVERED, None, "order-4711", words=("AccessDeniedException",))


def lost_its_schedule(world: World) -> Planted:
    planned(world)
    event_of(world)
    return Planted(Cause.STRAY, None, "order-4711", words=("cronstack strays --fix",))


def started(world: World) -> Planted:
    """Killed between the write of the plan and the write of its run."""
    planned(world)
    world.set(world.now + 3 * HOUR + world.some(0, 40))
    delivery = world.deliver(event_of(world))
    delivery.step()
    while not world.stage.plan("order-4711").get("begun"):
        delivery.step()
    return Planted(Cause.PLAN_STARTED, None, "order-4711")


def missed(world: World) -> Planted:
    planned(world)
    world.set(world.now + 3 * HOUR + timedelta(hours=25))
    world.shop.invoke(event_of(world))
    return Planted(Cause.MISSED, None, "order-4711")


def planned_again_after_a_miss(world: World) -> Planted:
    missed(world)
    world.shop.once().move("stats", key="order-4711", at=world.now + 2 * HOUR)
    return Planted(Cause.PLAN_MOVED, None, "order-4711", words=("due in 2h",))


def several_keys(world: World) -> Planted:
    planned(world)
    world.shop.once().schedule("stats", key="order-4712", at=world.now + 3 * HOUR)
    ask = print_time(to_milliseconds(world.now + 3 * HOUR))
    return Planted(Cause.SEVERAL, ask, words=("cronstack explain stats --key order-4712",))


def no_such_key(world: World) -> Planted:
    planned(world)
    return Planted(Cause.NO_ROW, None, "order-1")


def no_key_at_this_time(world: World) -> Planted:
    planned(world)
    return Planted(Cause.NO_SCHEDULE, print_time(to_milliseconds(world.now + HOUR)))


HISTORIES: tuple[History, ...] = (
    ran_as_planned,
    ran_as_planned_and_asked_by_its_time,
    planned,
    moved,
    cancelled,
    paused,
    overdue,
    due_now,
    undelivered,
    lost_its_schedule,
    started,
    missed,
    planned_again_after_a_miss,
    several_keys,
    no_such_key,
    no_key_at_this_time,
)
