"""The real programs of the small space (see ``walk``), each asked once for each place it can be led to.

A program is deterministic: the same answers at the same times bring it to the same request. Scenes meet an invocation
in the same place again and again, while others went on; only the first of them asks the program, the others remember.
A program cannot be copied. The one that stands where it is needed goes on; if none does, another is led there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from cronstack.declaration import Job
from cronstack.driver import Returned, resume
from cronstack.errors import CronstackError
from cronstack.planning import Plan
from cronstack.run import Run
from cronstack.runtime import Ended, Shell
from cronstack.seam import Host, Request, Steps, Work
from cronstack_infra.play.prove.actor import Actor, Hand
from cronstack_infra.play.prove.planner import steps
from cronstack_infra.play.prove.program import Program
from cronstack_infra.play.prove.records import Invoked
from cronstack_infra.play.prove.sandbox import SETTINGS, HandlerFailed, never, nowhere, unread

PATIENCE: Final = 20
"""Seconds after which application code gives up."""
STANDING: Final = 256
"""Programs that are kept where they stopped."""


class Begin(NamedTuple):
    """The answer to ``Work``: begin the handler."""

    fails: bool


class Step(NamedTuple):
    """What a program did when it was answered: it asked for something, or came to its end."""

    request: Request | None
    printed: str = ""
    """The request, as text."""
    in_handler: bool = False
    fails: bool = False
    """Its handler will fail, or has."""
    end: Ended | Returned[Any] | CronstackError | None = None


class Driven(Protocol):
    """A program that can be gone on with."""

    fails: bool

    @property
    def in_handler(self) -> bool: ...
    def resume(self, now: int, answer: Any) -> Request | Ended | Returned[Any]: ...
    def close(self) -> None: ...


class Programs:
    """Of all scenes of one space."""

    def __init__(self, declared: Job) -> None:
        self._declared = declared
        self._known: dict[bytes, Step] = {}
        self._standing: OrderedDict[bytes, Driven] = OrderedDict()

    def answer(self, actor: Actor | Hand, answer: Any) -> Step:
        """What the invocation does next."""
        place = actor.hears(answer)
        step = self._known.get(place.exact)
        if step is None:
            before = place.before
            drive = self._standing.pop(before.exact, None) if before is not None else None
            step = self._known[place.exact] = self._go_on(drive or self._led(actor), actor)
        return step

    def _led(self, actor: Actor | Hand) -> Driven:
        """A new program, led to where the last but one answer had brought it."""
        drive: Driven = Drive(actor, self._declared) if isinstance(actor, Actor) else HandDrive(actor)
        assert actor.history is not None
        for told in actor.history.in_order()[:-1]:
            drive.resume(told.now, told.answer)
        return drive

    def _go_on(self, drive: Driven, actor: Actor | Hand) -> Step:
        place = actor.history
        assert place is not None
        try:
            request = drive.resume(place.now, place.answer)
        except CronstackError as fault:
            drive.close()
            return Step(None, fails=drive.fails, end=fault)
        if isinstance(request, Ended | Returned):
            drive.close()
            return Step(None, fails=drive.fails, end=request)
        self._standing[place.exact] = drive
        if len(self._standing) > STANDING:
            self._standing.popitem(last=False)[1].close()
        return Step(request, _printed(request), drive.in_handler, drive.fails)

    def close(self) -> None:
        """No scene goes on."""
        for drive in self._standing.values():
            drive.close()
        self._standing.clear()


def _printed(request: Request) -> str:
    """Equal for equal requests: the attempt that ``Work`` hands on would show where in memory it lies."""
    return str(request._replace(open=None) if isinstance(request, Work) else request)


class _Chance:
    """The same, wherever the program is led again."""

    def __init__(self, number: int) -> None:
        self._number = number

    def getrandbits(self, k: int, /) -> int:
        return self._number

    def random(self) -> float:
        return 0.5


class Drive:
    """An invocation's program with its host."""

    def __init__(self, actor: Actor, declared: Job) -> None:
        self.now, self.fails, self._work = actor.began, False, Work(0, 0)
        self._deadline = actor.deadline
        self._chance = _Chance(actor.number)
        self._program = Program(declared._replace(function=self._behave), actor.asked.event, self, self._shell)

    invoked_function_arn, aws_request_id = Invoked.invoked_function_arn, Invoked.aws_request_id

    def get_remaining_time_in_millis(self) -> int:
        """Until the deadline: of the scene, or of the past where it is led again."""
        return max(0, self._deadline - self.now)

    def _shell(self, drive: Callable[[Steps[None]], None]) -> Shell:
        return Shell(
            SETTINGS, nowhere, lambda: self.now, lambda: self.now / 1000, never, self._chance, unread, drive=drive
        )

    def _behave(self, run: Run) -> None:
        self._program.wait(0)
        if self.fails:
            raise HandlerFailed("no")

    @property
    def in_handler(self) -> bool:
        return self._program.in_handler

    def close(self) -> None:
        self._program.close()

    def resume(self, now: int, answer: Any) -> Request | Ended:
        self.now = now
        if isinstance(answer, Begin):
            self.fails = answer.fails
            return self._noted(self._program.begin_handler(self._work))
        return self._noted(self._program.resume(answer))

    def _noted(self, request: Request | Ended) -> Request | Ended:
        if isinstance(request, Work):
            self._work = request
        return request


class HandDrive:
    """The same for a call of application code."""

    in_handler = False

    def __init__(self, hand: Hand) -> None:
        self.fails = False
        self.now, self._ends = hand.began, hand.began + PATIENCE * 1000
        host = Host(lambda: self.now, lambda: (self._ends - self.now) / 1000, _Chance(hand.number))
        self._steps = steps(hand.wish, host, _unswept)

    def close(self) -> None:
        self._steps.close()

    def resume(self, now: int, answer: Any) -> Request | Returned[Any]:
        self.now = now
        return resume(self._steps, answer)


def _unswept(plan: Plan) -> None:
    raise AssertionError("nobody sweeps in a scene")
