"""The engine's inputs, and ``step``, which returns the effects that are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cronstack_infra.local.engine.agenda import Agenda
from cronstack_infra.local.engine.invocations import DueAge, DueEvent, Invocations, PendingEvent
from cronstack_infra.local.engine.schedules import DueDelivery, DueFiring, DueHeld, PendingDelivery, Schedules
from cronstack_infra.local.engine.sources import (
    DeleteMessages,
    DueBatch,
    DueLook,
    PollQueue,
    Received,
    RunBatch,
    SourceConfig,
    Sources,
)
from cronstack_infra.local.engine.values import (
    DeleteGroup,
    Effect,
    FunctionOutcome,
    FunctionRules,
    Refusal,
    Report,
    ScheduleConfig,
)
from cronstack_infra.switches.settings import Switches


@dataclass(frozen=True)
class DueGroup:
    """On the agenda: the deletion of a schedule group has come to its schedules."""

    arn: str


class Engine:
    """State and time's effect on it. Every input is given ``now``; effects come out of ``step`` only."""

    def __init__(self, switches: Switches | None = None) -> None:
        self.switches = switches or Switches()
        self._agenda = Agenda()
        self._schedules = Schedules(self._agenda, self.switches)
        self._invocations = Invocations(self._agenda, self.switches)
        self._sources = Sources(self._agenda, self.switches)

    def step(self, now: datetime) -> list[Effect | PollQueue | RunBatch | DeleteMessages]:
        """What is to be done now. Call it after inputs, and when ``next_due`` has come."""
        for thing in self._agenda.due(now):
            match thing:
                case DueFiring():
                    self._schedules.due_firing(thing, now)
                case DueDelivery():
                    self._schedules.due_delivery(thing, now)
                case DueHeld():
                    self._schedules.due_held(thing, now)
                case DueEvent():
                    self._invocations.due(thing)
                case DueAge():
                    self._invocations.due_age(thing, now)
                case DueLook():
                    self._sources.due_look(thing)
                case DueBatch():
                    self._sources.due_batch(thing)
                case DueGroup():
                    self._agenda.effects.append(DeleteGroup(thing.arn))
        effects, self._agenda.effects = self._agenda.effects, []
        return effects

    def next_due(self) -> datetime | None:
        """When ``step`` has something to do by itself; None while nothing is planned."""
        return self._agenda.next_due()

    def has_effects(self) -> bool:
        """Whether an input has left something for the next step."""
        return bool(self._agenda.effects)

    def play(self, switches: Switches) -> None:
        """Play another reading of AWS from now on. What is on the agenda stays there."""
        self.switches = switches
        for part in (self._schedules, self._invocations, self._sources):
            part.switches = switches
        self._invocations.try_all()

    # snapshots

    def state(self) -> dict[str, Any]:
        """Return everything that changes. The values are the engine's own, not copies."""
        return dict(vars(self))

    def put_back(self, state: Mapping[str, Any]) -> None:
        """Take what ``state`` returned, or a copy of it."""
        vars(self).update(state)

    # inputs: the clock

    def set_back(self, by: timedelta, now: datetime) -> None:
        """The clock was set back by so much, to ``now``.

        Waits of elapsed time, such as a retry after a minute, last as long as before. Recurring schedules follow the
        clock, so an instant that has fired fires again; AWS promises at least once, too.
        """
        self._agenda.move(-by, lambda thing: not isinstance(thing, DueFiring))
        self._schedules.set_back(now)
        self._agenda.effects.append(Report("clock_set_back", {"seconds": round(by.total_seconds())}))

    # inputs: Scheduler

    def put_schedule(self, config: ScheduleConfig, now: datetime) -> None:
        """Created, or updated. Raises ScheduleError for an expression or zone that cannot be read."""
        self._schedules.put(config, now)

    def delete_schedule(self, arn: str) -> None:
        self._schedules.delete(arn)

    def delete_group(self, arn: str, now: datetime) -> bool:
        """A schedule group is deleted. Return whether that takes time: ``DeleteGroup`` then follows."""
        wait = self.switches.group_deletion
        if wait:
            self._agenda.note(now + timedelta(seconds=wait), DueGroup(arn))
        return wait > 0

    def pending_deliveries(self) -> tuple[PendingDelivery, ...]:
        """Deliveries that were refused and are tried again, or that wait for the quota of invocations."""
        return self._schedules.pending()

    def delivered(self, delivery: int) -> None:
        """Outcome of ``Deliver``: the target took it."""
        self._schedules.delivered(delivery)

    def refused(self, delivery: int, refusal: Refusal, now: datetime) -> None:
        """Outcome of ``Deliver``: the target's API refused it."""
        self._schedules.refused(delivery, refusal, now)

    # inputs: Lambda

    def accept(
        self,
        request_id: str,
        function_arn: str,
        payload: str,
        now: datetime,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """An asynchronous event was taken (202)."""
        self._invocations.accept(request_id, function_arn, payload, now, counts or {})

    def finished(self, request_id: str, outcome: FunctionOutcome, rules: FunctionRules, now: datetime) -> None:
        """Outcome of ``RunFunction``."""
        self._invocations.finished(request_id, outcome, rules, now)

    def started(self, request_id: str, now: datetime) -> None:
        """``RunFunction`` has its sandbox."""
        self._invocations.started(request_id, now)

    def freed(self, now: datetime) -> None:
        """A sandbox that functions without reserved concurrency share is free."""
        self._invocations.freed(now)

    def waiting(self) -> int:
        """Asynchronous events that have not ended."""
        return self._invocations.waiting()

    def pending_events(self) -> tuple[PendingEvent, ...]:
        """Asynchronous events that have not ended."""
        return self._invocations.pending()

    # inputs: Lambda's event sources

    def put_source(self, config: SourceConfig) -> None:
        """An event source mapping was created, or updated."""
        self._sources.put(config)

    def delete_source(self, uuid: str) -> None:
        self._sources.delete(uuid)

    def queue_changed(self, queue_arn: str) -> bool:
        """Somebody sent to a queue, or made a message visible; whether anything polls it."""
        return self._sources.changed(queue_arn)

    def received(
        self,
        uuid: str,
        messages: Sequence[Received],
        now: datetime,
        *,
        visible_again: datetime,
        next_visible: datetime | None,
    ) -> None:
        """Outcome of ``PollQueue``."""
        self._sources.received(uuid, messages, now, visible_again=visible_again, next_visible=next_visible)

    def batch_ended(self, batch: int, outcome: FunctionOutcome, now: datetime) -> None:
        """Outcome of ``RunBatch``."""
        self._sources.ended(batch, outcome, now)
