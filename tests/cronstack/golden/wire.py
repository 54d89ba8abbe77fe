"""What is on its way between services, made by the real code: events of every kind, dead letters, schedules, names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from cronstack.event import operator_event, parse_event, redrive_event
from cronstack.guard import carrier
from cronstack.guard.letters import letter_id
from cronstack.ledger import partitions
from cronstack.occurrence import payload_hash, planned_id, scheduled_id, trigger_id
from cronstack.onetime import schedules
from cronstack.settings import PLANS, once_variable
from cronstack_infra import names
from tests.cronstack.golden.rows import DAY, LATER, TRIGGER
from tests.cronstack.golden.world import INPUT, JOB, KEY, MINUTE, NOON, World, fail, fail_for_good, scheduled

Json = Mapping[str, Any]


# -- events ------------------------------------------------------------------------------------------------------------
def event_schedule() -> Json:
    """What Scheduler sends for a declared schedule."""
    return scheduled()


def event_plan() -> Json:
    """What the one-time schedule of a plan sends."""
    return _input(_planned())


def event_carrier_of_schedule() -> Json:
    """A retry of what a schedule asked for."""
    world = World()
    world.deliver(scheduled(), fail)
    return _input(world)


def event_carrier_of_slot() -> Json:
    """The next look of what waits in the slot; its number is that of a minute."""
    world = World(overlap="buffer_one")
    _meet(world, scheduled(LATER))
    return _input(world)


def event_carrier_of_plan() -> Json:
    """A retry of what code has planned."""
    world = _planned()
    world.now += 60 * MINUTE
    world.deliver(_input(world), fail)
    return _input(world)


def event_carrier_of_the_plan_that_overtook() -> Json:
    """The carrier that an overtaken event makes for the plan that has overtaken it."""
    world = _planned()
    event = _input(world)
    world.now += MINUTE
    world.once.move(JOB, KEY, after=timedelta(days=1))
    world.now = NOON + 60 * MINUTE
    world.deliver(event)
    return _input(world)


def event_carrier_of_operator() -> Json:
    """A retry of what an operator has triggered."""
    world = World()
    world.deliver(event_trigger(), fail)
    return _input(world)


def event_trigger() -> Json:
    """A trigger by an operator."""
    return operator_event(JOB, "trigger", due=NOON, requested=NOON, input=INPUT, occurrence=TRIGGER)


def event_trigger_while_paused() -> Json:
    """A trigger by an operator, although the job is paused."""
    return operator_event(JOB, "trigger", due=NOON, requested=NOON, input=INPUT, occurrence=TRIGGER, while_paused=True)


def event_backfill() -> Json:
    """A backfill by an operator."""
    return operator_event(JOB, "backfill", due=NOON, requested=NOON + DAY, input=INPUT)


def event_generation() -> Json:
    """A backfill of what has run already: a second generation."""
    return operator_event(JOB, "backfill", due=NOON, requested=NOON + DAY, input=INPUT, generation=2)


def event_redrive_of_schedule() -> Json:
    """A redrive of a dead run."""
    return _redriven(scheduled(), attempt=3)


def event_redrive_of_plan() -> Json:
    """A redrive of the dead run of a key."""
    return _redriven(event_plan(), attempt=3)


def event_redrive_of_trigger() -> Json:
    """A redrive of a dead run that an operator has triggered."""
    return _redriven(event_trigger(), attempt=3)


def event_redrive_of_generation() -> Json:
    """A redrive of a dead second generation: it keeps the time of its first request."""
    return _redriven(event_generation(), attempt=3)


def event_redrive_without_run() -> Json:
    """A redrive of what Lambda gave up before it had a run."""
    return _redriven(scheduled(), attempt=None)


# -- dead letters ------------------------------------------------------------------------------------------------------
def letter_exhausted() -> Json:
    """The letter of a run that has used up its attempts."""
    world = World(retries=0)
    world.deliver(scheduled(), fail)
    return _letter(world)


def letter_permanent() -> Json:
    """The letter of a run that no retry can help."""
    world = World()
    world.deliver(scheduled(), fail_for_good)
    return _letter(world)


def letter_of_key() -> Json:
    """The letter of a key's run."""
    world = _planned(retries=0)
    world.now += 60 * MINUTE
    world.deliver(_input(world), fail)
    return _letter(world)


def letter_refused() -> Json:
    """The letter of an event that is too old. The text of its message is no part of the format."""
    world = World()
    world.now += 20 * DAY
    world.deliver(scheduled())
    body = _letter(world)
    body["responsePayload"]["errorMessage"] = "…"
    return body


# -- schedules that the runtime and application code create ------------------------------------------------------------
def schedule_of_plan() -> Json:
    """CreateSchedule for a plan."""
    return _planned().transport.last("CreateSchedule")


def schedule_of_carrier() -> Json:
    """CreateSchedule for a carrier."""
    world = World()
    world.deliver(scheduled(), fail)
    return world.transport.last("CreateSchedule")


