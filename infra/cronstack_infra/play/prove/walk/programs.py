"""The real programs of the small space (see ``walk``), each asked once for each place it can be led to.

A program is deterministic: the same answers at the same times bring it to the same request. Scenes find an invocation
in the same place again and again, after moves of others. The first of these scenes asks the program; for the others its
step is kept. A program cannot be copied. If one stands where it is needed, it goes on; if not, a new one gets all the
answers again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, NamedTuple, Protocol

from cronstack.declaration import Job
from cronstack.driver import Returned, resume
from cronstack.errors import CronstackError
from cronstack.onetime.planner import Plan
from cronstack.run import Run
from cronstack.runtime import Ended, Shell
from cronstack.steps import Host, Request, Work
from cronstack.timing.aws_clock import AwsClock
from cronstack_infra.play.prove.log.records import Invoked
from cronstack_infra.play.prove.models.planning import steps
from cronstack_infra.play.prove.models.program import Program
from cronstack_infra.play.prove.models.shell import SETTINGS, HandlerFailed, discard_line
from cronstack_infra.play.prove.walk.steered import SteeredCaller, SteeredInvocation

PATIENCE: Final = 20
"""Seconds after which application code gives up."""
STANDING: Final = 256
"""Number of programs that are kept where they stopped."""


class Begin(NamedTuple):
    """The answer to ``Work``: begin the handler."""

    fails: bool


class Step(NamedTuple):
    """What a program did with an answer: it sent its next request, or ended."""

    request: Request | None
    printed: str = ""
    """The request, as text."""
    in_handler: bool = False
    fails: bool = False
    """Its handler will fail, or has failed."""
    end: Ended | Returned[Any] | CronstackError | None = None


class Driven(Protocol):
    """A program that gets one answer after another."""

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

    def answer(self, one: SteeredInvocation | SteeredCaller, answer: Any) -> Step:
        """Return what the program does next."""
        place = one.record_answer(answer)
        step = self._known.get(place.exact)
        if step is None:
            before = place.before
            drive = self._standing.pop(before.exact, None) if before is not None else None
            step = self._known[place.exact] = self._go_on(drive or self._replayed(one), one)
        return step

    def _replayed(self, one: SteeredInvocation | SteeredCaller) -> Driven:
        """Return a new program that was given all answers but the last one."""
        drive: Driven = Drive(one, self._declared) if isinstance(one, SteeredInvocation) else CallerDrive(one)
        assert one.history is not None
        for answered in one.history.in_order()[:-1]:
            drive.resume(answered.now, answered.answer)
        return drive

    def _go_on(self, drive: Driven, one: SteeredInvocation | SteeredCaller) -> Step:
        place = one.history
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
        """Stop all programs."""
        for drive in self._standing.values():
            drive.close()
        self._standing.clear()


def _printed(request: Request) -> str:
    """Equal for equal requests: the attempt that ``Work`` hands on would show where in memory it lies."""
    return str(request._replace(open=None) if isinstance(request, Work) else request)


class _Chance:
    """The same numbers, whenever a program gets its answers again."""

    def __init__(self, number: int) -> None:
        self._number = number

    def getrandbits(self, k: int, /) -> int:
        return self._number

    def random(self) -> float:
        return 0.5


class Drive:
    """An invocation's program with its host."""

    def __init__(self, invocation: SteeredInvocation, declared: Job) -> None:
        self.now, self.fails, self._work = invocation.began, False, Work(0, 0)
        self._deadline = invocation.deadline
        self.invoked_function_arn = invocation.invoked_function_arn
        self._chance = _Chance(invocation.number)
        self._program = Program(declared._replace(function=self._behave), invocation.event.body, self, self._shell)

    aws_request_id = Invoked.aws_request_id

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the deadline, at the time of the answer that it was given last."""
        return max(0, self._deadline - self.now)

    def _shell(self, program: Program) -> Shell:
        return Shell(
            SETTINGS,
            program.transport,
            lambda: self.now,
            lambda: self.now / 1000,
            program.sleep,
            self._chance,
            discard_line,
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
            return self._keep_work(self._program.begin_handler(self._work))
        return self._keep_work(self._program.resume(answer))

    def _keep_work(self, request: Request | Ended) -> Request | Ended:
        if isinstance(request, Work):
            self._work = request
        return request


class CallerDrive:
    """A call of application code."""

    in_handler = False

    def __init__(self, caller: SteeredCaller) -> None:
        self.fails = False
        self.now, self._ends = caller.began, caller.began + PATIENCE * 1000
        clock = AwsClock(lambda: self.now, lambda: self.now / 1000)

        def left() -> float:
            return (self._ends - self.now) / 1000

        host = Host(clock, left, left, _Chance(caller.number))
        self._steps = steps(caller.call, host, _no_sweep)

    def close(self) -> None:
        self._steps.close()

    def resume(self, now: int, answer: Any) -> Request | Returned[Any]:
        self.now = now
        return resume(self._steps, answer)


def _no_sweep(plan: Plan) -> None:
    raise AssertionError("a scene holds no sweep")
