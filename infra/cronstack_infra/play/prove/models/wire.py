"""The faults of a request on its way, from a sandbox or from application code that plans."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from cronstack.driver import request_limit
from cronstack.steps import Call
from cronstack_infra.play.answer_dates import dated
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
FOUR_MINUTES: Final = 240_000
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
    offset: int
    signs_corrected: bool = False
    hangs: bool
    conflicts: Mapping[str, Mapping[str, Any]] = CONFLICTING
    """The operations that may meet a conflict, and the answer to each then."""

    # -- what a subclass defines ---------------------------------------------------------------------------------------
    @abstractmethod
    def get_remaining_time_in_millis(self) -> int: ...

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
            world.later(world.chance.choice((100, 3000, 10_000)), lambda: self._resume(LOST))
        elif fault == "twice":
            self.excused = True
            world.later(there, lambda: self._carry_out(call, back))
            world.later(there + world.chance.choice((1, 5000, 700_000)), lambda: self._arrive(call))
        elif fault == "5xx done":
            world.later(there, lambda: self._arrive(call))
            world.later(there + back, lambda: self._resume(dated(REFUSED_FOR_NOW["5xx"], world.now - back)))
        elif fault == "conflict":
            answer = dated(self.conflicts[call.operation], world.now + there)
            world.later(there + back, lambda: self._resume(answer))
        else:
            refusal = REFUSED_FOR_NOW[fault]
            if world.down_for_long and world.now < world.down_until and call.operation not in ELSEWHERE:
                refusal = marked(refusal, "dynamodb-down")
            world.later(there + back, lambda: self._resume(dated(refusal, world.now - back)))

    def _fault(self, call: Call) -> str | None:
        world = self.world
        if not world.faulty:
            return None
        if world.now < world.down_until and call.operation not in ELSEWHERE:
            return world.chance.choice(("throttled", "5xx"))
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
        if abs(self.offset) > ACCEPTED and not self.signs_corrected and self.world.switch("clock-skew=600"):
            return dated(marked(SIGNATURE, "clock-skew=600"), self.world.now)
        return dated(self._apply(call), self.world.now)

    def _learn_to_sign(self, answer: Mapping[str, Any]) -> None:
        """The transport signs by the date of an answer, once a signature was refused (see ``transport``)."""
        self.signs_corrected |= answer.get(MARK) == "clock-skew=600"

    def _hangs(self, call: Call, there: int) -> bool:
        """Whether no answer comes until the transport gives up. The request is carried out, or it is not."""
        world = self.world
        share = world.switch("hanging") if world.faulty else None
        if share is None or world.aws.random() >= share * self._hang_weight(call):
            return False
        self._trace(call, "hangs")
        self.hangs = True
        if world.aws.random() < 0.5:
            world.later(there, lambda: self._arrive(call))
        given_up = request_limit(self.get_remaining_time_in_millis() / 1000) * 1000
        world.later(given_up, lambda: self._resume(marked(LOST, "hanging")))
        return True

    def _hang_weight(self, call: Call) -> float:
        """How much more often this request hangs than others."""
        return 1

    def _way(self) -> int:
        slowest = self.world.mix.latency if self.world.faulty else min(20, self.world.mix.latency)
        return int(self.world.chance.random() * slowest)

    def _freeze(self, *, beyond: bool) -> int:
        left, chance = self.get_remaining_time_in_millis(), self.world.chance
        until_lease_ends = left + 7_000
        pause = until_lease_ends + chance.choice((1, 30_000, 700_000)) if beyond else int(left * chance.random())
        self.frozen_until = self.world.now + pause
        return pause

    def _trace(self, call: Call, fault: str | None) -> None:
        if self.world.trace is not None:
            self.world.say(self.name, described(call) + (f"   ** {fault}" if fault else ""))


def offset(world: World) -> int:
    """Draw how far a clock is off. Two differ by the margin of two seconds at most, unless more is the fault."""
    for switch, off in (("clock-skew=240", FOUR_MINUTES), ("clock-skew=600", 600_000)):
        share = world.switch(switch) if world.faulty else None
        if share is not None and world.aws.random() < share:
            return world.aws.choice((-off, off))
    if world.mix.has("skew beyond the margin") and world.faulty and world.chance.random() < 0.5:
        return world.chance.choice((-240_000, -20_000, 20_000, 240_000))
    if not world.mix.has("skew"):
        return 0
    return world.chance.choice((-1000, -900, 0, 900, 1000))


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
