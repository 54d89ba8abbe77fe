"""The faults of a request on its way, from a sandbox or from application code that plans."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from cronstack.driver import request_limit
from cronstack.steps import Call
from cronstack_infra.play.answer_dates import dated
from cronstack_infra.play.prove.models.clocks import Clocks, unsure
from cronstack_infra.play.prove.models.switches import MARK, marked
from cronstack_infra.play.prove.models.world import World

LOST: Final = {"Error": {"Code": "ConnectionError", "Message": "no answer"}}
REFUSED_FOR_NOW: Final = {
    "throttled": {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
    "5xx": {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
}
CONFLICT_OF_ONE: Final = {"Error": {"Code": "TransactionConflictException"}}
CONFLICT: Final = {
    "Error": {"Code": "TransactionCanceledException"},
    "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
}
SIGNATURE: Final = {
    "Error": {"Code": "InvalidSignatureException", "Message": "Signature not yet current"},
    "ResponseMetadata": {"HTTPStatusCode": 403},
}
ACCEPTED: Final = 300_000
"""Milliseconds that a clock may be off; AWS refuses signatures that differ by more."""
SCHEDULES: Final = ("CreateSchedule", "GetSchedule", "DeleteSchedule")
ELSEWHERE: Final = ("SendMessage", *SCHEDULES)
"""Operations that do not go to the table; an outage of DynamoDB spares them."""
CONFLICTING: Final[Mapping[str, Mapping[str, Any]]] = {
    "TransactWriteItems": CONFLICT,
    "UpdateItem": CONFLICT_OF_ONE,
}


class Wired(ABC):
    """Driven by a world of chance, stopped before each request."""

    name: str
    world: World
    ended: bool
    excused: bool
    frozen_until: int
    frozen: bool = False
    clocks: Clocks
    signs_by: int = 0
    """Milliseconds by which its signatures are corrected. The transport learns them when one was refused."""
    hangs: bool
    conflicts: Mapping[str, Mapping[str, Any]] = CONFLICTING
    """The operations that may meet a conflict, and the answer to each then."""

    # -- what a subclass defines ---------------------------------------------------------------------------------------
    @abstractmethod
    def left(self) -> int:
        """Return the milliseconds until its true deadline."""

    @abstractmethod
    def believed_left(self) -> float:
        """Return the seconds that it takes to be left, by which it limits its requests."""

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
        there, back = self._way(), self._way()
        if fault is None and self._hangs(call, there):
            return
        if fault is not None:
            world.count("fault", fault)
        self._trace(call, fault)
        if fault is None:
            world.later(there, lambda: self._carry_out(call, back))
        elif fault == "crash before":
            self.kill(fault)
        elif fault == "crash after":
            self.kill(fault)
            world.later(there, lambda: self._arrive(call))
        elif fault.startswith(("pause", "zombie")):
            pause = self._freeze(beyond=fault.startswith("zombie"))
            before, after = (there + pause, back) if fault.endswith("before") else (there, back + pause)
            world.later(before, lambda: self._carry_out(call, after))
        elif fault in ("lost request", "lost answer", "late"):
            if fault == "lost answer":
                world.later(there, lambda: self._arrive(call))
            elif fault == "late":
                self.excused = True
                world.later(there + world.chance.choice((500, 20_000, 200_000)), lambda: self._arrive(call))
            patience = min(world.chance.choice((100, 3000, 10_000)), self._limit())
            world.later(patience, lambda: self._resume(LOST))
        elif fault == "twice":
            self.excused = True
            world.later(there, lambda: self._carry_out(call, back))
            world.later(there + world.chance.choice((1, 5000, 700_000)), lambda: self._arrive(call))
        elif fault == "5xx done":
            world.later(there, lambda: self._arrive(call))
            self._answer_later(REFUSED_FOR_NOW["5xx"], there, back)
        elif fault == "conflict":
            self._answer_later(self.conflicts[call.operation], there, back)
        elif self._is_down(call):
            self._answer_in_outage(fault, there, back)
        else:
            self._answer_later(REFUSED_FOR_NOW[fault], there, back)

    def _answer_later(self, answer: Mapping[str, Any], there: int, back: int) -> None:
        """Answer without having carried anything out."""
        given = dated(answer, self.world.now + there + unsure(self.world))
        self.world.later(there + back, lambda: self._resume(given))

    def _answer_in_outage(self, fault: str, there: int, back: int) -> None:
        mark = (lambda answer: marked(answer, "dynamodb-down")) if self.world.down_for_long else dict
        if fault == "no answer":
            self.world.later(self._limit(), lambda: self._resume(mark(LOST)))
        else:
            self._answer_later(mark(REFUSED_FOR_NOW[fault]), there, back)

    def _is_down(self, call: Call) -> bool:
        """Whether the table answers nothing but errors."""
        return self.world.now < self.world.down_until and call.operation not in ELSEWHERE

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
        self.world.later(back, lambda: self._resume(answer))

    def _arrive(self, call: Call) -> Mapping[str, Any]:
        """Carry the request out, unless its signature is refused."""
        world = self.world
        if abs(self.clocks.offset - self.signs_by) > ACCEPTED:
            return dated(marked(SIGNATURE, "clock-skew=600"), world.now + unsure(world))
        return dated(self._apply(call), world.now + unsure(world))

    def _learn_to_sign(self, answer: Mapping[str, Any]) -> None:
        """The transport signs by the date of an answer, once a signature was refused (see ``transport``)."""
        if answer.get(MARK) == "clock-skew=600":
            self.signs_by = self.clocks.offset

    def _hangs(self, call: Call, there: int) -> bool:
        """Whether no answer comes until the transport gives up. The request is carried out, or it is not."""
        world = self.world
        share = world.switch("hanging") if world.faulty else None
        if share is None or world.aws.random() >= share * self._hang_weight(call) or self._limit() < 1:
            return False
        self._trace(call, "hangs")
        self.hangs = True
        if world.aws.random() < 0.5:
            world.later(there, lambda: self._arrive(call))
        world.later(self._limit(), lambda: self._resume(marked(LOST, "hanging")))
        return True

    def _limit(self) -> float:
        """Return the milliseconds after which the transport gives a request up."""
        return request_limit(self.believed_left()) * 1000

    def _hang_weight(self, call: Call) -> float:
        """How much more often this request hangs than others."""
        return 1

    def _way(self) -> int:
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
            self.world.say(self.name, described(call) + (f"   ** {fault}" if fault else ""))


def holder_of(call: Call) -> str:
    actions = [one["Update"] for one in call.parameters.get("TransactItems", ())] or [call.parameters]
    for action in actions:
        holder = action.get("ExpressionAttributeValues", {}).get(":holder")
        if holder is not None:
            return str(holder["S"])
    return ""


def described(call: Call) -> str:
    """Return a request as one line of text."""
    actions = [one["Update"] for one in call.parameters.get("TransactItems", ())] or [call.parameters]
    what = "; ".join(
        str(of.get("UpdateExpression") or of.get("Key", {}).get("sk", "") or of.get("Name", "")) for of in actions
    )
    return f"{call.operation} {what[:150]}"
