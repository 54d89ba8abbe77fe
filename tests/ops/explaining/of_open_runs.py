"""Histories of occurrences that have a run, and have not succeeded."""

from __future__ import annotations

from datetime import timedelta

from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.explaining.verdict import Cause
from tests.cronstack.stage import error, scheduled_event
from tests.ops.explaining.of_runs import HOUR, MINUTE, PAUSED, fail, fail_for_good
from tests.ops.explaining.planted import History, Planted
from tests.ops.explaining.world import World, occurrence


def running(world: World) -> Planted:
    world.deploy()
    world.start(world.due())
    world.set(world.now + world.some(1, 50))
    return Planted(Cause.RUNNING, world.local(world.due()), facts={"attempt": 1})


def running_after_a_failure(world: World) -> Planted:
    world.deploy()
    world.work = [fail]
    world.fire(world.due())
    carrier = world.stage.carriers()[0]
    world.stage.fire(carrier)
    world.deliver(carrier.event).until("Work")
    return Planted(Cause.RUNNING_AFTER_FAILURE, world.local(world.due()), words=("ValueError: no supplier",))


def running_after_a_crash(world: World) -> Planted:
    world.deploy()
    world.start(world.due())
    world.start(world.due(), after=world.some(70, 110))
    return Planted(Cause.RUNNING_AFTER_CRASH, world.local(world.due()), facts={"attempt": 2})


def killed(world: World) -> Planted:
    world.deploy()
    world.start(world.due())
    world.set(world.now + world.some(75, 110))
    return Planted(Cause.LEASE_ENDED, world.local(world.due()))


def retrying(world: World) -> Planted:
    world.deploy()
    world.work = [fail]
    world.fire(world.due())
    world.set(world.now + world.some(1, 40))
    return Planted(Cause.RETRYING, world.local(world.due()), words=("attempt 2 of 3", "its carrier comes"))


def lost_its_carrier(world: World) -> Planted:
    world.deploy()
    world.work = [fail]
    world.fire(world.due())
    world.lose_carriers()
    world.set(world.now + world.some(800, 80_000))
    return Planted(Cause.STRAY, world.local(world.due()), words=("cronstack strays --fix",))


def waits_for_a_resume(world: World) -> Planted:
    """While a job is paused, the guard defers a retry again and again."""
    world.deploy()
    world.work = [fail]
    world.fire(world.due())
    world.pause()
    world.set(world.now + world.some(800, 80_000))
    return Planted(Cause.WAITS_FOR_RESUME, world.local(world.due()), words=("cronstack resume stats",))


