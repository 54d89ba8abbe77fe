"""Operators in a seed: they redrive, backfill, trigger and repeat, and sometimes delete the lease by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack.entropy import ulid
from cronstack.event import operator_event, parse_event, redrive_event
from cronstack.ledger import pause_requests
from cronstack.ledger.items import read_lease
from cronstack.ledger.rows import FAILED
from cronstack.occurrence import is_planned, scheduled_id, trigger_id, with_generation
from cronstack_infra.play.prove.log.log import plain
from cronstack_infra.play.prove.log.records import RunRecord
from cronstack_infra.play.prove.models.queued import QueuedEvent, read_text
from cronstack_infra.play.prove.models.switches import EARLIEST, LOSES_EVENTS
from cronstack_infra.play.prove.models.world import LEASE, RUNS_OF_KEYS, TABLE, World
from cronstack_infra.play.prove.seeds.deliveries import Deliveries

LISTED: Final = "listed"
"""The attribute by which the index finds open runs."""
WAITING: Final = ("retrying", "crashed", "buffered", "running")
LEFT_AFTER: Final = 600_000
"""Milliseconds after its time from which a run counts as left. (A copy of the value in ``ops.strays.runs``.)"""


class Operators:
    """All operators of one world. ``sent``: the events that the schedule has sent; the scenario adds to it."""

    def __init__(self, world: World, deliveries: Deliveries, name: str, sent: list[QueuedEvent]) -> None:
        self.world, self.deliveries, self.observer = world, deliveries, deliveries.observer
        self._name, self._sent = name, sent

    def begin(self, first_due: int) -> None:
        """Draw the acts and their times: from now on, or from the first due time on."""
        world = self.world
        if world.switch("group-deletion"):
            world.call_later(world.switch_chance.random() * EARLIEST, self._delete_groups)
        if (hour := world.switch("dynamodb-down")) is not None:
            world.call_later(world.switch_chance.random() * EARLIEST, lambda: self._begin_long_outage(int(hour)))
        if any(world.switch(name) for name in LOSES_EVENTS):
            world.call_later(EARLIEST + world.switch_chance.random() * 4 * EARLIEST, self.repair)
        span = world.mix.occurrences * world.mix.gap + 400_000
        begins = world.chance.choice((0, first_due - world.now))
        if world.mix.has("redrive") and world.mix.has("delivered late"):
            missed = begins + world.mix.start_deadline * 1000
            for _ in range(3):
                world.call_later(missed + world.chance.random() * 400_000, self._redrive_the_dead)
        for fault, act in (
            ("redrive", self._redrive_the_dead),
            ("redrive of nothing", self._redrive_nothing),
            ("backfill", self._backfill),
            ("trigger", self._trigger),
            ("new generation", self._repeat),
            ("lease deleted", self._delete_lease),
            ("outage", self._begin_outage),
        ):
            needs_firings = act in (self._redrive_nothing, self._backfill, self._repeat)
            if world.mix.has(fault) and (self._sent or not needs_firings):
                for _ in range(world.chance.choice((1, 1, 2, 3))):
                    early = act == self._delete_lease and world.chance.random() < 0.5  # while a handler runs
                    world.call_later(begins + world.chance.random() * (span - 390_000 if early else span), act)

        for begins_at, lasts in world.mix.pauses:
            pause = first_due - world.now + begins_at
            world.call_later(max(0, pause), self._pause)
            world.call_later(max(0, pause) + lasts, self.resume)

    def _pause(self) -> None:
        """Pause the job. Operators see no faults here: their commands repeat requests, and a pause counts when done."""
        if not self.world.faulty:
            return
        call = pause_requests.pause(TABLE, self._name, now=self.world.now, by="operator", reason="")
        if "Error" not in self.world.store(call.operation, call.parameters):
            self.world.count("fault", "paused")
            self.world.add_trace("operator", "pauses the job")
            self.observer.job_paused()
            for act in (self._trigger, self._redrive_the_dead, self._backfill):
                if self._sent and self.world.chance.random() < 0.2:
                    self.world.call_later(self.world.chance.random() * 60_000, act)

    def resume(self) -> None:
        """Resume the job if it is paused."""
        lease = read_lease(self.world.store.items.get(LEASE))
        call = pause_requests.resume(TABLE, self._name, paused=lease.paused)
        if lease.paused and "Error" not in self.world.store(call.operation, call.parameters):
            self.world.add_trace("operator", "resumes the job")
            self.observer.job_resumed()

    def _while_paused(self) -> bool:
        """Return whether an operator's event runs although the job is paused."""
        return bool(self.world.mix.pauses) and self.world.chance.random() < 0.4

    def repair(self) -> None:
        """Send the events of open runs that nothing brings again, as ``cronstack once strays`` does.

        Sweeps repair plans (see ``application``). At worst, an event that is still on its way becomes a duplicate.
        """
        for (partition, name), item in list(self.world.store.items.items()):
            if partition.startswith((LEASE[0], RUNS_OF_KEYS)) and name != LEASE[1] and LISTED in item:
                self._repair_run(name.removeprefix("run#"), plain(item))

    def _repair_run(self, occurrence: str, row: Mapping[str, Any]) -> None:
        """Repair an open run if it waits for an event, or if its attempt has died."""
        now, status = self.world.now, row["status"]
        waits = status in WAITING or (status in FAILED and "reported" not in row)
        if not waits or max(row.get(name, 0) for name in ("after", "ended", "expires", "due")) + LEFT_AFTER > now:
            return
        schedules = self.deliveries.pending_schedules.values()
        # Like ``strays``, which reads only the group of carriers: a plan's schedule does not bring a started run.
        if any(event.occurrence == occurrence and event.name.startswith("carrier.") for event in schedules):
            return
        event = read_text(row["event"]) if "event" in row else None
        self.world.count("repaired", status if event is not None else f"{status}, without its event")
        if event is not None:
            self.world.add_trace("operator", f"repairs {occurrence}, which is {status}")
            self.observer.run_repaired(occurrence)
            self.deliveries.accept(event)

    def redrive(self, event: QueuedEvent, attempt: int | None) -> None:
        """Redrive an event. ``attempt``: the dead attempt that the letter names; None: Lambda's own record."""
        self.world.count("fault", "redrive")
        occurrence = parse_event(event.body, self._name)
        body = redrive_event(occurrence, requested=self.world.now, attempt=attempt, while_paused=self._while_paused())
        again = QueuedEvent(body, occurrence.id, occurrence.due, by_operator=True, redrive=attempt)
        run = self.observer.log.run(occurrence.id)
        again.switches = tuple(switch for switch in event.switches if switch == "early")
        again.redrives_death = run.ended in FAILED and run.death[0] == attempt
        self.deliveries.accept(again, int(self.world.chance.random() * 1000))

    def _redrive_the_dead(self) -> None:
        for run in list(self.observer.log.runs.values()):
            if run.ended in FAILED and run.letters[run.death] and run.events:
                died = self._last_plan(run)
                self.redrive(died, run.death[0])
                if self.world.chance.random() < 0.3:
                    self.redrive(died, run.death[0])

    def _last_plan(self, run: RunRecord) -> QueuedEvent:
        """Return an event of the run. A planned run died by the plan that has started it."""
        if not is_planned(run.occurrence):
            return run.events[0]
        return next(event for event in run.events if self.observer.log.is_of_run(event))

    def _redrive_nothing(self) -> None:
        self.world.count("fault", "redrive of nothing")
        event = self.world.chance.choice(self._sent)
        self.redrive(event, self.world.chance.choice((0, 1, 1, 2, 7)))

    def _backfill(self) -> None:
        self.world.count("fault", "backfill")
        self._request("backfill", self.world.chance.choice(self._sent).due)

    def _repeat(self) -> None:
        self.world.count("fault", "new generation")
        self._request("backfill", self.world.chance.choice(self._sent).due, generation=2)

    def _trigger(self) -> None:
        self.world.count("fault", "trigger")
        occurrence = trigger_id(ulid(self.world.now, self.world.chance))
        self._request("trigger", self.world.now // 1000 * 1000, occurrence=occurrence)

    def _request(self, kind: Any, due: int, occurrence: str | None = None, generation: int = 1) -> None:
        body = operator_event(
            self._name,
            kind,
            due=due,
            requested=self.world.now,
            input={},
            occurrence=occurrence,
            generation=generation,
            while_paused=self._while_paused(),
        )
        name = occurrence or with_generation(scheduled_id(due), generation)
        self.deliveries.accept(QueuedEvent(body, name, due, by_operator=True))

    def _delete_lease(self) -> None:
        if self.world.faulty:
            self.world.count("fault", "lease deleted")
            self.world.add_trace("operator", "deletes the lease by hand")
            self.observer.lease_deleted()
            self.world.store.delete(LEASE)

    def _delete_groups(self) -> None:
        if self.world.faulty:
            self.world.add_trace("operator", "deletes the schedule groups")
            self.deliveries.delete_groups()

    def _begin_long_outage(self, lasts: int) -> None:
        self.world.add_trace("DynamoDB", "is down for a long time")
        self.world.long_outage, self.world.down_until = True, self.world.now + lasts

    def _begin_outage(self) -> None:
        self.world.count("fault", "outage")
        self.world.down_until = self.world.now + self.world.chance.choice(
            (5_000, 70_000, 250_000, 1_000_000, 4_000_000)
        )
