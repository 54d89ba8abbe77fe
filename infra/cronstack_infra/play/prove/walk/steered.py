"""Invocations and calls in a small space (see ``walk``): the event or call of each, and its answers so far.

They contain no program. The next step of a program depends only on its answers, and ``programs`` computes it.
"""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Self

from cronstack.steps import Request
from cronstack_infra.play.prove.log.plans import CallerRecord
from cronstack_infra.play.prove.log.records import InvocationRecord
from cronstack_infra.play.prove.models.copies import Copies, shallow
from cronstack_infra.play.prove.models.planning import PlanningCall
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.world import World

TIMEOUT: Final = 6
"""Timeout of the job in seconds."""


class HistoryEntry(NamedTuple):
    """An answer to a program and its time, linked to the entry before it."""

    before: HistoryEntry | None
    now: int
    answer: Any
    key: bytes
    """Equal for equal requests with equal answers. It contains no times: requests show what they have decided, and
    ``Steered.answer_timing`` what the program knows of the time."""
    exact: bytes
    """Equal for the same program with equal answers at equal times, so at the same place."""

    def in_order(self) -> list[HistoryEntry]:
        answers = [self]
        while answers[-1].before is not None:
            answers.append(answers[-1].before)
        return answers[::-1]


def digest(*parts: object) -> bytes:
    """Return a digest of 128 bits: among a billion digests no two collide."""
    return blake2b(repr(parts).encode(), digest_size=16).digest()


class Steered:
    """The place that a program has reached by its answers. ``programs`` computes its next step."""

    world: World
    origin: bytes
    """Distinguishes it from all others."""
    history: HistoryEntry | None = None
    pending: Request | None = None
    request_text = ""
    """The pending request, as text."""
    wakes = 0
    """The time at which its pause ends."""
    handler_running = False
    """Its handler is running."""
    requested_at = 0
    """The time at which the pending request was sent."""
    answer_timing = (0, 0)
    """The timing of the last answer of AWS, in milliseconds: the age of its date, and its duration."""

    def record_answer(self, answer: Any) -> HistoryEntry:
        """Record the answer to the pending request."""
        before, now = self.history, self.world.now
        key, exact = (before.key, before.exact) if before is not None else (b"", self.origin)
        content = answer
        if isinstance(answer, dict) and "ResponseMetadata" in answer:
            content = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
            self.answer_timing = (now % 1000, now - self.requested_at)
        self.history = HistoryEntry(
            before, now, answer, digest(key, self.request_text, content), digest(exact, now, answer)
        )
        return self.history


class SteeredInvocation(Steered, InvocationRecord):
    """An invocation in a scene."""

    def __init__(self, world: World, event: QueuedEvent, number: int, time: int) -> None:
        """``time``: milliseconds until the deadline when the runtime starts."""
        super().__init__(f"{event.occurrence[-9:]} #{number % 100_000}", world, event, timeout=TIMEOUT)
        self.deadline = world.now + time
        self.number = number
        self.origin = digest(number, self.began, event.body)


class SteeredCaller(Steered, CallerRecord):
    """Application code in a scene. No timeout ends it."""

    deadline = sys.maxsize
    given_up = False
    holder = ""
    letters = 0

    def __init__(self, world: World, call: PlanningCall, number: int) -> None:
        super().__init__(call.operation, world, call)
        self.number = number
        self.origin = digest(number, self.began, call)

    def fork(self, copies: Copies) -> Self:
        new = shallow(self)
        world = copies[id(self.world)]
        assert isinstance(world, type(self.world))
        new.world, new.wrote = world, set(self.wrote)
        return new