def backfilled_as_planned(world: World) -> Planted:
    """The action has a plan: it runs the missing occurrence, and not the one that has run."""
    world.deploy()
    world.fire(world.due())
    world.set(world.due(2))
    first, second = (to_milliseconds(world.due(day)) // 1000 for day in (0, 1))
    span = {"from": world.due().isoformat(), "to": world.due(2).isoformat(), "aims": [[first, 0], [second, 1]]}
    world.record("backfill", span)
    world.by_operator("backfill", world.due(1), recorded=False)
    return Planted(Cause.RAN_BY_BACKFILL, world.local(world.due(1)), words=("the supplier was down",))


def ran_in_the_span_of_a_backfill(world: World) -> Planted:
    """Its retry started after the action, which has no aim for it."""
    world.deploy()
    world.work = [fail]
    world.fire(world.due())
    second = to_milliseconds(world.due()) // 1000
    span = {"from": world.due().isoformat(), "to": world.due(2).isoformat(), "aims": [[second, 0]]}
    world.record("backfill", span)
    world.sleep(10 * MINUTE)
    return Planted(Cause.RAN_AFTER_FAILURE, world.local(world.due()))


def crashed(world: World) -> Planted:
    """A killed run, found by the next occurrence, before Lambda delivers its event again."""
    world.deploy()
    first = world.due() - timedelta(minutes=2)
    world.start(first, event=scheduled_event(to_milliseconds(first)))
    world.fire(world.due())
    world.set(world.now + world.some(1, 100))
    return Planted(Cause.CRASHED, occurrence(first))


def waits_in_the_slot(world: World) -> Planted:
    world.deploy(overlap="buffer_one", timeout=900)
    first = world.due() - timedelta(minutes=5)
    world.start(first, event=scheduled_event(to_milliseconds(first)))
    world.fire(world.due())
    world.set(world.now + world.some(1, 50))
    return Planted(Cause.BUFFERED, world.local(world.due()), facts={"other": occurrence(first)})


def deferred(world: World) -> Planted:
    world.deploy()
    world.stage.fail("TransactWriteItems", *[error("InternalServerError", 500)] * 80)
    world.fire(world.due())
    return Planted(Cause.DEFERRED, world.local(world.due()), facts={"reason": "outage"})


def skipped_for_overlap(world: World) -> Planted:
    world.deploy(timeout=900)
    first = world.due() - timedelta(minutes=world.random.randint(1, 10))
    running = world.start(first, event=scheduled_event(to_milliseconds(first)))
    world.fire(world.due())
    running.finish()
    world.fire(world.due(1))
    command = f"cronstack explain stats {occurrence(first)}"
    return Planted(
        Cause.SKIPPED_OVERLAP, world.local(world.due()), facts={"other": occurrence(first)}, words=(command,)
    )


def skipped_for_a_full_slot(world: World) -> Planted:
    world.deploy(overlap="buffer_one", timeout=900)
    first, second = world.due() - timedelta(minutes=8), world.due() - timedelta(minutes=4)
    world.start(first, event=scheduled_event(to_milliseconds(first)))
    world.fire(second)
    world.fire(world.due())
    return Planted(Cause.SKIPPED_SLOT_FULL, world.local(world.due()), facts={"other": occurrence(first)})


def skipped_for_a_pause(world: World) -> Planted:
    world.deploy()
    world.set(world.due() - HOUR)
    world.record("pause", {})
    world.pause()
    due = to_milliseconds(world.due())
    world.set(world.due() + MINUTE)
    world.stage.change(
        f"run#{occurrence(world.due())}", status="skipped", reason="paused", due=due, ended=due + 900, holder="h", v=1
    )
    return Planted(Cause.SKIPPED_PAUSED, world.local(world.due()), words=PAUSED)


def missed(world: World) -> Planted:
    world.deploy(start_deadline=600)
    world.fire(world.due(), after=world.some(700, 20_000))
    return Planted(
        Cause.MISSED, world.local(world.due()), words=("could not start within 600 s", "dead-letters redrive --id")
    )


def dead(world: World) -> Planted:
    retries = world.random.randint(0, 2)
    world.deploy(retries=retries)
    world.work = [fail] * (retries + 1)
    world.fire(world.due())
    world.sleep(20 * MINUTE)
    words = ("ValueError: no supplier", "dead letter")
    return Planted(Cause.DEAD, world.local(world.due()), facts={"attempt": retries + 1}, words=words)


def dead_again(world: World) -> Planted:
    world.deploy(retries=0)
    world.work = [fail, fail]
    world.fire(world.due())
    world.set(world.now + HOUR)
    world.by_operator("redrive", world.due(), redrive=1)
    return Planted(Cause.DEAD, world.local(world.due()), facts={"attempt": 2}, words=("cronstack redrive",))


def dead_for_good(world: World) -> Planted:
    world.deploy()
    world.work = [fail_for_good]
    world.fire(world.due())
    return Planted(Cause.DEAD_PERMANENT, world.local(world.due()), words=("the account is closed",))


def dead_by_crashes(world: World) -> Planted:
    world.deploy(retries=0)
    world.start(world.due())
    world.sleep(timedelta(seconds=100))
    world.shop.invoke(scheduled_event(to_milliseconds(world.due())))
    world.sleep(timedelta(seconds=100))
    return Planted(Cause.DEAD_CRASHED, world.local(world.due()))


HISTORIES: tuple[History, ...] = (
    running,
    running_after_a_failure,
    running_after_a_crash,
    killed,
    retrying,
    lost_its_carrier,
    waits_for_a_resume,
    backfilled_as_planned,
    ran_in_the_span_of_a_backfill,
    crashed,
    waits_in_the_slot,
    deferred,
    skipped_for_overlap,
    skipped_for_a_full_slot,
    skipped_for_a_pause,
    missed,
    dead,
    dead_again,
    dead_for_good,
    dead_by_crashes,
)
