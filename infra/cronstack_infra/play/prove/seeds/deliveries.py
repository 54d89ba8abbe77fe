"""The delivery of events to the function: by Lambda's asynchronous queue, and by carriers of Scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from cronstack.declaration import Job
from cronstack_infra.play.prove.log.records import InvocationRecord
from cronstack_infra.play.prove.models.queued import BACK_OFF, LAMBDA_RETRIES, QueuedEvent, carrier_event
from cronstack_infra.play.prove.models.world import World
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.seeds.sandbox import SeededSandbox

PRECISION: Final = 60_000
"""Milliseconds after its time within which Scheduler fires a schedule, and deletes it after firing."""
DAY: Final = 86_400_000
EARLY: Final = 3_600_000
"""Most milliseconds before its time at which a schedule that was edited by hand fires."""
DELAYED: Final = 0.3
"""Share of events that wait, in a seed with "async-delay"."""
SHORTLY: Final = 2_000
"""Milliseconds before its firing within which a deleted schedule may still fire."""


class Deliveries:
    """The queue of one function, and the schedules that bring events to it."""

    def __init__(self, world: World, observer: Observer, job: Job) -> None:
        self.world, self.observer, self._job = world, observer, job
        self.recorded: list[QueuedEvent] = []
        """Lambda's own failure records, among the dead letters."""
        self.sandboxes: list[SeededSandbox] = []
        self.pending_schedules: dict[str, QueuedEvent] = {}
        """Events of existing schedules, by name."""

    def accept(self, event: QueuedEvent, delay: int = 0) -> None:
        """Queue an event, as Lambda does when it answers 202. From now on the event is not lost."""
        self.observer.event_accepted(event)
        world = self.world
        longest = world.switch("async-delay") if world.faulty else None
        if longest is not None and world.switch_chance.random() < DELAYED:
            delay += int(world.switch_chance.random() * longest)
            event.switches += ("async-delay",)
        world.call_later(delay, lambda: self._deliver(event))

    def add_schedule(
        self, parameters: Mapping[str, Any], *, not_in_ledger: bool = False, time_uncertain: bool = False
    ) -> None:
        """Add a schedule. It fires at its time or up to a minute later, at least once, and is then deleted."""
        world = self.world
        try:
            event, due = carrier_event(parameters)
            if world.mix.intruder and due > world.now + (300 if world.mix.far else 30) * DAY:
                raise ValueError("no seed lasts as long")
        except ValueError:  # from an intruder: Lambda refuses the input, and Scheduler sends it to the dead letters
            world.call_later(PRECISION, lambda: world.store.schedules.pop(parameters["Name"], None))
            return
        past = due < world.now
        if past and world.scheduler.past_at == "ignored":
            world.add_trace("Scheduler", f"never fires {event.name}: its time is past")
            world.never_fire |= {event.name}
            if not self.observer.log.is_final(self.observer.log.run(event.occurrence)):
                world.count("switch", "past-at=ignored")
            return
        if past:
            event.switches += ("past-at=fires",)
        event.not_in_ledger, event.time_uncertain = not_in_ledger, time_uncertain
        self.observer.carrier_made(event)
        self.pending_schedules[event.name] = event

        def delete_itself() -> None:
            if self.pending_schedules.get(event.name) is event:
                del self.pending_schedules[event.name], world.store.schedules[event.name]

        def fire() -> None:
            if event.deleted:
                return
            if outage := world.scheduler.outage():
                delete_itself()
                self._lose_event(event, outage)
                return
            self.accept(event)
            world.call_later(world.chance.random() * PRECISION, delete_itself)
            if world.strikes("carrier twice"):
                twin = replace(event, delivered=0)
                self.observer.carrier_doubled(twin)
                self.accept(twin, int(world.chance.random() * world.chance.choice((100, 5_000, PRECISION))))

        wait = max(0, due - world.now) + world.chance.choice((0, 1, int(world.chance.random() * PRECISION)))
        # The schedule of a carrier is never edited by hand, so its firing is early by at most the precision.
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
        world.call_later(wait, fire)

    def fire(self, event: QueuedEvent) -> None:
        """Fire a schedule of the template for an event."""
        if outage := self.world.scheduler.outage():
            self._lose_event(event, outage)
        else:
            self.accept(event)

    def _lose_event(self, event: QueuedEvent, outage: str) -> None:
        """End a firing that cannot reach the function. With role and queue, Scheduler sends a dead letter."""
        world, observer = self.world, self.observer
        world.add_trace("Scheduler", f"cannot deliver {event.occurrence} {event.name}: {outage}")
        if not observer.log.is_final(observer.log.run(event.occurrence)):
            world.count("switch", outage)
        if outage == "missing-target":
            world.count("end", "Scheduler's failure record")
            observer.delivery_given_up(event)
            self.recorded.append(event)
        elif event.carrier:
            observer.carrier_lost(event)

    def delete_groups(self) -> None:
        """Delete all schedules, as the deletion of their groups does."""
        world = self.world
        for name, event in list(self.pending_schedules.items()):
            del self.pending_schedules[name]
            world.store.schedules.pop(name, None)
            if not event.deleted and event.fires > world.now:
                event.deleted = True
                world.count("switch", "group-deletion")
                self.observer.carrier_lost(event)
        world.store.schedules.clear()

    def delete_schedule(self, name: str) -> QueuedEvent | None:
        """Delete a schedule by name. Return its event if the schedule will not fire."""
        event, world = self.pending_schedules.pop(name, None), self.world
        if event is None:
            return None
        if event.fires <= world.now or (event.fires - world.now < SHORTLY and world.chance.random() < 0.5):
            return None
        event.deleted = True
        self.observer.carrier_deleted(event)
        return event

    def _deliver(self, event: QueuedEvent) -> None:
        event.delivered += 1
        sandbox = SeededSandbox(
            len(self.sandboxes) + 1, self.world, self.observer, self, self._deployed_job(event), event
        )
        for other in self.sandboxes:
            if not other.ended:
                sandbox.overlapped = other.overlapped = True
        self.sandboxes.append(sandbox)
        if self.world.trace is not None:
            redrive = f", redrives attempt {event.redrive}" if event.redrive is not None else ""
            by = f" by an operator{redrive}" if event.by_operator else ""
            way = f" by carrier {event.body['carrier']}" if "carrier" in event.body else ""
            way += f" for revision {event.body['revision']}" if "revision" in event.body else ""
            self.world.add_trace(sandbox.name, f"gets {event.occurrence}{by}{way}, delivery {event.delivered}")
        sandbox.begin()

    def _deployed_job(self, event: QueuedEvent) -> Job:
        """Return the job as deployed now. Count the switches that have changed this delivery."""
        world, log = self.world, self.observer.log
        run, job = log.run(event.occurrence), self._job
        if not log.is_final(run):
            for switch in event.switches if event.delivered == 1 else ():
                world.count("switch", switch)
        if world.scheduler.is_deployed:
            job = job._replace(timeout=max(3, job.timeout // 2))
            if run.claims and not log.is_final(run):
                world.count("switch", "deploy")
        return job

    def ended(self, invocation: InvocationRecord, *, failed: bool) -> None:
        """End an invocation as Lambda sees it. Deliver a failed event again, up to the limit."""
        event, world = invocation.event, self.world
        if not failed:
            self.observer.delivery_done(event)
            return
        if event.delivered > LAMBDA_RETRIES:
            world.count("end", "Lambda's failure record")
            world.add_trace("Lambda", f"gives up {event.occurrence}, and sends it to the dead letters")
            self.observer.delivery_given_up(event)
            self.recorded.append(event)
            return
        pause = BACK_OFF[min(event.delivered, 2) - 1]
        if world.mix.fast_retries:
            pause = int(world.chance.random() * 10_000)
        world.call_later(pause, lambda: self._deliver(event))
