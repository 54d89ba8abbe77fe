"""The faults that a request meets, from a sandbox or from application code that plans."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from cronstack.driver import request_limit
from cronstack.steps import Call
from cronstack_infra.play.answer_dates import dated
from cronstack_infra.play.prove.models.clocks import Clocks, date_error
from cronstack_infra.play.prove.models.switches import MARK, mark_answer
from cronstack_infra.play.prove.models.world import World

LOST: Final = {"Error": {"Code": "ConnectionError", "Message": "no answer"}}
REFUSED_FOR_NOW: Final = {
    "throttled": {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
    "5xx": {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
}
SINGLE_CONFLICT: Final = {"Error": {"Code": "TransactionConflictException"}}
CONFLICT: Final = {
    "Error": {"Code": "TransactionCanceledException"},
    "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
}
BAD_SIGNATURE: Final = {
    "Error": {"Code": "InvalidSignatureException", "Message": "Signature not yet current"},
    "ResponseMetadata": {"HTTPStatusCode": 403},
}
ACCEPTED: Final = 300_000
"""Most milliseconds that a clock may be off: AWS refuses signatures with a larger difference."""
SCHEDULES: Final = ("CreateSchedule", "GetSchedule", "DeleteSchedule")
NOT_TO_TABLE: Final = ("SendMessage", *SCHEDULES)
"""Operations that do not use the table, so an outage of DynamoDB does not affect them."""
CONFLICTING: Final[Mapping[str, Mapping[str, Any]]] = {
    "TransactWriteItems": CONFLICT,
    "UpdateItem": SINGLE_CONFLICT,
}


class FaultyClient(ABC):
    """A program of a seed that is stopped before each request, and whose requests meet the faults of the mix."""

    name: str
    world: World
    ended: bool
    excused: bool
    frozen_until: int
    frozen: bool = False
    clocks: Clocks
    signing_offset: int = 0
    """Milliseconds by which its signatures are corrected. The transport sets this after a refused signature."""
    hangs: bool
    conflicts: Mapping[str, Mapping[str, Any]] = CONFLICTING
    """The answer to a conflict, by operation. Other operations meet no conflict."""

    # -- what a subclass defines ---------------------------------------------------------------------------------------
    @abstractmethod
    def left(self) -> int:
        """Return the milliseconds until its true deadline."""

    @abstractmethod
    def estimated_left(self) -> float:
        """Return the seconds until its deadline as it computes them. They limit its requests."""

    @abstractmethod
    def kill(self, why: str) -> None: ...

    @abstractmethod
    def _resume(self, answer: Any) -> None: ...

    @abstractmethod
    def _apply(self, call: Call) -> Mapping[str, Any]: ...

    # -- requests ------------------------------------------------------------------------------------------------------
    def send(self, call: Call) -> None:
        world = self.world
        fault = self._fault(call)
        there, back = self._latency(), self._latency()
        if fault is None and self._hangs(call, there):
            return
        if fault is not None:
            world.count("fault", fault)
        self._trace(call, fault)
        if fault is None:
            world.call_later(there, lambda: self._carry_out(call, back))
        elif fault == "crash before":
            self.kill(fault)
        elif fault == "crash after":
            self.kill(fault)
            world.call_later(there, lambda: self._arrive(call))
        elif fault.startswith(("pause", "zombie")):
            pause = self._freeze(beyond=fault.startswith("zombie"))
            before, after = (there + pause, back) if fault.endswith("before") else (there, back + pause)
            world.call_later(before, lambda: self._carry_out(call, after))
        elif fault in ("lost request", "lost answer", "late"):
            if fault == "lost answer":
                world.call_later(there, lambda: self._arrive(call))
            elif fault == "late":
                self.excused = True
                world.call_later(there + world.chance.choice((500, 20_000, 200_000)), lambda: self._arrive(call))
            patience = min(world.chance.choice((100, 3000, 10_000)), self._limit())
            world.call_later(patience, lambda: self._resume(LOST))
        elif fault == "twice":
            self.excused = True
            world.call_later(there, lambda: self._carry_out(call, back))
            world.call_later(there + world.chance.choice((1, 5000, 700_000)), lambda: self._arrive(call))
        elif fault == "5xx done":
            world.call_later(there, lambda: self._arrive(call))
            self._answer_later(REFUSED_FOR_NOW["5xx"], there, back)
        elif fault == "conflict":
            self._answer_later(self.conflicts[call.operation], there, back)
        elif self._is_down(call):
            self._answer_in_outage(fault, there, back)
        else:
            self._answer_later(REFUSED_FOR_NOW[fault], there, back)

    def _answer_later(self, answer: Mapping[str, Any], there: int, back: int) -> None:
        """Answer later, without carrying out the request."""
        given = dated(answer, self.world.now + there + date_error(self.world))
        self.world.call_later(there + back, lambda: self._resume(given))

    def _answer_in_outage(self, fault: str, there: int, back: int) -> None:
        mark = (lambda answer: mark_answer(answer, "dynamodb-down")) if self.world.long_outage else dict
        if fault == "no answer":
            self.world.call_later(self._limit(), lambda: self._resume(mark(LOST)))
        else:
            self._answer_later(mark(REFUSED_FOR_NOW[fault]), there, back)

    def _is_down(self, call: Call) -> bool:
        """Return whether the table answers this call with an error."""
        return self.world.now < self.world.down_until and call.operation not in NOT_TO_TABLE

    def _fault(self, call: Call) -> str | None:
        world = self.world
        if not world.faulty:
            return None
        if self._is_down(call):
            return world.chance.choice(("throttled", "5xx", "no answer"))
        number = world.chance.random()
        for limit, fault in world.mix.request_faults:
            if number < limit:
                return None if fault == "conflict" and call.operation not in self.conflicts else fault
        return None

    def _carry_out(self, call: Call, back: float) -> None:
        answer = self._arrive(call)
        self.world.call_later(back, lambda: self._resume(answer))

    def _arrive(self, call: Call) -> Mapping[str, Any]:
        """Carry the request out, unless its signature is refused."""
        world = self.world
        if abs(self.clocks.offset - self.signing_offset) > ACCEPTED:
            return dated(mark_answer(BAD_SIGNATURE, "clock-skew=600"), world.now + date_error(world))
        return dated(self._apply(call), world.now + date_error(world))

    def _correct_signing_clock(self, answer: Mapping[str, Any]) -> None:
        """Sign by the date of the answer after a refused signature, as the transport does (see ``transport``)."""
        if answer.get(MARK) == "clock-skew=600":
            self.signing_offset = self.clocks.offset

    def _hangs(self, call: Call, there: int) -> bool:
        """Return whether this request hangs until the transport gives up. It is carried out in half of the cases."""
        world = self.world
        share = world.switch("hanging") if world.faulty else None
        if share is None or world.switch_chance.random() >= share * self._hang_weight(call) or self._limit() < 1:
            return False
        self._trace(call, "hangs")
        self.hangs = True
        if world.switch_chance.random() < 0.5:
            world.call_later(there, lambda: self._arrive(call))
        world.call_later(self._limit(), lambda: self._resume(mark_answer(LOST, "hanging")))
        return True

    def _limit(self) -> float:
        """Return the timeout of a request in milliseconds."""
        return request_limit(self.estimated_left()) * 1000

    def _hang_weight(self, call: Call) -> float:
        """Return how many times more often than others this request hangs."""
        return 1

    def _latency(self) -> int:
        slowest = self.world.mix.latency if self.world.faulty else min(20, self.world.mix.latency)
        return int(self.world.chance.random() * slowest)

    def _freeze(self, *, beyond: bool) -> int:
        left, chance = self.left(), self.world.chance
        until_lease_ends = left + 7_000
        pause = until_lease_ends + chance.choice((1, 30_000, 700_000)) if beyond else int(left * chance.random())
        self.frozen_until = self.world.now + pause
        self.clocks.freeze(pause)
        self.frozen = True
        return pause

    def _trace(self, call: Call, fault: str | None) -> None:
        if self.world.trace is not None:
            self.world.add_trace(self.name, describe(call) + (f"   ** {fault}" if fault else ""))


def holder_of(call: Call) -> str:
    actions = [action["Update"] for action in call.parameters.get("TransactItems", ())] or [call.parameters]
    for action in actions:
        holder = action.get("ExpressionAttributeValues", {}).get(":holder")
        if holder is not None:
            return str(holder["S"])
    return ""


def describe(call: Call) -> str:
    """Return a request as one line of text."""
    actions = [action["Update"] for action in call.parameters.get("TransactItems", ())] or [call.parameters]
    text = "; ".join(
        str(of.get("UpdateExpression") or of.get("Key", {}).get("sk", "") or of.get("Name", "")) for of in actions
    )
    return f"{call.operation} {text[:150]}"
