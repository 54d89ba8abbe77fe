"""Every kind of row in every status, written by the real code: leases, runs of schedules, runs of keys, plans."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack.event import operator_event
from cronstack.occurrence import scheduled_id, trigger_id
from cronstack.run import Run
from cronstack_infra.play.store.store import Item
from tests.cronstack.golden.world import (
    INPUT,
    JOB,
    KEY,
    MINUTE,
    NOON,
    World,
    fail,
    fail_after_checkpoint,
    fail_for_good,
    scheduled,
)

DAY: Final = 86_400_000
LATER: Final = NOON + MINUTE
TRIGGER: Final = trigger_id("01KDX4ZYZ7M9V1Y6C2H9W3K8QD")


# -- leases ------------------------------------------------------------------------------------------------------------
def lease_free() -> Item:
    """A lease that was held and released."""
    world = World()
    world.deliver(scheduled())
    return world.row("lease")


def lease_held() -> Item:
    """A lease that is held."""
    world = World()
    return _in_handler(world, lambda run: world.row("lease"))


def lease_renewed() -> Item:
    """A lease that its holder has renewed."""
    world = World(lease=10)

    def renew(run: Run) -> Item:
        world.now += 3_000
        run.extend()
        return world.row("lease")

    return _in_handler(world, renew)


def lease_with_slot() -> Item:
    """A lease that is held while an occurrence waits in the slot."""
    world = World(overlap="buffer_one")
    return _in_handler(world, lambda run: _second(world, "lease"))


def lease_free_with_slot() -> Item:
    """A lease that is free while an occurrence waits in the slot."""
    world = World(overlap="buffer_one")
    _in_handler(world, lambda run: _second(world, "lease"))
    return world.row("lease")


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

    return _in_handler(world, pause)


# -- runs of schedules and operators -----------------------------------------------------------------------------------
def run_running() -> Item:
    """A run whose handler works."""
    world = World()
    return _in_handler(world, lambda run: world.row("run"))


def run_running_without_lease() -> Item:
    """A run of a job with overlap "allow"."""
    world = World(overlap="allow")
    return _in_handler(world, lambda run: world.row("run"))


def run_running_with_checkpoint() -> Item:
    """A run whose handler has kept two checkpoints."""
    world = World()

    def keep(run: Run) -> Item:
        run.checkpoint({"page": 3})
        run.checkpoint({"page": 4})
        return world.row("run")

    return _in_handler(world, keep)


def run_retrying() -> Item:
    """A run that waits for its second attempt."""
    world = World()
    world.deliver(scheduled(), fail)
    return world.row("run")


def run_retrying_with_checkpoint() -> Item:
    """A run that waits for its second attempt, and has a checkpoint for it."""
    world = World()
    world.deliver(scheduled(), fail_after_checkpoint)
    return world.row("run")


def run_crashed() -> Item:
    """A run whose holder died; the next occurrence has taken its lease over."""
    world = World()
    world.begin(scheduled())
    world.now += 5 * MINUTE
    world.deliver(scheduled(LATER))
    return world.row("run", scheduled_id(NOON))


def run_buffered() -> Item:
    """A run in the slot."""
    world = World(overlap="buffer_one")
    return _in_handler(world, lambda run: _second(world, "run"))


def run_succeeded() -> Item:
    """A run that succeeded."""
    world = World()
    world.deliver(scheduled())
    return world.row("run")


def run_succeeded_after_failure() -> Item:
    """A run that succeeded at its second attempt: error, checkpoint and event are gone."""
    world = World()
    world.deliver(scheduled(), fail)
    world.now += 2 * MINUTE
    world.deliver(_carried(world))
    return world.row("run")


def run_skipped() -> Item:
    """A run that met another one."""
    world = World()
    return _in_handler(world, lambda run: _second(world, "run"))


def run_skipped_while_paused() -> Item:
    """A run that was due while its job was paused."""
    world = World()
    world.pause()
    world.deliver(scheduled())
    return world.row("run")


def run_skipped_in_slot() -> Item:
    """A run that waited in the slot when its job was paused."""
    world = World(overlap="buffer_one")
    _in_handler(world, lambda run: _second(world, "run"))
    world.pause()
    world.deliver(_carried(world))
    return world.row("run", scheduled_id(LATER))


def run_missed() -> Item:
    """A run that came too late to start."""
    world = World()
    world.now += 2 * 60 * MINUTE
    world.deliver(scheduled())
    return world.row("run")


def run_missed_in_slot() -> Item:
    """A run that waited in the slot until it was too late to start."""
    world = World(overlap="buffer_one", start_deadline=120)

    def wait(run: Run) -> None:
        _second(world, "run")
        world.now += 10 * MINUTE
        world.deliver(_carried(world))

    world.deliver(scheduled(), wait)
    return world.row("run", scheduled_id(LATER))


def run_dead() -> Item:
    """A run that has used up its attempts; its letter is not sent yet."""
    world = World(retries=0)
    world.begin(scheduled(), until="SendMessage")
    return world.row("run")


def run_reported() -> Item:
    """A run that has used up its attempts, with its letter sent."""
    world = World(retries=0)
    world.deliver(scheduled(), fail)
    return world.row("run")


def run_dead_for_good() -> Item:
    """A run that no retry can help, with its letter sent."""
    world = World()
    world.deliver(scheduled(), fail_for_good)
    return world.row("run")


def run_redriven() -> Item:
    """A dead run that an operator redrives."""
    world = World(retries=0)
    world.deliver(scheduled(), fail)
    event = operator_event(JOB, "redrive", due=NOON, requested=world.now, input=INPUT, redrive=1)
    return _in_handler(world, lambda run: world.row("run"), event)


def run_triggered() -> Item:
    """A run that an operator has triggered."""
    world = World()
    event = operator_event(JOB, "trigger", due=NOON, requested=NOON, input=INPUT, occurrence=TRIGGER)
    world.deliver(event)
    return world.row("run")


def run_again() -> Item:
    """A second generation, by a backfill."""
    world = World()
    world.now += DAY
    world.deliver(operator_event(JOB, "backfill", due=NOON, requested=world.now, input=INPUT, generation=2))
    return world.row("run")


# -- runs of keys ------------------------------------------------------------------------------------------------------
def key_running() -> Item:
    """The run of a key, whose handler works."""
    world = _planned()
    return _in_handler(world, lambda run: world.row("run"), _fired(world))


def key_retrying() -> Item:
    """The run of a key that waits for its second attempt."""
    world = _planned()
    world.deliver(_fired(world), fail)
    return world.row("run")


def key_succeeded() -> Item:
    """The run of a key that succeeded."""
    world = _planned()
    world.deliver(_fired(world))
    return world.row("run")


def key_missed() -> Item:
    """The run of a key that came too late to start."""
    world = _planned()
    event = _fired(world)
    world.now += 2 * 60 * MINUTE
    world.deliver(event)
    return world.row("run")


def key_dead() -> Item:
    """The run of a key that has used up its attempts; its letter is not sent yet."""
    world = _planned(retries=0)
    world.begin(_fired(world), until="SendMessage")
    return world.row("run")


def key_reported() -> Item:
    """The run of a key that has used up its attempts, with its letter sent."""
    world = _planned(retries=0)
    world.deliver(_fired(world), fail)
    return world.row("run")


# -- plans -------------------------------------------------------------------------------------------------------------
def plan_planned() -> Item:
    """A plan that waits for its time."""
    return _planned().row("plan")


def plan_moved() -> Item:
    """A plan that was moved."""
    world = _planned()
    world.now += MINUTE
    world.once.move(JOB, KEY, at=datetime(2026, 1, 2, 9, tzinfo=UTC))
    return world.row("plan")


def plan_in_local_time() -> Item:
    """A plan that was asked for in local time."""
    world = World()
    world.once.schedule(JOB, key=KEY, at="2026-03-28T09:00", timezone="Europe/Berlin", input=INPUT)
    return world.row("plan")


def plan_cancelled() -> Item:
    """A plan that was cancelled."""
    world = _planned()
    world.once.cancel(JOB, KEY)
    return world.row("plan")


def plan_anew() -> Item:
    """A plan that was cancelled and planned anew."""
    world = _planned()
    world.once.cancel(JOB, KEY)
    world.now += MINUTE
    world.once.schedule(JOB, key=KEY, after=timedelta(minutes=5), input=INPUT, replace=True)
    return world.row("plan")


def plan_begun() -> Item:
    """A plan that a delivery has begun."""
    world = _planned()
    world.begin(_fired(world))
    return world.row("plan")


def plan_missed() -> Item:
    """A plan that came too late to start."""
    world = _planned()
    event = _fired(world)
    world.now += 2 * 60 * MINUTE
    world.deliver(event)
    return world.row("plan")


def plan_skipped() -> Item:
    """A plan that was due while its job was paused."""
    world = _planned()
    event = _fired(world)
    world.pause()
    world.deliver(event)
    return world.row("plan")


ROWS: Final[dict[str, Callable[[], Item]]] = {
    make.__name__.replace("_", "/", 1): make
    for make in (
        *(lease_free, lease_held, lease_renewed, lease_with_slot, lease_free_with_slot, lease_paused),
        lease_held_paused,
        *(run_running, run_running_without_lease, run_running_with_checkpoint, run_retrying),
        *(run_retrying_with_checkpoint, run_crashed, run_buffered, run_succeeded, run_succeeded_after_failure),
        *(
            run_skipped,
            run_skipped_while_paused,
            run_skipped_in_slot,
            run_missed,
            run_missed_in_slot,
            run_dead,
            run_reported,
            run_dead_for_good,
            run_redriven,
        ),
        *(run_triggered, run_again),
        *(key_running, key_retrying, key_succeeded, key_missed, key_dead, key_reported),
        *(
            plan_planned,
            plan_moved,
            plan_in_local_time,
            plan_cancelled,
            plan_anew,
            plan_begun,
            plan_missed,
            plan_skipped,
        ),
    )
}


# -- parts of them -----------------------------------------------------------------------------------------------------
def _in_handler(world: World, look: Callable[[Run], Item], event: dict[str, Any] | None = None) -> Item:
    """Deliver an event, and return what the handler looks up."""
    seen: list[Item] = []
    world.deliver(event or scheduled(), lambda run: seen.append(look(run)))
    (item,) = seen
    return item


def _second(world: World, kind: str) -> Item:
    """Deliver the next occurrence a minute later. Return the lease, or its run."""
    world.now += MINUTE
    world.deliver(scheduled(LATER))
    return world.row(kind, scheduled_id(LATER) if kind == "run" else "")


def _planned(**declared: Any) -> World:
    world = World(**declared)
    world.once.schedule(JOB, key=KEY, after=timedelta(hours=1), input=INPUT)
    return world


def _fired(world: World) -> dict[str, Any]:
    """Return the plan's event, at its time."""
    world.now += 60 * MINUTE
    return _carried(world)


def _carried(world: World) -> dict[str, Any]:
    """Return the event of the last schedule that was created."""
    event: dict[str, Any] = json.loads(world.transport.last("CreateSchedule")["Target"]["Input"])
    return event
