"""Histories of times without a run: nothing was due, nothing arrived, or it is still ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from cronstack.declaration import When, cron, rate
from cronstack.occurrence import print_time, to_milliseconds
from cronstack_infra.ops.explaining.verdict import Cause
from tests.cronstack.stage import scheduled_event
from tests.ops.explaining.planted import History, Planted
from tests.ops.explaining.world import World, occurrence

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
GAP: Final = "2026-03-29T02:30"
TWICE: Final = "2026-10-25T02:30"


def _utc(instant: datetime) -> str:
    return print_time(to_milliseconds(instant))


def ahead(world: World) -> Planted:
    world.deploy()
    world.set(world.due() - world.some(3600, 80_000))
    return Planted(Cause.FUTURE, world.local(world.due()), words=("It is due in",))


def ahead_but_paused(world: World) -> Planted:
    world.deploy()
    world.set(world.due() - world.some(3600, 80_000))
    world.pause()
    return Planted(Cause.FUTURE_PAUSED, world.local(world.due()), words=("cronstack resume stats", "user/ada"))


def ahead_but_disabled(world: World) -> Planted:
    world.deploy(enabled=False)
    world.set(world.due() - world.some(3600, 80_000))
    return Planted(Cause.FUTURE_DISABLED, world.local(world.due()))


def due_now(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + world.some(5, 250))
    return Planted(Cause.DUE_NOW, world.local(world.due()))


def never_arrived(world: World) -> Planted:
    world.deploy()
    world.earlier_days()
    world.fire(world.due(1))
    world.set(world.due(1) + world.some(60, 10_000))
    words = (f"cronstack trigger stats --at {_utc(world.due())} --wait",)
    return Planted(Cause.NEVER_ARRIVED, world.local(world.due()), occurrence=occurrence(world.due()), words=words)


def never_arrived_but_still_may(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + world.some(400, 3000))
    return Planted(Cause.NEVER_ARRIVED, world.local(world.due()), words=("It could still arrive until",))


def undelivered(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + world.some(3700, 100_000))
    world.fail_to_deliver(world.due())
    words = ("AccessDeniedException", "cronstack dead-letters redrive --id")
    return Planted(Cause.UNDELIVERED, world.local(world.due()), words=words)


def refused(world: World) -> Planted:
    """Its event came when it was too old to be decided."""
    world.deploy()
    world.fire(world.due(), after=timedelta(days=17) + world.some(0, 80_000))
    return Planted(Cause.REFUSED, world.local(world.due()), facts={"reason": "TooOld"})


def disabled(world: World) -> Planted:
    world.deploy(enabled=False)
    world.set(world.due() + world.some(3700, 100_000))
    return Planted(Cause.DISABLED, world.local(world.due()))


def changed_since(world: World) -> Planted:
    world.deploy(changed=world.due() + timedelta(hours=2))
    world.set(world.due() + timedelta(hours=3))
    return Planted(Cause.CHANGED_SINCE, world.local(world.due()), facts={"existed": True})


def created_since(world: World) -> Planted:
    due = world.due()
    world.created = due + timedelta(hours=2)
    world.deploy()
    world.set(due + timedelta(hours=3))
    return Planted(Cause.CHANGED_SINCE, world.local(due), facts={"existed": False})


def too_old(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + timedelta(days=36) + world.some(0, 1_000_000))
    return Planted(Cause.TOO_OLD, world.local(world.due()))


def too_old_trigger(world: World) -> Planted:
    world.deploy()
    world.set(world.due() + timedelta(days=40))
    return Planted(Cause.TOO_OLD, "m-01KGZ8B6E40000000000000000")


def not_due(world: World) -> Planted:
    world.deploy()
    world.earlier_days()
    world.set(world.due() + timedelta(hours=3))
    off = world.due() + timedelta(minutes=world.random.randint(1, 100))
    facts = {"before": world.due(), "next": world.due(1)}
    return Planted(Cause.NOT_DUE, _utc(off), facts=facts, words=("cronstack next stats",))


def before_its_start(world: World) -> Planted:
    due, start = world.due(), world.due() + timedelta(hours=5)
    world.schedule = world.schedule._replace(start=start)
    world.deploy()
    world.fire(due)
    return Planted(Cause.BEFORE_START, _utc(due), facts={"start": start, "before": None})


def after_its_end(world: World) -> Planted:
    due, end = world.due(), world.due() - timedelta(hours=5)
    world.schedule = world.schedule._replace(end=end)
    world.deploy()
    world.fire(due)
    return Planted(Cause.AFTER_END, _utc(due), facts={"end": end, "next": None})


def _at_half_past_two(world: World) -> None:
    world.zone, world.schedule = "Europe/Berlin", cron("30 2 * * ? *", timezone="Europe/Berlin")
    world.deploy()


def skipped_by_the_clocks(world: World) -> Planted:
    _at_half_past_two(world)
    world.set(datetime(2026, 3, 29, 12, tzinfo=UTC))
    facts = {"before": datetime(2026, 3, 28, 1, 30, tzinfo=UTC), "next": datetime(2026, 3, 30, 0, 30, tzinfo=UTC)}
    return Planted(Cause.CLOCKS_SKIP, GAP, facts=facts)


def first_pass(world: World) -> Planted:
    _at_half_past_two(world)
    due = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    world.fire(due)
    world.set(due + timedelta(hours=5))
    return Planted(Cause.RAN, TWICE, occurrence=occurrence(due))


def second_pass(world: World) -> Planted:
    _at_half_past_two(world)
    due = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    world.fire(due)
    world.set(due + timedelta(hours=5))
    return Planted(Cause.SECOND_PASS, f"{TWICE}:00+01:00", facts={"other": occurrence(due)})


def no_schedule(world: World) -> Planted:
    due = world.due()
    world.deploy(When("once()", "UTC"))
    world.set(due)
    return Planted(Cause.NO_SCHEDULE, _utc(due - DAY))


def a_rate(world: World) -> Planted:
    due = world.due()
    world.deploy(rate("1 hour"))
    for hour in (0, 1, 3):
        world.fire(due + timedelta(hours=hour))
    facts = {"run_before": due + timedelta(hours=1), "run_after": due + timedelta(hours=3), "missing": 1}
    return Planted(Cause.RATE, _utc(due + timedelta(hours=2)), facts=facts)


def ran_of_a_rate(world: World) -> Planted:
    due = world.due()
    world.deploy(rate("1 hour"))
    world.fire(due)
    return Planted(Cause.RAN, _utc(due), occurrence=occurrence(due))


def started_by_the_watchdog(world: World) -> Planted:
    world.deploy(on_missed="run")
    world.set(world.due() + world.some(4000, 9000))
    world.by_operator("backfill", world.due(), recorded=False)
    return Planted(Cause.RAN_BY_WATCHDOG, world.local(world.due()))


def removed(world: World) -> Planted:
    """The job has a run, and was then removed from the stack."""
    due = world.due()
    world.deploy()
    world.fire(due)
    world.remove()
    words = ("does not have the job stats now",)
    return Planted(Cause.RAN, _utc(due), occurrence=occurrence(due), words=words)


def an_event_of_an_earlier_deploy(world: World) -> Planted:
    """No deployed schedule is due at this time now, but its run decides."""
    world.deploy()
    odd = world.due() + timedelta(minutes=world.random.randint(1, 50))
    world.fire(odd, event=scheduled_event(to_milliseconds(odd)))
    return Planted(Cause.RAN, _utc(odd), occurrence=occurrence(odd))


HISTORIES: tuple[History, ...] = (
    ahead,
    ahead_but_paused,
    ahead_but_disabled,
    due_now,
    never_arrived,
    never_arrived_but_still_may,
    undelivered,
    refused,
    disabled,
    changed_since,
    created_since,
    too_old,
    too_old_trigger,
    not_due,
    before_its_start,
    after_its_end,
    skipped_by_the_clocks,
    first_pass,
    second_pass,
    no_schedule,
    a_rate,
    ran_of_a_rate,
    started_by_the_watchdog,
    removed,
    an_event_of_an_earlier_deploy,
)
