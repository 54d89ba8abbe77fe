"""Scheduler's API under the switches of a seed. The store holds the schedules; ``deliveries`` fires them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from cronstack.occurrence import to_milliseconds
from cronstack.steps import Call
from cronstack_infra.play.prove.models.switches import EARLIEST, OUTAGES, PastAt, mark_answer

if TYPE_CHECKING:
    from random import Random

    from cronstack_infra.play.store.store import Store

FOR_EVER: Final = 1 << 62
NOT_YET: Final = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."


def _refused(code: str, text: str, status: int, switch: str) -> dict[str, Any]:
    answer = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return mark_answer(answer, switch)


class SchedulerWorld(Protocol):
    """The part of the world that Scheduler needs."""

    now: int
    faulty: bool
    store: Store

    def switch(self, name: str) -> float | None: ...


class Scheduler:
    """The model of Scheduler: answers to requests, and the times in which roles, targets and queues are missing."""

    def __init__(self, world: SchedulerWorld, chance: Random) -> None:
        self.world, self.chance = world, chance
        self._made: dict[str, int] = {}
        self._outages: dict[str, tuple[int, int]] = {}
        begin = world.now
        for name in (*OUTAGES, "role-delay"):
            if (lasts := world.switch(name)) is not None:
                first = begin + int(chance.random() * EARLIEST)
                self._outages[name] = (first, first + int(lasts))
        if world.switch("deploy"):
            self._outages["deploy"] = (begin + int(chance.random() * EARLIEST), FOR_EVER)

    # -- requests ------------------------------------------------------------------------------------------------------
    def answer(self, call: Call) -> Mapping[str, Any]:
        """Carry out a request, or refuse it."""
        store, world, name = self.world.store, self.world, call.parameters["Name"]
        store.changes = []  # a refusal changes nothing
        if call.operation == "CreateSchedule":
            refused = self._refusal(call.parameters)
            if refused is not None:
                return refused
            answer = store(call.operation, call.parameters)
            if "Error" not in answer:
                self._made[name] = world.now
            return answer
        if call.operation == "GetSchedule" and name in store.schedules:
            return self._shown(call, name)
        return store(call.operation, call.parameters)

    def _shown(self, call: Call, name: str) -> Mapping[str, Any]:
        """Return a schedule that exists, unless it is too new to be shown."""
        world = self.world
        if (stale := world.switch("stale-schedules")) and world.now - self._made.get(name, 0) < stale:
            return _refused("ResourceNotFoundException", f"Schedule {name} does not exist.", 404, "stale-schedules")
        answer = world.store(call.operation, call.parameters)
        never_fires = self.past_at == "ignored" and due_of(answer) <= world.now
        return mark_answer(answer, "past-at=ignored") if never_fires else answer

    def _refusal(self, parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        world, chance = self.world, self.chance
        if world.faulty:
            if (share := world.switch("create-throttled")) and chance.random() < share:
                return _refused("ThrottlingException", "Rate exceeded", 429, "create-throttled")
            if (share := world.switch("create-conflicts")) and chance.random() < share:
                text = f"Schedule {parameters['Name']} is being changed."
                return _refused("ConflictException", text, 409, "create-conflicts")
            if self._is_active("role-delay"):
                return _refused("ValidationException", NOT_YET, 400, "role-delay")
        if parameters["Name"] in world.store.schedules:
            return None
        if self.past_at == "refused" and due_of(parameters) < world.now:
            text = f"Invalid Schedule Expression {parameters['ScheduleExpression']}."
            return _refused("ValidationException", text, 400, "past-at=refused")
        return None

    @property
    def past_at(self) -> PastAt:
        """The treatment of an at() whose time is past."""
        if self.world.switch("past-at=refused"):
            return "refused"
        return "ignored" if self.world.switch("past-at=ignored") else "fires"

    # -- firing --------------------------------------------------------------------------------------------------------
    def _is_active(self, outage: str) -> bool:
        first, end = self._outages.get(outage, (0, 0))
        return first <= self.world.now < end and self.world.faulty

    def outage(self) -> str:
        """Return the outage that stops a firing now; "" for none."""
        return next((name for name in self._outages if name in OUTAGES and self._is_active(name)), "")

    @property
    def is_deployed(self) -> bool:
        """Whether the update of the job was deployed."""
        return self.world.now >= self._outages.get("deploy", (FOR_EVER, 0))[0]

    def earlier(self, at_most: float = FOR_EVER) -> int:
        """Draw the milliseconds by which a firing comes before its time."""
        most = min(self.world.switch("early") or 0, at_most)
        return int(self.chance.random() * most) if most and self.chance.random() < 0.5 else 0


def due_of(parameters: Mapping[str, Any]) -> int:
    """Return the time of a one-time schedule. ``parameters``: of CreateSchedule."""
    text = parameters["ScheduleExpression"].removeprefix("at(").rstrip(")")
    return to_milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))
