"""An invocation in the small space (see ``walk``): whom it works for, and what it was told so far.

It holds no program. What comes next follows from what it was told alone, and ``drive`` asks a program for it.
"""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Self

from cronstack.seam import Request
from cronstack_infra.play.prove.deliveries import Asked
from cronstack_infra.play.prove.promises import Caller, Wish
from cronstack_infra.play.prove.records import Copies, Invoked, shallow
from cronstack_infra.play.prove.world import World

TIMEOUT: Final = 6
"""Seconds, the job's."""


class Told(NamedTuple):
    """What an invocation was answered, and when; the last one first."""

    before: Told | None
    now: int
    answer: Any
    key: bytes
    """Equal for equal requests with equal answers. Times are not in it: what they have decided stands in requests."""
    exact: bytes
    """Equal for the same invocation with equal answers at equal times: its program is in the same place."""

    def in_order(self) -> list[Told]:
        steps = [self]
        while steps[-1].before is not None:
            steps.append(steps[-1].before)
        return steps[::-1]


def digest(*parts: object) -> bytes:
    """128 bits: of a billion none would meet another."""
    return blake2b(repr(parts).encode(), digest_size=16).digest()


class Led:
    """Where a program was led to by what it was told; ``drive`` knows what it does there."""

    world: World
    origin: bytes
    """Tells it from all others."""
    history: Told | None = None
    pending: Request | None = None
    printed = ""
    """The same, as text."""
    wakes = 0
    works = False
    """Its handler is being run."""

    def hears(self, answer: Any) -> Told:
        """It is answered its request."""
        before, now = self.history, self.world.now
        key, exact = (before.key, before.exact) if before is not None else (b"", self.origin)
        self.history = Told(before, now, answer, digest(key, self.printed, answer), digest(exact, now, answer))
        return self.history


class Actor(Led, Invoked):
    """An invocation in a scene."""

    def __init__(self, world: World, asked: Asked, number: int, time: int) -> None:
        """``time``: milliseconds that are left of the job's timeout when the runtime begins."""
        super().__init__(f"{asked.occurrence[-9:]} #{number % 100_000}", world, asked, timeout=TIMEOUT)
        self.deadline = world.now + time
        self.number = number
        self.origin = digest(number, self.began, asked.event)


class Hand(Led, Caller):
    """Application code in a scene. Nobody watches over it."""

    deadline = sys.maxsize
    given_up = False
    holder = ""
    letters = 0

    def __init__(self, world: World, wish: Wish, number: int) -> None:
        super().__init__(wish.what, world, wish)
        self.number = number
        self.origin = digest(number, self.began, wish)

    def fork(self, copies: Copies) -> Self:
        new = shallow(self)
        world = copies[id(self.world)]
        assert isinstance(world, type(self.world))
        new.world, new.wrote = world, set(self.wrote)
        return new
