"""An invocation in the small space (see ``walk``): its program, and what it was told, which leads it there again.

A program that has begun cannot be copied. A copy of an actor therefore keeps what the actor was answered, and replays
it when it is gone on with; the first of the copies takes the running program over.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from copy import copy
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Self

from cronstack.declaration import Job
from cronstack.delivery import Host
from cronstack.planning import Plan
from cronstack.run import Run
from cronstack.runtime import Ended, Shell
from cronstack.seam import Request, Work
from cronstack_infra.play.prove.deliveries import Asked
from cronstack_infra.play.prove.planner import steps
from cronstack_infra.play.prove.program import Program
from cronstack_infra.play.prove.promises import Caller, Wish
from cronstack_infra.play.prove.records import Copies, Invoked
from cronstack_infra.play.prove.sandbox import SETTINGS, HandlerFailed, never, nowhere, unread
from cronstack_infra.play.prove.world import World

TIMEOUT: Final = 6
"""Seconds: a delivery that waits looks three times."""
PATIENCE: Final = 20
"""Seconds after which application code gives up."""


class Told(NamedTuple):
    """What an invocation was answered, and when; the last one first."""

    before: Told | None
    now: int
    answer: Any
    key: bytes
    """Equal for equal requests with equal answers. Times are not in it: what they have decided stands in requests."""

    def in_order(self) -> list[Told]:
        steps = [self]
        while steps[-1].before is not None:
            steps.append(steps[-1].before)
        return steps[::-1]


def told(before: Told | None, now: int, request: str, answer: Any) -> Told:
    last = before.key if before is not None else b""
    return Told(before, now, answer, blake2b(last + f"{request} {answer}".encode(), digest_size=16).digest())


class _Chance:
    """The same in each replay."""

    def __init__(self, number: int) -> None:
        self._number = number

    def getrandbits(self, k: int, /) -> int:
        return self._number

    def random(self) -> float:
        return 0.5


class Replayed:
    """A program's way through a scene; ``Actor`` and ``Hand`` say which program."""

    name: str
    number: int
    given_up = False
    holder = ""
    letters = 0
    history: Told | None = None
    pending: Request | None = None
    printed = ""
    """The same, as text."""
    wakes = 0
    works = False
    """Its handler is being run."""
    drive: Any = None
    """Ready to be gone on with; the first move that needs it takes it."""
    other: Any = None
    """The one this was copied from."""

    def make_drive(self, declared: Job) -> Any:
        raise NotImplementedError

    def take_drive(self, declared: Job) -> Any:
        """The program where it stopped: its original's, if that still has it, or led there again."""
        for one in (self, self.other):
            if one is not None and one.drive is not None:
                drive, one.drive = one.drive, None
                return drive
        drive = self.make_drive(declared)
        for step in self.history.in_order() if self.history is not None else ():
            drive.resume(step.now, step.answer)
        return drive

    def hand_over(self, copied: Replayed) -> None:
        """The running program is its copy's from now on."""
        if copied.drive is None and copied.history is self.history:
            copied.drive, self.drive = self.drive, None

    def close(self) -> None:
        self.other = None
        if self.drive is not None:
            self.drive.close()
            self.drive = None


class Actor(Replayed, Invoked):
    """An invocation in a scene."""

    def __init__(self, world: World, asked: Asked, number: int) -> None:
        super().__init__(f"{asked.occurrence[-9:]} #{number % 100_000}", world, asked, timeout=TIMEOUT)
        self.number = number

    def make_drive(self, declared: Job) -> Drive:
        return Drive(self, declared)

    def fork(self, copies: Copies) -> Self:
        known = id(self) in copies
        new = super().fork(copies)
        if not known:
            new.drive, new.other = None, self
        return new


class Hand(Replayed, Caller):
    """Application code in a scene. Nobody watches over it."""

    deadline = sys.maxsize

    def __init__(self, world: World, wish: Wish, number: int) -> None:
        super().__init__(wish.what, world, wish)
        self.number = number

    def make_drive(self, declared: Job) -> HandDrive:
        return HandDrive(self)

    def fork(self, copies: Copies) -> Self:
        new = copy(self)
        world = copies[id(self.world)]
        assert isinstance(world, type(self.world))
        new.world, new.wrote = world, set(self.wrote)
        new.drive, new.other = None, self
        return new


class Begin(NamedTuple):
    """The answer to ``Work``: begin the handler."""

    fails: bool


class Drive:
    """A program with its host, ready to be gone on with."""

    def __init__(self, actor: Actor, declared: Job) -> None:
        self.now, self.fails, self._work = actor.began, False, Work(0, 0)
        self._deadline = actor.deadline
        self._chance = _Chance(actor.number)
        self.program = Program(declared._replace(function=self._behave), actor.asked.event, self, self._shell)

    invoked_function_arn, aws_request_id = Invoked.invoked_function_arn, Invoked.aws_request_id

    def get_remaining_time_in_millis(self) -> int:
        """Until the deadline: of the scene, or of the past in a replay."""
        return max(0, self._deadline - self.now)

    def _shell(self, drive: Callable[[Generator[Request, Any, Any]], Any]) -> Shell:
        return Shell(
            SETTINGS, nowhere, lambda: self.now, lambda: self.now / 1000, never, self._chance, unread, drive=drive
        )

    def _behave(self, run: Run) -> None:
        self.program.wait(0)
        if self.fails:
            raise HandlerFailed("no")

    @property
    def in_handler(self) -> bool:
        return self.program.in_handler

    def close(self) -> None:
        self.program.close()

    def resume(self, now: int, answer: Any) -> Request | Ended:
        self.now = now
        if isinstance(answer, Begin):
            self.fails = answer.fails
            return self._noted(self.program.begin_handler(self._work))
        return self._noted(self.program.resume(answer))

    def _noted(self, request: Request | Ended) -> Request | Ended:
        if isinstance(request, Work):
            self._work = request
        return request


class Returned(NamedTuple):
    """How a call ends: with a plan."""

    plan: Plan


class HandDrive:
    """The same for a call of application code."""

    in_handler = fails = False

    def __init__(self, hand: Hand) -> None:
        self.now, self._ends = hand.began, hand.began + PATIENCE * 1000
        host = Host(lambda: self.now, lambda: (self._ends - self.now) / 1000, _Chance(hand.number))
        self._steps = steps(hand.wish, host, _unswept)

    def close(self) -> None:
        self._steps.close()

    def resume(self, now: int, answer: Any) -> Request | Returned:
        self.now = now
        try:
            return self._steps.send(answer)
        except StopIteration as end:
            return Returned(end.value)


def _unswept(plan: Plan) -> None:
    raise AssertionError("nobody sweeps in a scene")
