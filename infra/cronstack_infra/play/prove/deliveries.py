"""How an event reaches its function: by Lambda's asynchronous rules, and by carriers, which Scheduler brings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from cronstack.declaration import Job
from cronstack.event import parse_event
from cronstack.occurrence import to_milliseconds
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.records import Copies, shallow
from cronstack_infra.play.prove.sandbox import Sandbox
from cronstack_infra.play.prove.world import World

LAMBDA_RETRIES: Final = 2
"""Lambda's own limit; they serve for crashes and faults only."""
BACK_OFF: Final = (60_000, 120_000)
"""Milliseconds before Lambda's second and third delivery."""
PRECISION: Final = 60_000
"""Milliseconds within which Scheduler fires after the time it was given, and deletes what has fired."""
SHORTLY: Final = 2_000
"""Milliseconds before it fires within which a schedule may be deleted and fire all the same."""


@dataclass(slots=True, eq=False)
class Asked:
    """An event on its way."""

    event: dict[str, Any]
    occurrence: str
    due: int
    by_operator: bool = False
    redrive: int | None = None
    acts: bool = False
    """It redrives a death that was there when it was asked for."""
    carrier: bool = False
    """Scheduler brings it, because a delivery has asked for that."""
    delivered: int = 0
    name: str = ""
    """Of the carrier's schedule."""
    number: int = 0
    """Which one it is, where that is told apart."""
    refused: str = ""
    """What a letter says of it: "TooOld", "PayloadMismatch"."""
    at: int = 0
    """The time for which its schedule was made."""
    fires: int = 0
    """When Scheduler fires it."""
    to_slot: bool = False
    """It was made to bring its occurrence out of the slot."""
    gone: bool = False
    """Its schedule was deleted in time: it does not come."""

    def fork(self, copies: Copies) -> Asked:
        known = copies.get(id(self))
        if known is None:
            known = copies[id(self)] = shallow(self)
        assert isinstance(known, Asked)
        return known


def carried(parameters: Mapping[str, Any]) -> tuple[Asked, int]:
    """The event that a schedule brings, and when."""
    event = json.loads(parameters["Target"]["Input"])
    of = parse_event(event, event["job"])
    at = datetime.fromisoformat(parameters["ScheduleExpression"].removeprefix("at(").rstrip(")")).replace(tzinfo=UTC)
    name = str(parameters["Name"])
    due = to_milliseconds(at)
    asked = Asked(event, of.id, of.due, by_operator=of.by_operator, redrive=of.redrive, carrier=True, name=name, at=due)
    return asked, due


class Deliveries:
    """Of one function."""

    def __init__(self, world: World, observer: Observer, job: Job) -> None:
        self.world, self.observer, self._job = world, observer, job
        self.recorded: list[Asked] = []
        """Lambda's own failure records, among the dead letters."""
        self.sandboxes: list[Sandbox] = []
        self.standing: dict[str, Asked] = {}
        """Schedules that were made and are not gone yet, by name."""

    def accept(self, asked: Asked, delay: int = 0) -> None:
        """As Lambda does when it answers 202: from now on the event is not lost."""
        self.observer.run(asked.occurrence).asked.append(asked)
        self.world.later(delay, lambda: self._deliver(asked))

    def carry(self, parameters: Mapping[str, Any]) -> None:
        """A schedule was made: it fires at its time or up to a minute later, at least once, and deletes itself then."""
        world = self.world
        asked, due = carried(parameters)
        self.observer.made(asked)
        self.standing[asked.name] = asked

        def delete_itself() -> None:
            if self.standing.get(asked.name) is asked:
                del self.standing[asked.name], world.store.schedules[asked.name]

        def fire() -> None:
            if asked.gone:
                return
            self.accept(asked)
            world.later(world.chance.random() * PRECISION, delete_itself)
            if world.strikes("carrier twice"):
                twin = replace(asked, delivered=0)
                self.observer.run(asked.occurrence).carriers.add(twin)
                self.accept(twin, int(world.chance.random() * world.chance.choice((100, 5_000, PRECISION))))

        wait = max(0, due - world.now) + world.chance.choice((0, 1, int(world.chance.random() * PRECISION)))
        asked.fires = world.now + wait
        world.later(wait, fire)

    def withdraw(self, name: str) -> Asked | None:
        """A schedule was deleted, by name: what it would have brought, if that does not come any more."""
        asked, world = self.standing.pop(name), self.world
        if asked.fires <= world.now or (asked.fires - world.now < SHORTLY and world.chance.random() < 0.5):
            return None
        asked.gone = True
        self.observer.run(asked.occurrence).carriers.discard(asked)
        return asked

    def _deliver(self, asked: Asked) -> None:
        asked.delivered += 1
        sandbox = Sandbox(len(self.sandboxes) + 1, self.world, self, self._job, asked)
        for other in self.sandboxes:
            if not other.ended:
                sandbox.met = other.met = True
        self.sandboxes.append(sandbox)
        if self.world.trace is not None:
            redrive = f", redrives attempt {asked.redrive}" if asked.redrive is not None else ""
            by = f" by an operator{redrive}" if asked.by_operator else ""
            way = f" by carrier {asked.event['carrier']}" if "carrier" in asked.event else ""
            way += f" for revision {asked.event['revision']}" if "revision" in asked.event else ""
            self.world.say(sandbox.name, f"is given {asked.occurrence}{by}{way}, delivery {asked.delivered}")
        sandbox.begin()

    def ended(self, sandbox: Sandbox, *, failed: bool) -> None:
        """Lambda's view of it: what failed is delivered again."""
        asked, world = sandbox.asked, self.world
        if not failed:
            self.observer.discharged(asked)
            return
        if asked.delivered > LAMBDA_RETRIES:
            world.count("end", "Lambda's failure record")
            world.say("Lambda", f"gives {asked.occurrence} up: into the dead letters")
            self.observer.recorded(asked)
            self.recorded.append(asked)
            return
        pause = BACK_OFF[min(asked.delivered, 2) - 1]
        if world.mix.prompt:
            pause = int(world.chance.random() * 10_000)
        world.later(pause, lambda: self._deliver(asked))
