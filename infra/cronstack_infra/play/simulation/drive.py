"""The virtual drive: the engine by a clock that jumps, its effects carried out on moto in this process.

    advance(to):  what is due now? ── engine's effects, then timers (sleepers, time limits), until nothing is left
                  then jump to whatever is due next, and again, until ``to``

The same engine and the same carrying out as the real-time drive's; handlers run in greenlets (see ``handlers``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.scheduler.models import scheduler_backends

from cronstack_infra.local import lambdas, lineage, rules, schedules, targets, universal
from cronstack_infra.local.carrying import OWN_FAULT, Carrying
from cronstack_infra.local.engine.chance import chance
from cronstack_infra.local.engine.invocations import PendingEvent
from cronstack_infra.local.engine.knobs import Knobs
from cronstack_infra.local.engine.schedules import PendingDelivery
from cronstack_infra.local.engine.values import Deliver, FunctionRules, ScheduleConfig
from cronstack_infra.local.executor.values import Function, Invocation, Outcome
from cronstack_infra.play.simulation.faults import LATEST, Faults
from cronstack_infra.play.simulation.handlers import Handlers
from cronstack_infra.play.simulation.hub import EPOCH, Hub, microseconds

_MOMENT = timedelta(microseconds=1)


class VirtualDrive(Carrying):
    """``emit`` is told what happens. ``handlers`` is set by who makes both."""

    handlers: Handlers

    def __init__(
        self,
        hub: Hub,
        emit: Callable[[dict[str, Any]], None],
        *,
        knobs: Knobs,
        faults: Faults,
        unique: Callable[[], str],
    ) -> None:
        super().__init__(knobs, unique)
        self.hub, self._faults, self._told = hub, faults, emit
        self._outcomes: dict[str, Outcome | None] = {}
        self._callers: dict[str, Callable[[], None]] = {}
        self._functions: dict[str, tuple[Function, int | None]] = {}
        self._rules_of: dict[str, FunctionRules] = {}
        self._allowed: dict[tuple[str, str, str], str] = {}
        """Qualified ARN of the function, by schedule group, target and role."""
        hub.busy_before = self._busy_before

    def now(self) -> datetime:
        return self.hub.now

    # time

    def advance(self, to: datetime, look: Callable[[], bool] | None = None) -> None:
        """Play until a time. ``look`` is asked after each step; False ends it early."""
        hub, until = self.hub, microseconds(to)
        limit, hub.limit = hub.limit, max(until, hub.us)
        try:
            while True:
                self._settle()
                if look is not None and not look():
                    return
                due = self._next_due()
                if due is None or due > until:
                    break
                hub.move(due)
            hub.move(until)
        finally:
            hub.limit = limit

    def _settle(self) -> None:
        """Everything that is due at this instant."""
        engine, hub = self._engine, self.hub
        while True:
            effects = engine.step(hub.now)
            for effect in effects:
                self._carry_out(effect)
            if not hub.fire() and not effects and not self._is_due():
                return

    def _next_due(self) -> int | None:
        planned = self._engine.next_due()
        times = [microseconds(planned)] if planned is not None else []
        timer = self.hub.next_due()
        if timer is not None:
            times.append(timer)
        return min(times, default=None)

    def _is_due(self) -> bool:
        due = self._next_due()
        return due is not None and due <= self.hub.us

    def _busy_before(self, us: int) -> bool:
        if self._engine.has_effects():
            return True
        planned = self._engine.next_due()
        return planned is not None and microseconds(planned) <= us

    # what carrying out comes to here

    def put_schedule(self, config: ScheduleConfig) -> None:
        """A schedule that is deployed exactly at one of its instants fires then: that is where a simulation begins."""
        rate = config.expression.startswith("rate(")
        self._engine.put_schedule(config, self.now() if rate else self.now() - _MOMENT)

    def wake(self) -> None:
        """Nothing to do: the hub looks after each step."""

    def tell(self, thing: Callable[[], None]) -> None:
        self.hub.soon(thing)

    def accept(self, function_arn: str, payload: str) -> str:
        request_id, counts = self._unique(), lineage.counts_sent()
        late = self._faults.rates.late
        seed = self._engine.knobs.seed
        if late and chance(seed, "late", request_id) < late:
            wait = int(LATEST * 1_000_000 * chance(seed, "how late", request_id))
            self._emit({"event": "late", "at": self._stamp(), "request_id": request_id, "seconds": wait / 1_000_000})
            self.hub.at(self.hub.us + wait, lambda: self._accept(request_id, function_arn, payload, counts))
        else:
            self._accept(request_id, function_arn, payload, counts)
        return request_id

    def _accept(self, request_id: str, function_arn: str, payload: str, counts: lineage.Counts) -> None:
        self._engine.accept(request_id, function_arn, payload, self.now(), counts)

    def run(
        self, function: LambdaFunction, arn: str, payload: str, client_context: str | None = None
    ) -> tuple[str, Outcome]:
        """From a handler: it waits. From the host: the clock goes on until the answer is there."""
        reserved, found = lambdas.reserved(function), lambdas.function_of(function)
        if reserved is not None and self._active[found.arn] >= reserved:
            raise lambdas.TooManyRequests
        rounds = self._enter(found, lineage.counts_sent())
        if rounds is None:
            raise lambdas.RecursiveInvocation(found.name)
        request_id, caller = self._unique(), self.handlers.live()
        self._outcomes[request_id] = None
        self._submit(
            Invocation(request_id, found, payload.encode(), arn, client_context=client_context, lineage=rounds)
        )
        if caller is None:
            longest = self.now() + timedelta(seconds=found.timeout + 1)
            self.advance(longest, lambda: self._outcomes[request_id] is None)
        else:
            self._callers[request_id] = self.handlers.waker()
            self.handlers.wait()
        outcome = self._outcomes.pop(request_id)
        assert outcome is not None, "an invocation outlived its time limit"
        return request_id, outcome

    def function_deleted(self, arn: str, version: str | None) -> None:
        """Sandboxes are chosen by what their function is, so one without a function is never chosen again."""

    def _execute(self, invocation: Invocation) -> None:
        self.handlers.submit(invocation)

    def _call_universal(self, deliver: Deliver) -> None:
        region = deliver.schedule_arn.split(":")[3]
        try:
            refusal = universal.call(deliver.target.arn, deliver.payload, region, None)
        except Exception:
            refusal = OWN_FAULT
        if refusal is None:
            self._engine.delivered(deliver.delivery)
        else:
            self._engine.refused(deliver.delivery, refusal, self.now())

    def _answered(self, invocation: Invocation, outcome: Outcome) -> bool:
        if invocation.request_id not in self._outcomes:
            return False
        self._outcomes[invocation.request_id] = outcome
        caller = self._callers.pop(invocation.request_id, None)
        if caller is not None:
            self.hub.soon(caller)
        return True

    def _emit(self, event: dict[str, Any]) -> None:
        self._told(event)

    def _say(self, event: str, **fields: Any) -> None:
        self._told({"event": event, "at": self._stamp(), **fields})

    def _stamp(self) -> str:
        return stamp(self.hub.us)

    # what is looked up for each occurrence, and changes only when somebody deploys or configures

    def forget(self) -> None:
        """A function, a role or a policy may have changed."""
        self._functions.clear()
        self._rules_of.clear()
        self._allowed.clear()

    def _deliver(self, deliver: Deliver) -> None:
        taken = self._allowed.get(_who_asks_what(deliver))
        if taken is None:
            super()._deliver(deliver)
            return
        self.accept(taken, deliver.payload)
        self._engine.delivered(deliver.delivery)

    def _deliver_templated(self, deliver: Deliver, service: str) -> None:
        super()._deliver_templated(deliver, service)
        if service == "lambda":
            arn = deliver.target.arn
            self._allowed[_who_asks_what(deliver)] = lambdas.qualified(targets.find_function(arn), arn)

    def _ready(self, arn: str) -> tuple[Function, int | None]:
        if arn not in self._functions:
            self._functions[arn] = super()._ready(arn)
        return self._functions[arn]

    def _rules(self, arn: str) -> FunctionRules:
        if arn not in self._rules_of:
            self._rules_of[arn] = super()._rules(arn)
        return self._rules_of[arn]

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

    def begin_schedules_anew(self, rates_since: datetime) -> None:
        """Make every schedule anew, now; a ``rate()`` as though it had been made, and had fired, at that time."""
        for config in (*_scheduled(), *map(rules.config_of, rules.all_scheduled())):
            self._engine.delete_schedule(config.arn)
            if rates_since < self.now() and config.expression.startswith("rate("):
                self._engine.put_schedule(replace(config, enabled=False), rates_since)
            self.put_schedule(config)

    def state(self) -> dict[str, Any]:
        """All that changes, for a snapshot; only when nothing is under way."""
        return {"engine": self._engine.state()}

    def put_back(self, state: dict[str, Any]) -> None:
        self._engine.put_back(state["engine"])
        self._active.clear()
        self._outcomes.clear()
        self._callers.clear()
        self.forget()


def stamp(us: int) -> str:
    """ "2013-01-01T05:00:00.123Z"."""
    return f"{(EPOCH + timedelta(microseconds=us)).isoformat(timespec='milliseconds')[:-6]}Z"


def _scheduled() -> Iterator[ScheduleConfig]:
    for regions in scheduler_backends.values():
        for backend in regions.values():
            for group in backend.schedule_groups.values():
                yield from map(schedules.config_of, group.schedules.values())


def _who_asks_what(deliver: Deliver) -> tuple[str, str, str]:
    return deliver.schedule_arn.rsplit("/", 1)[0], deliver.target.arn, deliver.target.role_arn
