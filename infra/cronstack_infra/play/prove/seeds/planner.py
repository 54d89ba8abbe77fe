"""Application code during one call of ``once``, with the faults that its requests meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from cronstack.driver import Returned, resume
from cronstack.errors import OnceConflict, Unavailable
from cronstack.onetime.planner import Plan
from cronstack.steps import Call, Host, Sleep
from cronstack.timing.aws_clock import AwsClock
from cronstack_infra.play.prove.log.plans import CallerRecord
from cronstack_infra.play.prove.models.clocks import Clocks
from cronstack_infra.play.prove.models.planning import PlanningCall, steps
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.switches import MARK
from cronstack_infra.play.prove.models.wire import CONFLICTING, SCHEDULES, FaultyClient
from cronstack_infra.play.prove.models.world import World
from cronstack_infra.play.prove.observer import Observer

CALL_TIMEOUT: Final = 20_000
"""Milliseconds after which a call gives up, as in ``once``."""
BUSY: Final = {"Error": {"Code": "ConflictException"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
"""The answer of Scheduler when it is busy with that schedule. Nothing is carried out."""
CONFLICTS: Final[Mapping[str, Mapping[str, Any]]] = {
    **CONFLICTING,
    "CreateSchedule": BUSY,
    "DeleteSchedule": BUSY,
}


class SchedulerPort(Protocol):
    """The part of Scheduler that a planner needs."""

    def add_schedule(self, parameters: Mapping[str, Any]) -> None: ...
    def delete_schedule(self, name: str) -> QueuedEvent | None: ...


class Planner(CallerRecord, FaultyClient):
    """One planner of a seed. It runs outside Lambda: no timeout ends it, so a freeze may last any time."""

    conflicts = CONFLICTS

    def __init__(
        self,
        number: int,
        world: World,
        observer: Observer,
        schedules: SchedulerPort,
        call: PlanningCall,
        on_end: Callable[[str], None],
    ) -> None:
        super().__init__(f"planner {number}", world, call)
        self.observer, self._schedules = observer, schedules
        self.excused, self.hangs, self.frozen_until = False, False, 0
        self._on_end = on_end
        """Called with the way in which the call has ended."""
        self._killed = False
        self._done = 0
        """The number of writes that were carried out."""
        self.clocks = clocks = Clocks(world)
        self._gives_up = clocks.monotonic() + CALL_TIMEOUT / 1000
        clock = AwsClock(clocks.wall, clocks.monotonic)
        host = Host(clock, self.estimated_left, self.estimated_left, world.chance)
        code = world.rollout.code(world.now)
        self._steps = steps(call, host, lambda plan: self.observer.plan_repaired(self, plan), code)

    def left(self) -> int:
        return max(0, self.began + CALL_TIMEOUT - self.world.now)

    def estimated_left(self) -> float:
        return max(0.0, self._gives_up - self.clocks.monotonic())

    def begin(self) -> None:
        self.observer.call_begins(self)
        if self.world.trace is not None:
            self.world.add_trace(self.name, f"begins: {self.call}")
        self._resume(None)

    def _resume(self, answer: Any) -> None:
        if self.ended:
            return
        if self.world.now < self.frozen_until:
            self.world.call_later(self.frozen_until - self.world.now, lambda: self._resume(answer))
            return
        if isinstance(answer, Mapping):
            self._correct_signing_clock(answer)
        if isinstance(answer, Mapping) and MARK in answer:
            self.world.count("switch", answer[MARK])
        if self.world.strikes("clock steps"):
            self.clocks.step()
        try:
            request = resume(self._steps, answer)
        except OnceConflict:
            self.observer.call_refused(self)
            self._end("conflict")
        except Unavailable as fault:
            self.world.add_trace(self.name, str(fault))
            self._end("unavailable")
        else:
            match request:
                case Call():
                    self.send(request)
                case Sleep(seconds):
                    self.world.call_later(seconds * 1000, lambda: self._resume(None))
                case Returned(plan):
                    self._finish(plan)

    def _finish(self, plan: Plan | None) -> None:
        if plan is None:
            self.observer.sweep_done(self)
            self._end("swept")
            return
        self._end(plan.outcome)
        self.observer.call_returned(self, plan)

    def _end(self, how: str) -> None:
        self.ended = True
        self.world.count("call", how)
        self.world.add_trace(self.name, f"ends: {how}")
        self._on_end(how)

    def kill(self, why: str) -> None:
        if self.ended:
            return
        self.close()
        self._killed = True
        if why == "crash before":
            self._died()
        self._end("killed")

    def close(self) -> None:
        self.ended = True
        self._steps.close()

    def _apply(self, call: Call) -> Mapping[str, Any]:
        to_scheduler = call.operation in SCHEDULES
        answer = (
            self.world.scheduler.answer(call) if to_scheduler else self.world.store(call.operation, call.parameters)
        )
        self.observer.observe_caller(self, call, answer)
        if "Error" not in answer and call.operation not in ("GetItem", "GetSchedule", "Query"):
            self._done += 1
            if self._killed:
                self._died()
        if "Error" not in answer and call.operation == "CreateSchedule":
            self._schedules.add_schedule(call.parameters)
        elif "Error" not in answer and call.operation == "DeleteSchedule":
            deleted = self._schedules.delete_schedule(call.parameters["Name"])
            if deleted is not None:
                self.observer.schedule_deleted(self, deleted.occurrence)
        return answer

    def _died(self) -> None:
        self.world.count("killed after", f"{self.call.operation} {self._done}")
