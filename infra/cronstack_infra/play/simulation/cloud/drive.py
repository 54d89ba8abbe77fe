"""The virtual drive: the engine by a clock that jumps, its effects carried out on moto in this process.

    advance(to):  what is due now? ── engine's effects, then timers (sleepers, time limits), until nothing is left
                  then jump to whatever is due next, and again, until ``to``

The engine and the ``EffectRunner`` are those of the real-time drive; handlers run in greenlets (see ``handlers``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from moto.scheduler.models import scheduler_backends

from cronstack_infra.local.apis import rules, schedules
from cronstack_infra.local.effects import universal_calls
from cronstack_infra.local.effects.kept_lookups import Lookups
from cronstack_infra.local.effects.runner import EffectRunner
from cronstack_infra.local.engine.chance import chance
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.invocations import PendingEvent
from cronstack_infra.local.engine.port import Answer
from cronstack_infra.local.engine.schedules import PendingDelivery
from cronstack_infra.local.engine.values import Deliver, Refusal, ScheduleConfig
from cronstack_infra.local.executor.values import Function, Invocation, Outcome
from cronstack_infra.local.http import resource_answers
from cronstack_infra.play.simulation.clock.hub import Hub, microseconds, stamp
from cronstack_infra.play.simulation.handlers.code import ProcessGlobals
from cronstack_infra.play.simulation.handlers.executor import Handlers
from cronstack_infra.play.simulation.handlers.faults import LATEST, Faults
from cronstack_infra.play.simulation.handlers.strands import Strands

_MICROSECOND = timedelta(microseconds=1)


class VirtualDrive:
    """Advances the clock, and carries effects out. Invocations report to it (``sandboxes.Listener``)."""

    def __init__(
        self,
        hub: Hub,
        process_globals: ProcessGlobals,
        strands: Strands,
        handlers: Handlers,
        engine: Engine,
        lookups: Lookups,
        *,
        faults: Faults,
        make_id: Callable[[], str],
        emit: Callable[[dict[str, Any]], None],
        logs: bool,
    ) -> None:
        """make_id: makes ids. emit: called with each event. logs: whether CloudWatch Logs keep what handlers write."""
        self.hub, self._process_globals, self._strands, self._handlers = hub, process_globals, strands, handlers
        self._engine, self._lookups = engine, lookups
        self._faults, self._emit, self._keeps_logs = faults, emit, logs
        self.effects = EffectRunner(engine, self, lookups, make_id)
        self._deploying = False
        """Whether a deployment is under way: what the engine has planned happens after it."""

    # time

    def advance(self, to: datetime, keep_going: Callable[[], bool] | None = None) -> None:
        """Play until a time. ``look`` is asked after each step; False ends it early."""
        hub, until = self.hub, microseconds(to)
        try:
            with hub.advancing(until, self._busy_before):
                while True:
                    self._settle()
                    if keep_going is not None and not keep_going():
                        return
                    due = self._next_due()
                    if due is None or due > until:
                        break
                    hub.move(due)
                hub.move(until)
        finally:
            self._process_globals.switch_to(None)

    def _settle(self) -> None:
        """Everything that is due at this instant."""
        engine, hub = self._engine, self.hub
        while True:
            effects = [] if self._deploying else engine.step(hub.now)
            for effect in effects:
                self.effects.carry_out(effect)
            if not hub.run_next() and not effects and not self._is_due():
                return

    def _next_due(self) -> int | None:
        planned = None if self._deploying else self._engine.next_due()
        times = [microseconds(planned)] if planned is not None else []
        timer = self.hub.next_due()
        if timer is not None:
            times.append(timer)
        return min(times, default=None)

    def _is_due(self) -> bool:
        due = self._next_due()
        return due is not None and due <= self.hub.us

    def _busy_before(self, us: int) -> bool:
        if self._deploying:
            return False
        if self._engine.has_effects():
            return True
        planned = self._engine.next_due()
        return planned is not None and microseconds(planned) <= us

    # what carrying out effects needs (``local.engine.port.Drive``)

    def now(self) -> datetime:
        return self.hub.now

    def say(self, event: str, **fields: Any) -> None:
        self._emit({"event": event, "at": stamp(self.hub.us), **fields})

    def wake(self) -> None:
        """Nothing to do: ``advance`` asks the engine after each step."""

    def soon(self, thing: Callable[[], None]) -> None:
        self.hub.call_soon(thing)

    def beginning_of(self, config: ScheduleConfig) -> datetime:
        """A schedule that is deployed exactly at one of its instants fires then: a simulation begins there."""
        rate = config.expression.startswith("rate(")
        return self.now() if rate else self.now() - _MICROSECOND

    def enqueue(self, request_id: str, put: Callable[[], None]) -> None:
        late = self._faults.rates.late
        seed = self._engine.switches.seed
        if late and chance(seed, "late", request_id) < late:
            wait = int(LATEST * 1_000_000 * chance(seed, "how late", request_id))
            self.say("late", request_id=request_id, seconds=wait / 1_000_000)
            self.hub.at(self.hub.us + wait, put)
        else:
            put()

    def execute(self, invocation: Invocation) -> None:
        self._handlers.submit(invocation, self)

    def wait(self, answer: Answer) -> Outcome:
        """In a handler, suspend it. On the host, let the clock go on until the outcome is there.

        A deployment invokes the functions of its custom resources. Schedules that it has made must not fire before it
        has ended, so only these functions go on, and the runs that are under way.
        """
        if self._strands.calling_attempt() is None:
            longest = self.now() + timedelta(seconds=answer.invocation.function.timeout + 1)
            before, self._deploying = self._deploying, self._deploying or resource_answers.is_asked()
            try:
                self.advance(longest, lambda: answer.outcome is None)
            finally:
                self._deploying = before
        else:
            waker = self._strands.waker()
            answer.on_end = lambda: self.hub.call_soon(waker)
            self._strands.wait()
        assert answer.outcome is not None, "an invocation outlived its time limit"
        return answer.outcome

    def expect(self) -> None:
        """Nothing to do: handlers need no process."""

    def retire(self, arn: str, version: str | None) -> None:
        """Nothing to do: a sandbox is chosen by its function, so one without a function is never chosen again."""

    def call(self, deliver: Deliver, then: Callable[[Refusal | Exception | None], None]) -> None:
        then(universal_calls.call(deliver, None))

    # what invocations report

    def started(self, invocation: Invocation) -> None:
        self.effects.started(invocation)

    def lines(self, function: Function, log_stream: str, lines: list[str]) -> None:
        if self._keeps_logs:
            self.effects.log(function, log_stream, lines)

    def finished(self, invocation: Invocation, outcome: Outcome) -> None:
        self.effects.finished(invocation, outcome)

    # other states

    def waiting(self) -> int:
        """Asynchronous events that have not ended."""
        return self._engine.waiting()

    def pending_events(self) -> tuple[PendingEvent, ...]:
        """Asynchronous events that have not ended."""
        return self._engine.pending_events()

    def pending_deliveries(self) -> tuple[PendingDelivery, ...]:
        """Refused deliveries that Scheduler tries again."""
        return self._engine.pending_deliveries()

    def recreate_schedules(self, rates_since: datetime) -> None:
        """Make every schedule anew, now; a ``rate()`` as though it had been made, and had fired, at that time."""
        for config in (*_scheduled(), *map(rules.config_of, rules.all_scheduled())):
            self._engine.delete_schedule(config.arn)
            if rates_since < self.now() and config.expression.startswith("rate("):
                self._engine.put_schedule(replace(config, enabled=False), rates_since)
            self.effects.put_schedule(config)

    def state(self) -> dict[str, Any]:
        """All that changes, for a snapshot; only when nothing is under way."""
        return {"engine": self._engine.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self._engine.put_back(state["engine"])
        self.effects.reset()
        self._lookups.forget()


def _scheduled() -> Iterator[ScheduleConfig]:
    for regions in scheduler_backends.values():
        for backend in regions.values():
            for group in backend.schedule_groups.values():
                yield from map(schedules.config_of, group.schedules.values())
