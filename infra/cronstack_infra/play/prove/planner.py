"""Application code that plans: the real generators of ``cronstack.planning``, stopped before each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

from cronstack import planning
from cronstack.driver import Returned, resume
from cronstack.errors import OnceConflict, Unavailable
from cronstack.planning import Plan
from cronstack.plans import Wiring
from cronstack.seam import Call, Host, Sleep, Steps
from cronstack_infra.play.prove.deliveries import Deliveries
from cronstack_infra.play.prove.promises import Caller, Wish
from cronstack_infra.play.prove.wire import CONFLICTING, Wired, offset
from cronstack_infra.play.prove.world import TABLE, World

PATIENCE: Final = 20_000
"""Milliseconds after which a call gives up, as ``onetime`` does."""
AT_WORK: Final = {"Error": {"Code": "ConflictException"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
"""Scheduler was busy with that schedule; nothing was carried out."""
CONFLICTS: Final[Mapping[str, Mapping[str, Any]]] = {
    **CONFLICTING,
    "CreateSchedule": AT_WORK,
    "DeleteSchedule": AT_WORK,
}
WIRING: Final = Wiring(
    "stats",
    TABLE,
    "shop-once",
    "arn:aws:iam::123456789012:role/once",
    "arn:aws:lambda:us-east-1:123456789012:function:shop-stats",
    "arn:aws:sqs:us-east-1:123456789012:delivery",
)


def steps(wish: Wish, host: Host, mended: Callable[[Plan], None]) -> Steps[Plan | None]:
    """The call itself. ``mended``: told of each plan that a sweep has seen to."""
    order = wish.order
    match wish.what:
        case "schedule":
            return (yield from planning.schedule(order, WIRING, host, replace=wish.replace))
        case "move":
            return (yield from planning.move(WIRING, host, order.key, order.due, order.asked))
        case "cancel":
            return (yield from planning.cancel(WIRING, host, order.key))
        case "sweep":
            start = None
            while True:
                found, start = yield from planning.page(WIRING, host, start)
                for run in found:
                    if planning.is_left(run, host.now()):
                        mended((yield from planning.mend(WIRING, host, run)))
                if start is None:
                    return None
        case _:
            assert_never(wish.what)


class Planner(Caller, Wired):
    """Driven by a world of chance. Lambda does not watch over it: who freezes it does so for as long as he likes."""

    conflicts = CONFLICTS

    def __init__(self, number: int, world: World, deliveries: Deliveries, wish: Wish, then: Callable[[str], None]):
        super().__init__(f"planner {number}", world, wish, offset=offset(world))
        self.deliveries, self.observer = deliveries, deliveries.observer
        self.excused, self.frozen_until = False, 0
        self._then = then
        """Told how it ended."""
        self._killed = False
        self._done = 0
        """The last step of the protocol that was carried out."""
        host = Host(self.clock, lambda: self.get_remaining_time_in_millis() / 1000, world.chance)
        self._steps = steps(wish, host, lambda plan: self.observer.mended(self, plan))

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.began + PATIENCE - self.world.now)

    def begin(self) -> None:
        self.observer.calls(self)
        if self.world.trace is not None:
            self.world.say(self.name, f"begins: {self.wish}")
        self._resume(None)

    def _resume(self, answer: Any) -> None:
        if self.ended:
            return
        if self.world.now < self.frozen_until:
            self.world.later(self.frozen_until - self.world.now, lambda: self._resume(answer))
            return
        if self.world.strikes("clock steps"):
            self.offset = offset(self.world)
        try:
            request = resume(self._steps, answer)
        except OnceConflict:
            self.observer.refused(self)
            self._end("conflict")
        except Unavailable as fault:
            self.world.say(self.name, str(fault))
            self._end("unavailable")
        else:
            match request:
                case Call():
                    self.send(request)
                case Sleep(seconds):
                    self.world.later(seconds * 1000, lambda: self._resume(None))
                case Returned(plan):
                    self._finish(plan)

    def _finish(self, plan: Plan | None) -> None:
        if plan is None:
            self.observer.swept(self)
            self._end("swept")
            return
        self._end(plan.outcome)
        self.observer.told(self, plan)

    def _end(self, how: str) -> None:
        self.ended = True
        self.world.count("call", how)
        self.world.say(self.name, f"ends: {how}")
        self._then(how)

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
        answer = self.world.store(call.operation, call.parameters)
        self.observer.carried_out_for(self, call, answer)
        if "Error" not in answer and call.operation not in ("GetItem", "GetSchedule", "Query"):
            self._done += 1
            if self._killed:
                self._died()
        if "Error" not in answer and call.operation == "CreateSchedule":
            self.deliveries.carry(call.parameters)
        elif "Error" not in answer and call.operation == "DeleteSchedule":
            dropped = self.deliveries.withdraw(call.parameters["Name"])
            if dropped is not None:
                self.observer.dropped(self, dropped.occurrence)
        return answer

    def _died(self) -> None:
        self.world.count("killed after", f"{self.wish.what} {self._done}")
