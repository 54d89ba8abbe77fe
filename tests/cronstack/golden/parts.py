"""Steps that the makers of golden rows share."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from cronstack.occurrence import scheduled_id
from cronstack.run import Run
from cronstack_infra.play.store.store import Item
from tests.cronstack.golden.world import INPUT, JOB, KEY, MINUTE, NOON, World, scheduled

LATER: Final = NOON + MINUTE


def in_handler(world: World, look: Callable[[Run], Item], event: dict[str, Any] | None = None) -> Item:
    """Deliver an event, and return what the handler looks up."""
    seen: list[Item] = []
    world.deliver(event or scheduled(), lambda run: seen.append(look(run)))
    (item,) = seen
    return item


def second(world: World, kind: str) -> Item:
    """Deliver the next occurrence a minute later. Return the lease, or its run."""
    world.now += MINUTE
    world.deliver(scheduled(LATER))
    return world.row(kind, scheduled_id(LATER) if kind == "run" else "")


def planned(**declared: Any) -> World:
    world = World(**declared)
    world.once.schedule(JOB, key=KEY, after=timedelta(hours=1), input=INPUT)
    return world


def fired(world: World) -> dict[str, Any]:
    """Return the plan's event, at its time."""
    world.now += 60 * MINUTE
    return carried(world)


def carried(world: World) -> dict[str, Any]:
    """Return the event of the last schedule that was created."""
    event: dict[str, Any] = json.loads(world.transport.last("CreateSchedule")["Target"]["Input"])
    return event
