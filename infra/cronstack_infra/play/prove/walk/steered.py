"""Invocations and calls in a small space (see ``walk``): the event or call that each has, and its answers so far.

They hold no program. What a program does next follows from its answers alone, and ``programs`` asks a program for it.
"""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Self

from cronstack.steps import Request
from cronstack_infra.play.prove.log.plans import Caller
from cronstack_infra.play.prove.log.records import Invoked
from cronstack_infra.play.prove.models.copies import Copies, shallow
from cronstack_infra.play.prove.models.planning import PlanningCall
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.world import World

TIMEOUT: Final = 6
"""Seconds, the job's."""


class Answered(NamedTuple):
    """An answer that a program was given, and when; the ones before it follow."""

    before: Answered | None
    now: int
    answer: Any
    key: bytes
    """Equal for equal requests with equal answers. Times and dates are not in it: requests show what they have decided,
    and ``Steered.heard`` what the program knows of the time."""
    exact: bytes
    """Equal for the same program with equal answers at equal times: it is in the same place."""

    def in_order(self) -> list[Answered]:
        answers = [self]
        while answers[-1].before is not None:
            answers.append(answers[-1].before)
        return answers[::-1]


def digest(*parts: object) -> bytes:
    """Return 128 bits: two of a billion would not collide."""
    return blake2b(repr(parts).encode(), digest_size=16).digest()


class Steered:
    """The place that a program has reached by its answers; ``programs`` knows what it does there."""

    world: World
    origin: bytes
    """Tells it from all others."""
    history: Answered | None = None
    pending: Request | None = None
    printed = ""
    """The pending request, as text."""
    wakes = 0
    """When its pause is over."""
    works = False
    """Its handler is running."""
    asked_at = 0
    """When the pending request was sent."""
    heard = (0, 0)
    """What the last answer of AWS has told of the time, relative to it: how old its date was, and how long it took."""

    def record_answer(self, answer: Any) -> Answered:
        """Note the answer to the pending request."""
        before, now = self.history, self.world.now
        key, exact = (before.key, before.exact) if before is not None else (b"", self.origin)
        told = answer
        if isinstance(answer, dict) and "ResponseMetadata" in answer:
            told = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
            self.heard = (now % 1000, now - self.asked_at)
        self.history = Answered(before, now, answer, digest(key, self.printed, told), digest(exact, now, answer))
        return self.history


class SteeredInvocation(Steered, Invoked):
    """An invocation in a scene."""

    def __init__(self, world: World, event: QueuedEvent, number: int, time: int) -> None:
        """``time``: milliseconds that are left of the job's timeout when the runtime begins."""
        super().__init__(f"{event.occurrence[-9:]} #{number % 100_000}", world, event, timeout=TIMEOUT)
        self.deadline = world.now + time
        self.number = number
        self.origin = digest(number, self.began, event.body)


class SteeredCaller(Steered, Caller):
    """Application code in a scene. No timeout ends it."""

    deadline = sys.maxsize
    given_up = False
    holder = ""
    letters = 0

    def __init__(self, world: World, call: PlanningCall, number: int) -> None:
        super().__init__(call.what, world, call)
        self.number = number
        self.origin = digest(number, self.began, call)

    def fork(self, copies: Copies) -> Self:
        new = shallow(self)
        world = copies[id(self.world)]
        assert isinstance(world, type(self.world))
        new.world, new.wrote = world, set(self.wrote)
        return new
