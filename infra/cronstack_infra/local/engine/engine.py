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
    DuePoll,
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
    Report,
    ScheduleConfig,
    TargetError,
)
from cronstack_infra.switches.settings import Switches


@dataclass(frozen=True)
class DueGroup:
    """On the agenda: the deletion of a schedule group reaches its schedules."""

    arn: str


class Engine:
    """The engine's state. Inputs that depend on the time take ``now``; only ``step`` returns effects."""

    def __init__(self, switches: Switches | None = None) -> None:
        self.switches = switches or Switches()
        self._agenda = Agenda()
        self._schedules = Schedules(self._agenda, self.switches)
        self._invocations = Invocations(self._agenda, self.switches)
        self._sources = Sources(self._agenda, self.switches)

    def step(self, now: datetime) -> list[Effect | PollQueue | RunBatch | DeleteMessages]:
        """Return the effects that are due. Call it after inputs, and at ``next_due``."""
        for item in self._agenda.due(now):
            match item:
                case DueFiring():
                    self._schedules.due_firing(item, now)
                case DueDelivery():
                    self._schedules.due_delivery(item, now)
                case DueHeld():
                    self._schedules.due_held(item, now)
                case DueEvent():
                    self._invocations.due(item)
                case DueAge():
                    self._invocations.due_age(item, now)
                case DuePoll():
                    self._sources.due_poll(item)
                case DueBatch():
                    self._sources.due_batch(item)
                case DueGroup():
                    self._agenda.effects.append(DeleteGroup(item.arn))
        effects, self._agenda.effects = self._agenda.effects, []
        return effects

    def next_due(self) -> datetime | None:
        """Return the time of the next item on the agenda; None for an empty agenda."""
        return self._agenda.next_due()

    def has_effects(self) -> bool:
        """Return whether an input has added effects for the next step."""
        return bool(self._agenda.effects)

    def play(self, switches: Switches) -> None:
        """Play AWS by other switches from now on. The agenda stays as it is."""
        self.switches = switches
        for part in (self._schedules, self._invocations, self._sources):
            part.switches = switches
        self._invocations.try_all()

    # snapshots

    def state(self) -> dict[str, Any]:
        """Return all mutable state. The values are the engine's own, not copies."""
        return dict(vars(self))

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state`` returned, or a copy of it."""
        vars(self).update(state)

    # inputs: the clock

    def set_back(self, by: timedelta, now: datetime) -> None:
        """Handle a clock that was set back by ``by``, to ``now``.

        Waits of elapsed time, such as a retry after a minute, keep their length. Recurring schedules follow the clock,
        so an instant that has fired fires again; AWS also guarantees only at-least-once.
        """
        self._agenda.move(-by, lambda item: not isinstance(item, DueFiring))
        self._schedules.set_back(now)
        self._agenda.effects.append(Report("clock_set_back", {"seconds": round(by.total_seconds())}))

    # inputs: Scheduler

    def put_schedule(self, config: ScheduleConfig, now: datetime) -> None:
        """Handle a created or updated schedule. Raises ScheduleError for an invalid expression or time zone."""
        self._schedules.put(config, now)

    def delete_schedule(self, arn: str) -> None:
        self._schedules.delete(arn)

    def delete_group(self, arn: str, now: datetime) -> bool:
        """Handle a deleted schedule group. Return whether that takes time; then the effect ``DeleteGroup`` follows."""
        wait = self.switches.group_deletion
        if wait:
            self._agenda.add(now + timedelta(seconds=wait), DueGroup(arn))
        return wait > 0

    def pending_deliveries(self) -> tuple[PendingDelivery, ...]:
        """Return deliveries that wait for a retry, or for the quota of invocations."""
        return self._schedules.pending()

    def delivered(self, delivery: int) -> None:
        """Handle the outcome of ``Deliver``: the target accepted it."""
        self._schedules.delivered(delivery)

    def refused(self, delivery: int, refusal: TargetError, now: datetime) -> None:
        """Handle the outcome of ``Deliver``: the target's API refused it."""
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
        """Queue an asynchronous event that Lambda accepted (202)."""
        self._invocations.accept(request_id, function_arn, payload, now, counts or {})

    def finished(self, request_id: str, outcome: FunctionOutcome, rules: FunctionRules, now: datetime) -> None:
        """Handle the outcome of ``RunFunction``."""
        self._invocations.finished(request_id, outcome, rules, now)

    def started(self, request_id: str, now: datetime) -> None:
        """Note that ``RunFunction`` has got its sandbox."""
        self._invocations.started(request_id, now)

    def freed(self, now: datetime) -> None:
        """Use a free sandbox, which functions without reserved concurrency share, for a queued event."""
        self._invocations.freed(now)

    def waiting(self) -> int:
        """Return the number of asynchronous events that have not ended."""
        return self._invocations.waiting()

    def pending_events(self) -> tuple[PendingEvent, ...]:
        """Return the asynchronous events that have not ended."""
        return self._invocations.pending()

    # inputs: Lambda's event sources

    def put_source(self, config: SourceConfig) -> None:
        """Handle a created or updated event source mapping."""
        self._sources.put(config)

    def delete_source(self, uuid: str) -> None:
        self._sources.delete(uuid)

    def queue_changed(self, queue_arn: str) -> bool:
        """Handle a new or newly visible message of a queue. Return whether an event source polls the queue."""
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
        """Handle the outcome of ``PollQueue``."""
        self._sources.received(uuid, messages, now, visible_again=visible_again, next_visible=next_visible)

    def batch_ended(self, batch: int, outcome: FunctionOutcome, now: datetime) -> None:
        """Handle the outcome of ``RunBatch``."""
        self._sources.ended(batch, outcome, now)