# -- names -------------------------------------------------------------------------------------------------------------
def names_of_occurrences() -> Json:
    """Ids of occurrences, and what is made of them. A change orphans every row, letter and idempotency key."""
    return {
        "scheduled": scheduled_id(NOON),
        "second generation": scheduled_id(NOON, 2),
        "trigger": trigger_id("01KDX4ZYZ7M9V1Y6C2H9W3K8QD"),
        "key": planned_id(KEY),
        "key beyond ASCII": planned_id("bestätigung ✓"),
        "hash of an input": payload_hash({"b": 1, "a": [True, None, "ä", 1.5]}),
        "letter": letter_id(JOB, scheduled_id(NOON), 3),
    }


def names_of_partitions() -> Json:
    """Keys of rows, and lists of the index."""
    key = planned_id(KEY)
    return {
        "lease": partitions.lease_key(JOB),
        "run of a schedule": partitions.run_key(JOB, scheduled_id(NOON)),
        "run of a key": partitions.run_key(JOB, key),
        "plan": partitions.plan_key(JOB, KEY),
        "open runs": list(partitions.open_lists(JOB, by_code=True)),
        "plans": list(partitions.plan_partitions(JOB)),
        "index": [partitions.INDEX, partitions.DUE],
        "table": [partitions.PK, partitions.SK, partitions.TTL],
    }


def names_of_schedules() -> Json:
    """Names in Scheduler, and of what schedules invoke. After a change, old schedules are not recognised."""
    slot = carrier.name(JOB, scheduled_id(NOON), "plain", carrier.SLOT, carrier.next_check(None, NOON, 60))
    return {
        "declared": names.schedule_name("shop", JOB, 1),
        "groups": [names.group_name("shop"), names.carriers_group("shop"), names.once_group("shop")],
        "function": names.function_name("shop", JOB),
        "alias of plans": PLANS,
        "wiring": [once_variable("daily-stats"), names.once_output("daily-stats")],
        "carriers of a job": carrier.prefix(JOB),
        "carrier": carrier.name(JOB, scheduled_id(NOON), "plain", "01KDX4ZYZ7M9V1Y6C2H9W3K8QD", 0),
        "carrier of an operator's event": carrier.name(JOB, scheduled_id(NOON), "operator", "01KDX4", 0),
        "carrier of a redrive": carrier.name(JOB, scheduled_id(NOON), "redrive of 3", "01KDX4", 1),
        "carrier of the slot": slot,
        "carrier of a plan that overtook": carrier.name(JOB, planned_id(KEY), f"plan {NOON}", "", 0),
        "plans of a job": schedules.prefix(JOB),
        "plan": schedules.name(JOB, KEY, NOON),
        "plan of a key beyond ASCII": schedules.name(JOB, "bestätigung ✓", NOON),
    }


def names_of_tokens() -> Json:
    """Client tokens of the requests of two deliveries, in order."""
    world = World()
    world.deliver(scheduled(), fail)
    world.now += 2 * MINUTE
    world.deliver(_input(world))
    return {
        "transactions": [
            call.parameters["ClientRequestToken"]
            for call in world.transport.calls
            if call.operation == "TransactWriteItems"
        ],
        "carriers": [
            call.parameters["ClientToken"] for call in world.transport.calls if call.operation == "CreateSchedule"
        ],
    }


WIRE: Final[dict[str, Callable[[], Json]]] = {
    make.__name__.replace("_", "/", 1): make
    for make in (
        *(event_schedule, event_plan, event_trigger, event_trigger_while_paused, event_backfill, event_generation),
        *(event_carrier_of_schedule, event_carrier_of_slot, event_carrier_of_plan, event_carrier_of_operator),
        *(event_carrier_of_the_plan_that_overtook, event_redrive_of_schedule, event_redrive_of_plan),
        *(event_redrive_of_trigger, event_redrive_of_generation, event_redrive_without_run),
        *(letter_exhausted, letter_permanent, letter_of_key, letter_refused),
        *(schedule_of_plan, schedule_of_carrier),
        *(names_of_occurrences, names_of_partitions, names_of_schedules, names_of_tokens),
    )
}


# -- parts of them -----------------------------------------------------------------------------------------------------
def _planned(**declared: Any) -> World:
    world = World(**declared)
    world.once.schedule(JOB, key=KEY, after=timedelta(hours=1), input=INPUT)
    return world


def _meet(world: World, event: Json) -> None:
    """Deliver an event at its time, while another occurrence runs."""

    def meet(run: object) -> None:
        world.now = LATER
        world.deliver(event)

    world.deliver(scheduled(), meet)


def _redriven(event: Json, *, attempt: int | None) -> Json:
    return redrive_event(parse_event(event, JOB), requested=NOON + 2 * DAY, attempt=attempt)


def _input(world: World) -> dict[str, Any]:
    """Return the event of the last schedule that was created."""
    event: dict[str, Any] = json.loads(world.transport.last("CreateSchedule")["Target"]["Input"])
    return event


def _letter(world: World) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(world.transport.last("SendMessage")["MessageBody"])
    return body
