"""The rows of a paused job, written by the real code."""

from __future__ import annotations

from cronstack.occurrence import scheduled_id
from cronstack.run import Run
from cronstack_infra.play.store.store import Item
from tests.cronstack.golden.parts import LATER, carried, fired, in_handler, planned, second
from tests.cronstack.golden.world import World, scheduled


def lease_paused() -> Item:
    """The lease of a job that was paused before its first run."""
    world = World()
    world.pause()
    return world.row("lease")


def lease_held_paused() -> Item:
    """A lease that is held while its job is paused."""
    world = World()

    def pause(run: Run) -> Item:
        world.pause()
        return world.row("lease")

    return in_handler(world, pause)


def run_skipped_while_paused() -> Item:
    """A run that was due while its job was paused."""
    world = World()
    world.pause()
    world.deliver(scheduled())
    return world.row("run")


def run_skipped_in_slot() -> Item:
    """A run that waited in the slot when its job was paused."""
    world = World(overlap="buffer_one")
    in_handler(world, lambda run: second(world, "run"))
    world.pause()
    world.deliver(carried(world))
    return world.row("run", scheduled_id(LATER))


def plan_skipped() -> Item:
    """A plan that was due while its job was paused."""
    world = planned()
    event = fired(world)
    world.pause()
    world.deliver(event)
    return world.row("plan")
