"""Histories of occurrences that have a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from cronstack.errors import PermanentError
from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.explaining.verdict import Cause
from tests.cronstack.stage import error, scheduled_event
from tests.ops.explaining.planted import History, Planted
from tests.ops.explaining.world import World, occurrence

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)


PAUSED: Final = ("cronstack resume stats", "backfill stats missing", "cronstack pause by", "the supplier was down")


def fail(run: Any) -> None:
    raise ValueError("no supplier")


def fail_for_good(run: Any) -> None:
    raise PermanentError("the account is closed")


def ran(world: World) -> Planted:
    world.deploy()
    world.earlier_days()
    world.fire(world.due(), after=world.some(1, 50))
    world.fire(world.due(1))
    return Planted(Cause.RAN, world.local(world.due()), occurrence=occurrence(world.due()))


def ran_within_its_window(world: World) -> Planted:
    due = world.due()
    world.schedule = world.schedule._replace(window=30)
    world.deploy()
    started = due + timedelta(minutes=world.random.randint(5, 29))
    world.fire(due, after=started - due)
    ask = f"{started:%Y-%m-%dT%H:%M}:00Z"
    return Planted(Cause.RAN, ask, occurrence=occurrence(due), words=("window 30 min",))


def ran_after_failure(world: World) -> Planted:
    world.deploy()
    world.earlier_days()
    world.work = [fail] * world.random.randint(1, 2)
    attempts = len(world.work) + 1
    world.fire(world.due())
    world.sleep(10 * MINUTE)
    return Planted(
        Cause.RAN_AFTER_FAILURE,
        world.local(world.due()),
        facts={"attempt": attempts},
        words=("ValueError: no supplier",),
    )


def ran_after_crash(world: World) -> Planted:
    world.deploy()
    world.start(world.due())
    world.sleep(world.some(70, 100))
    world.shop.invoke(scheduled_event(to_milliseconds(world.due())))  # Lambda delivers the event again
    return Planted(Cause.RAN_AFTER_CRASH, world.local(world.due()), facts={"attempt": 2, "killed": (1,)})


def ran_after_unknown_attempts(world: World) -> Planted:
    world.deploy()
    world.work = [fail]
    world.fire(world.due())
    world.sleep(10 * MINUTE)
    world.forget_logs()
    return Planted(Cause.RAN_AFTER_ATTEMPTS, world.local(world.due()), words=("was not read",))


def delivered_late(world: World) -> Planted:
    world.deploy()
    world.earlier_days()
    late = world.some(400, 3000)
    world.fire(world.due(), after=late)
    return Planted(Cause.RAN_LATE, world.local(world.due()), facts={"late": int(late.total_seconds())})


def late_for_an_outage(world: World) -> Planted:
    world.deploy()
    world.stage.fail("TransactWriteItems", *[error("InternalServerError", 500)] * 400)
    world.fire(world.due())
    world.sleep(20 * MINUTE)
    world.stage.faults.clear()
    world.sleep(30 * MINUTE)
    return Planted(Cause.RAN_LATE, world.local(world.due()), facts={"deferred": "outage"})


def ran_after_waiting(world: World) -> Planted:
    world.deploy(overlap="buffer_one", timeout=900)
    first = world.due() - timedelta(minutes=5)
    running = world.start(first, event=scheduled_event(to_milliseconds(first)))
    world.fire(world.due())
    world.set(world.now + world.some(60, 200))
    running.finish()
    world.sleep(5 * MINUTE)
    return Planted(Cause.RAN_AFTER_WAIT, world.local(world.due()), facts={"other": occurrence(first)})


def ran_by_hand(world: World) -> Planted:
    world.deploy()
    world.earlier_days()
    world.set(world.due() + world.some(3600, 7200))
    name = world.by_operator("trigger", world.now, now=True)
    return Planted(Cause.RAN_BY_TRIGGER, name, occurrence=name, words=("user/ada",))


def ran_by_hand_and_asked_by_its_time(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + world.some(3600, 7200))
    asked = world.now.replace(second=0, microsecond=0)
    name = world.by_operator("trigger", world.now, now=True)
    return Planted(Cause.RAN_BY_TRIGGER, f"{asked:%Y-%m-%dT%H:%M}Z", occurrence=name)


def triggered_for_a_past_time(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + world.some(8000, 80000))
    world.by_operator("trigger", world.due())
    return Planted(Cause.RAN_BY_TRIGGER, world.local(world.due()))


def backfilled(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + world.some(8000, 800_000))
    span = {"from": (world.due() - HOUR).isoformat(), "to": (world.due() + HOUR).isoformat()}
    world.record("backfill", span)
    world.by_operator("backfill", world.due(), recorded=False)
    return Planted(Cause.RAN_BY_BACKFILL, world.local(world.due()), words=("the supplier was down",))


def backfilled_again(world: World) -> Planted:
    world.deploy()
    world.fire(world.due())
    world.set(world.due() + world.some(8000, 800_000))
    generation = world.random.randint(2, 4)
    for number in range(2, generation + 1):
        world.by_operator("backfill", world.due(), generation=number)
    name = occurrence(world.due(), generation)
    ask = world.local(world.due()) if world.random.random() < 0.5 else name
    if ask == occurrence(world.due()):
        ask = name
    return Planted(Cause.RAN_BY_BACKFILL, ask, occurrence=name, facts={"generation": generation})


def redriven(world: World) -> Planted:
    world.deploy(retries=1)
    world.work = [fail, fail]
    world.fire(world.due())
    world.sleep(10 * MINUTE)
    world.set(world.now + world.some(3600, 80_000))
    world.by_operator("redrive", world.due(), redrive=2)
    return Planted(Cause.RAN_BY_REDRIVE, world.local(world.due()), facts={"attempt": 3})


def redriven_without_a_record(world: World) -> Planted:
    world.deploy(retries=1)
    world.work = [fail, fail]
    world.fire(world.due())
    world.sleep(10 * MINUTE)
    world.set(world.now + world.some(3600, 80_000))
    world.by_operator("redrive", world.due(), redrive=2, recorded=False)
    return Planted(Cause.RAN_BY_REDRIVE, world.local(world.due()))


def redriven_after_a_miss(world: World) -> Planted:
    world.deploy(start_deadline=600)
    world.fire(world.due(), after=world.some(700, 2000))
    world.set(world.now + world.some(3600, 80_000))
    world.by_operator("redrive", world.due(), redrive=0)
    return Planted(Cause.RAN_BY_REDRIVE, world.local(world.due()))


def started_by_an_operator_without_a_record(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + world.some(8000, 80_000))
    world.by_operator("trigger", world.due(), recorded=False)
    return Planted(Cause.RAN_BY_OPERATOR, world.local(world.due()))


HISTORIES: tuple[History, ...] = (
    ran,
    ran_within_its_window,
    ran_after_failure,
    ran_after_crash,
    ran_after_unknown_attempts,
    delivered_late,
    late_for_an_outage,
    ran_after_waiting,
    ran_by_hand,
    ran_by_hand_and_asked_by_its_time,
    triggered_for_a_past_time,
    backfilled,
    backfilled_again,
    redriven,
    redriven_without_a_record,
    redriven_after_a_miss,
    started_by_an_operator_without_a_record,
)
