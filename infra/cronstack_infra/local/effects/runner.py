"""Carries out the engine's effects on moto, and reports the outcomes to the engine. The caller holds BACKENDS.

    requests ──▶ port ──▶ Engine ──step──▶ effects ──carry_out──▶ Deliveries, Invoker, Polls, destinations
                             ▲                                              │
                             └──────────── outcomes ◀───────────────────────┘

A drive (``engine.port.Drive``) has one runner and calls ``carry_out`` with each effect of ``Engine.step``.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import datetime
from typing import Final

from moto.logs.models import logs_backends
from moto.scheduler.models import scheduler_backends

from cronstack_infra.local.effects import destinations
from cronstack_infra.local.effects.cached_lookups import Lookups
from cronstack_infra.local.effects.deliveries import Deliveries
from cronstack_infra.local.effects.invoker import Invoker
from cronstack_infra.local.effects.source_polls import Polls
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.port import Drive
from cronstack_infra.local.engine.sources import DeleteMessages, PollQueue, RunBatch, SourceConfig
from cronstack_infra.local.engine.values import (
    DeleteGroup,
    DeleteSchedule,
    Deliver,
    Effect,
    Report,
    RunFunction,
    ScheduleConfig,
    SendRecord,
)
from cronstack_infra.local.executor.values import DeployedFunction, Invocation, InvocationOutcome
from cronstack_infra.local.lookups import groups, lineage
from cronstack_infra.switches.settings import Switches

_LONGEST_LOG_LINE: Final = 4096
_PLATFORM: Final = ("INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: ")

AnyEffect = Effect | PollQueue | RunBatch | DeleteMessages


class EffectRunner:
    """The effects of one engine. It is the ``EnginePort`` of the AWS APIs."""

    def __init__(self, engine: Engine, drive: Drive, lookups: Lookups, unique: Callable[[], str]) -> None:
        """unique: returns a new request id."""
        self._engine, self._drive, self._unique = engine, drive, unique
        self._invoker = Invoker(engine, drive, lookups, unique=unique, note=self.note)
        self._polls = Polls(engine, drive, self._invoker, unique)
        self._deliveries = Deliveries(engine, drive, lookups, accept=self.accept, note=self.note)

    def carry_out(self, effect: AnyEffect) -> None:
        match effect:
            case Deliver():
                self._deliveries.deliver(effect)
            case RunFunction():
                self._invoker.run(effect)
            case SendRecord():
                destinations.send(effect, self._drive, self.note, self._deliveries.new_since())
            case DeleteSchedule():
                self.safely(lambda: _delete(effect.arn))
            case DeleteGroup():
                self.safely(lambda: self._end_group(effect.arn))
            case PollQueue():
                self._polls.poll(effect)
            case RunBatch():
                self._polls.run(effect)
            case DeleteMessages():
                self._polls.delete(effect)
            case Report():
                self._drive.report(effect.event, **effect.fields)

    def safely(self, callback: Callable[[], None]) -> None:
        """Call ``callback``. Report its failure instead of raising, so that the next callback runs."""
        try:
            callback()
        except Exception as fault:  # of moto or of Cronstack
            self._drive.report("fault", error=f"{type(fault).__name__}: {fault}", where=traceback.format_exc(limit=-3))

    def is_busy(self) -> bool:
        """Return whether an invocation is under way."""
        return self._invoker.active.total() > 0

    def reset(self) -> None:
        """Drop the invocations under way."""
        self._invoker.reset()

    # the port of the AWS APIs

    @property
    def switches(self) -> Switches:
        return self._engine.switches

    def now(self) -> datetime:
        return self._drive.now()

    def put_schedule(self, config: ScheduleConfig) -> None:
        self._engine.put_schedule(config, self._drive.fires_from(config))
        self._drive.wake()

    def delete_schedule(self, arn: str) -> None:
        self._engine.delete_schedule(arn)

    def delete_group(self, arn: str) -> bool:
        takes_time = self._engine.delete_group(arn, self._drive.now())
        self._drive.wake()
        return takes_time

    def put_source(self, config: SourceConfig) -> None:
        self._engine.put_source(config)
        self._drive.wake()

    def delete_source(self, uuid: str) -> None:
        self._engine.delete_source(uuid)

    def queue_changed(self, arn: str) -> None:
        if self._engine.queue_changed(arn):
            self._drive.wake()

    def accept(self, function_arn: str, payload: str) -> str:
        request_id, counts = self._unique(), lineage.counts_sent()

        def put() -> None:
            self._engine.accept(request_id, function_arn, payload, self._drive.now(), counts)
            self._drive.wake()

        self._drive.enqueue(request_id, put)
        return request_id

    def invoke(
        self, function_arn: str, payload: str, client_context: str | None = None
    ) -> tuple[str, InvocationOutcome]:
        return self._invoker.invoke(function_arn, payload, client_context)

    def function_created(self) -> None:
        self._drive.expect()

    def function_deleted(self, arn: str, version: str | None) -> None:
        self._drive.retire(arn, version)

    def note(self, text: str) -> None:
        self._drive.soon(lambda: self._drive.report("note", text=text))

    def _end_group(self, arn: str) -> None:
        group = groups.being_deleted(arn)
        if group is None:  # CloudFormation has created it again
            return
        for schedule in group.schedules.values():
            self._engine.delete_schedule(schedule.arn)
        groups.forget(group)

    # reports of the drive about its invocations

    def started(self, invocation: Invocation) -> None:
        fields = {"function": invocation.function.name, "request_id": invocation.request_id}
        self._drive.report("started", **fields, attempt=invocation.attempt)

    def finished(self, invocation: Invocation, outcome: InvocationOutcome) -> None:
        self._invoker.ended(invocation, outcome)
        if not self._invoker.answered(invocation, outcome) and not self._polls.finished(invocation, outcome):
            self._invoker.event_ended(invocation, outcome)

    def log(self, function: DeployedFunction, log_stream: str, lines: list[str]) -> None:
        """Write lines to CloudWatch Logs, and report the handler's own lines."""
        backend = logs_backends[function.account][function.region]
        backend.ensure_log_group(function.log_group)
        backend.ensure_log_stream(function.log_group, log_stream)
        at = int(self._drive.now().timestamp() * 1000)
        backend.put_log_events(function.log_group, log_stream, [{"timestamp": at, "message": line} for line in lines])
        for line in lines:
            if not line.startswith(_PLATFORM):
                self._drive.report("log", function=function.name, line=line[:_LONGEST_LOG_LINE])


def _delete(schedule_arn: str) -> None:
    _, _, _, region, account, rest = schedule_arn.split(":", 5)
    _, group, name = rest.split("/", 2)
    scheduler_backends[account][region].delete_schedule(group, name)
