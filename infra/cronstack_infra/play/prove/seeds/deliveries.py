"""How an event reaches its function: by Lambda's asynchronous rules, and by carriers, which Scheduler brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from cronstack.declaration import Job
from cronstack_infra.play.prove.log.records import Invoked
from cronstack_infra.play.prove.models.queued import BACK_OFF, LAMBDA_RETRIES, QueuedEvent, carried
from cronstack_infra.play.prove.models.world import World
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.seeds.sandbox import Sandbox

PRECISION: Final = 60_000
"""Milliseconds within which Scheduler fires after the time it was given, and deletes what has fired."""
DAY: Final = 86_400_000
EARLY: Final = 3_600_000
"""Milliseconds before its time at which a schedule that was edited by hand fires at most."""
DELAYED: Final = 0.3
"""Share of events that wait, in a seed with "async-delay"."""
SHORTLY: Final = 2_000
"""Milliseconds before it fires within which a schedule may be deleted and fire all the same."""


class Deliveries:
    """The queue of one function, and the schedules that bring events to it."""

    def __init__(self, world: World, observer: Observer, job: Job) -> None:
        self.world, self.observer, self._job = world, observer, job
        self.recorded: list[QueuedEvent] = []
        """Lambda's own failure records, among the dead letters."""
        self.sandboxes: list[Sandbox] = []
        self.standing: dict[str, QueuedEvent] = {}
        """Schedules that were made and are not gone yet, by name."""

    def accept(self, event: QueuedEvent, delay: int = 0) -> None:
        """Queue an event, as Lambda does when it answers 202: from now on the event is not lost."""
        self.observer.event_accepted(event)
        world = self.world
        longest = world.switch("async-delay") if world.faulty else None
        if longest is not None and world.aws.random() < DELAYED:
            delay += int(world.aws.random() * longest)
            event.switches += ("async-delay",)
        world.later(delay, lambda: self._deliver(event))

    def carry(self, parameters: Mapping[str, Any], *, unwritten: bool = False, doubtful: bool = False) -> None:
        """Fire a new schedule at its time or up to a minute later, at least once; then delete it."""
        world = self.world
        try:
            event, due = carried(parameters)
            if world.mix.intruder and due > world.now + (300 if world.mix.far else 30) * DAY:
                raise ValueError("no seed lasts as long")
        except ValueError:  # an intruder's garbage: Lambda refuses it, and Scheduler puts it among the dead letters
            world.later(PRECISION, lambda: world.store.schedules.pop(parameters["Name"], None))
            return
        past = due < world.now
        if past and world.scheduler.past_at == "ignored":
            world.say("Scheduler", f"never fires {event.name}: its time is past")
            world.never_fire |= {event.name}
            if not self.observer.log.is_over(self.observer.log.run(event.occurrence)):
                world.count("switch", "past-at=ignored")
            return
        if past:
            event.switches += ("past-at=fires",)
        event.unwritten, event.doubtful = unwritten, doubtful
        self.observer.carrier_made(event)
        self.standing[event.name] = event

        def delete_itself() -> None:
            if self.standing.get(event.name) is event:
                del self.standing[event.name], world.store.schedules[event.name]

        def fire() -> None:
            if event.gone:
                return
            if outage := world.scheduler.outage():
                delete_itself()
                self._lose(event, outage)
                return
            self.accept(event)
            world.later(world.chance.random() * PRECISION, delete_itself)
            if world.strikes("carrier twice"):
                twin = replace(event, delivered=0)
                self.observer.carrier_doubled(twin)
                self.accept(twin, int(world.chance.random() * world.chance.choice((100, 5_000, PRECISION))))

        wait = max(0, due - world.now) + world.chance.choice((0, 1, int(world.chance.random() * PRECISION)))
        # Nobody edits the schedule of a carrier by hand.
        earlier = world.scheduler.earlier() if event.alias else world.scheduler.earlier(PRECISION)
        if not past and earlier:
            wait = max(0, due - world.now - earlier)
            event.switches += ("early",)
        elif event.alias and world.strikes("delivered early"):
            most = world.chance.choice((8_000, 60_000, EARLY))
            wait = max(0, due - world.now - int(world.chance.random() * most))
        elif event.alias and world.strikes("delivered late"):
            wait += world.mix.start_deadline * 1000 + world.chance.choice((-500, 500, PRECISION))
        event.fires = world.now + wait
        world.later(wait, fire)

    def fire(self, event: QueuedEvent) -> None:
        """Fire a schedule of the template."""
        if outage := self.world.scheduler.outage():
            self._lose(event, outage)
        else:
            self.accept(event)

    def _lose(self, event: QueuedEvent, outage: str) -> None:
        """Scheduler cannot invoke the function. With role and queue it writes a letter; in any case it is done."""
        world, observer = self.world, self.observer
        world.say("Scheduler", f"cannot deliver {event.occurrence} {event.name}: {outage}")
        if not observer.log.is_over(observer.log.run(event.occurrence)):
            world.count("switch", outage)
        if outage == "missing-target":
            world.count("end", "Scheduler's failure record")
            observer.delivery_given_up(event)
            self.recorded.append(event)
        elif event.carrier:
            observer.carrier_lost(event)

    def delete_groups(self) -> None:
        """Delete the schedules of all groups, as the deletion of their groups does."""
        world = self.world
        for name, event in list(self.standing.items()):
            del self.standing[name]
            world.store.schedules.pop(name, None)
            if not event.gone and event.fires > world.now:
                event.gone = True
                world.count("switch", "group-deletion")
                self.observer.carrier_lost(event)
        world.store.schedules.clear()

    def withdraw(self, name: str) -> QueuedEvent | None:
        """Delete a schedule by name. Return its event if that does not come any more."""
        event, world = self.standing.pop(name, None), self.world
        if event is None:
            return None
        if event.fires <= world.now or (event.fires - world.now < SHORTLY and world.chance.random() < 0.5):
            return None
        event.gone = True
        self.observer.carrier_deleted(event)
        return event

    def _deliver(self, event: QueuedEvent) -> None:
        event.delivered += 1
        sandbox = Sandbox(len(self.sandboxes) + 1, self.world, self.observer, self, self._terms(event), event)
        for other in self.sandboxes:
            if not other.ended:
                sandbox.met = other.met = True
        self.sandboxes.append(sandbox)
        if self.world.trace is not None:
            redrive = f", redrives attempt {event.redrive}" if event.redrive is not None else ""
            by = f" by an operator{redrive}" if event.by_operator else ""
            way = f" by carrier {event.body['carrier']}" if "carrier" in event.body else ""
            way += f" for revision {event.body['revision']}" if "revision" in event.body else ""
            self.world.say(sandbox.name, f"is given {event.occurrence}{by}{way}, delivery {event.delivered}")
        sandbox.begin()

    def _terms(self, event: QueuedEvent) -> Job:
        """Return the job as it is deployed now, and count the switches that have changed this delivery."""
        world, log = self.world, self.observer.log
        run, job = log.run(event.occurrence), self._job
        if not log.is_over(run):
            for switch in event.switches if event.delivered == 1 else ():
                world.count("switch", switch)
        if world.scheduler.is_deployed:
            job = job._replace(timeout=max(3, job.timeout // 2))
            if run.claims and not log.is_over(run):
                world.count("switch", "deploy")
        return job

    def ended(self, invoked: Invoked, *, failed: bool) -> None:
        """End an invocation as Lambda sees it: deliver again what failed, up to its limit."""
        event, world = invoked.event, self.world
        if not failed:
            self.observer.delivery_done(event)
            return
        if event.delivered > LAMBDA_RETRIES:
            world.count("end", "Lambda's failure record")
            world.say("Lambda", f"gives {event.occurrence} up: into the dead letters")
            self.observer.delivery_given_up(event)
            self.recorded.append(event)
            return
        pause = BACK_OFF[min(event.delivered, 2) - 1]
        if world.mix.prompt:
            pause = int(world.chance.random() * 10_000)
        world.later(pause, lambda: self._deliver(event))
