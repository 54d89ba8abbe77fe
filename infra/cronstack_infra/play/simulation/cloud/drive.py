"""The virtual drive: the engine with a clock that jumps. Its effects are carried out on moto in this process.

    advance(to):  run what is due now: the engine's effects, then timers (sleepers, time limits), until none is left
                  then jump to the next due time, and repeat until ``to``

The engine and the ``EffectRunner`` are those of the real-time drive; handlers run in greenlets (see ``handlers``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from moto.scheduler.models import scheduler_backends

from cronstack_infra.local.apis import rules, schedules
from cronstack_infra.local.effects.cached_lookups import Lookups
from cronstack_infra.local.effects.runner import EffectRunner
from cronstack_infra.local.engine.chance import chance
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.invocations import PendingEvent
from cronstack_infra.local.engine.port import InvocationAnswer
from cronstack_infra.local.engine.schedules import PendingDelivery
from cronstack_infra.local.engine.values import Deliver, ScheduleConfig, TargetError
from cronstack_infra.local.executor.values import DeployedFunction, Invocation, InvocationOutcome
from cronstack_infra.local.extras import universal_calls
from cronstack_infra.local.http import resource_answers
from cronstack_infra.play.simulation.clock.hub import Hub, microseconds, stamp
from cronstack_infra.play.simulation.handlers.code import ProcessGlobals
from cronstack_infra.play.simulation.handlers.executor import Handlers
from cronstack_infra.play.simulation.handlers.faults import LATEST, Faults
from cronstack_infra.play.simulation.handlers.strands import Strands

_MICROSECOND = timedelta(microseconds=1)


class VirtualDrive:
    """Advances the clock and carries out effects. Invocations report to it (``sandboxes.Listener``)."""

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
        """make_id: returns request ids. emit: called with each event. logs: whether to store logs of handlers."""
        self.hub, self._process_globals, self._strands, self._handlers = hub, process_globals, strands, handlers
        self._engine, self._lookups = engine, lookups
        self._faults, self._emit, self._keeps_logs = faults, emit, logs
        self.effects = EffectRunner(engine, self, lookups, make_id)
        self._deploying = False
        """True during a deployment. The engine's planned effects wait until it ends."""

    # time

    def advance(self, to: datetime, keep_going: Callable[[], bool] | None = None) -> None:
        """Play until a time. ``keep_going`` is called after each step; False ends it early."""
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
        """Carry out everything that is due at this instant."""
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

    # the interface for the effect runner (``local.engine.port.Drive``)

    def now(self) -> datetime:
        return self.hub.now

    def report(self, event: str, **fields: Any) -> None:
        self._emit({"event": event, "at": stamp(self.hub.us), **fields})

    def wake(self) -> None:
        """Do nothing: ``advance`` calls the engine after each step."""

    def soon(self, thing: Callable[[], None]) -> None:
        self.hub.call_soon(thing)

    def fires_from(self, config: ScheduleConfig) -> datetime:
        """Return the time from which a new schedule fires. For a cron it includes now, the start of a simulation."""
        rate = config.expression.startswith("rate(")
        return self.now() if rate else self.now() - _MICROSECOND

    def enqueue(self, request_id: str, put: Callable[[], None]) -> None:
        late = self._faults.rates.late
        seed = self._engine.switches.seed
        if late and chance(seed, "late", request_id) < late:
            wait = int(LATEST * 1_000_000 * chance(seed, "how late", request_id))
            self.report("late", request_id=request_id, seconds=wait / 1_000_000)
            self.hub.at(self.hub.us + wait, put)
        else:
            put()

    def execute(self, invocation: Invocation) -> None:
        self._handlers.submit(invocation, self)

    def wait(self, answer: InvocationAnswer) -> InvocationOutcome:
        """Suspend a calling handler; for the host, advance the clock until the outcome exists.

        A deployment invokes the functions of its custom resources. Its new schedules must not fire before it has
        ended, so only these functions continue, and the runs that are under way.
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
        assert answer.outcome is not None, "an invocation exceeded its time limit"
        return answer.outcome

    def expect(self) -> None:
        """Do nothing: handlers need no process."""

    def retire(self, arn: str, version: str | None) -> None:
        """Do nothing: a sandbox is chosen by its function, so that of a deleted function is never used again."""

    def call(self, deliver: Deliver, then: Callable[[TargetError | Exception | None], None]) -> None:
        then(universal_calls.call(deliver, None))

    # the interface for invocations (``sandboxes.Listener``)

    def started(self, invocation: Invocation) -> None:
        self.effects.started(invocation)

    def lines(self, function: DeployedFunction, log_stream: str, lines: list[str]) -> None:
        if self._keeps_logs:
            self.effects.log(function, log_stream, lines)

    def finished(self, invocation: Invocation, outcome: InvocationOutcome) -> None:
        self.effects.finished(invocation, outcome)

    # state

    def waiting(self) -> int:
        """Return the number of asynchronous events that have not ended."""
        return self._engine.waiting()

    def pending_events(self) -> tuple[PendingEvent, ...]:
        """Return the asynchronous events that have not ended."""
        return self._engine.pending_events()

    def pending_deliveries(self) -> tuple[PendingDelivery, ...]:
        """Return the refused deliveries that Scheduler tries again."""
        return self._engine.pending_deliveries()

    def recreate_schedules(self, rates_since: datetime) -> None:
        """Recreate every schedule now. A ``rate()`` then counts from ``rates_since``, as if it had fired then."""
        for config in (*_scheduled(), *map(rules.config_of, rules.all_scheduled())):
            self._engine.delete_schedule(config.arn)
            if rates_since < self.now() and config.expression.startswith("rate("):
                self._engine.put_schedule(replace(config, enabled=False), rates_since)
            self.effects.put_schedule(config)

    def state(self) -> dict[str, Any]:
        """Return all state that changes, for a snapshot. Call it only when nothing is under way."""
        return {"engine": self._engine.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self._engine.restore(state["engine"])
        self.effects.reset()
        self._lookups.forget()


def _scheduled() -> Iterator[ScheduleConfig]:
    for regions in scheduler_backends.values():
        for backend in regions.values():
            for group in backend.schedule_groups.values():
                yield from map(schedules.config_of, group.schedules.values())
