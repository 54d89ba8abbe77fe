"""The real programs of the small space (see ``walk``). Each step of a program runs once; its result is cached.

A program is deterministic: the same answers at the same times lead to the same request. Many scenes contain an
invocation at the same place, after moves of others. The first of these scenes runs the program; the others use the
cached step. A program cannot be copied. If a program is suspended at the needed place, it continues; if not, a new
program replays all the answers.
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
from cronstack_infra.play.prove.log.records import InvocationRecord
from cronstack_infra.play.prove.models.planning import steps
from cronstack_infra.play.prove.models.program import Program
from cronstack_infra.play.prove.models.shell import SETTINGS, HandlerFailed, discard_line
from cronstack_infra.play.prove.walk.steered import SteeredCaller, SteeredInvocation

CALL_TIMEOUT: Final = 20
"""Seconds after which application code gives up."""
MOST_SUSPENDED: Final = 256
"""Most programs that are kept suspended."""


class Begin(NamedTuple):
    """The answer to ``Work``: start the handler."""

    fails: bool


class Step(NamedTuple):
    """The reaction of a program to an answer: its next request, or its end."""

    request: Request | None
    request_text: str = ""
    """The request, as text."""
    in_handler: bool = False
    fails: bool = False
    """Its handler will fail, or has failed."""
    end: Ended | Returned[Any] | CronstackError | None = None


class Driver(Protocol):
    """A program that gets one answer after another."""

    fails: bool

    @property
    def in_handler(self) -> bool: ...
    def resume(self, now: int, answer: Any) -> Request | Ended | Returned[Any]: ...
    def close(self) -> None: ...


class Programs:
    """The programs of all scenes of one space."""

    def __init__(self, declared: Job) -> None:
        self._declared = declared
        self._known: dict[bytes, Step] = {}
        self._suspended: OrderedDict[bytes, Driver] = OrderedDict()

    def answer(self, program: SteeredInvocation | SteeredCaller, answer: Any) -> Step:
        """Return the program's next step."""
        place = program.record_answer(answer)
        step = self._known.get(place.exact)
        if step is None:
            before = place.before
            driver = self._suspended.pop(before.exact, None) if before is not None else None
            step = self._known[place.exact] = self._continue(driver or self._replayed(program), program)
        return step

    def _replayed(self, program: SteeredInvocation | SteeredCaller) -> Driver:
        """Return a new program that has replayed all answers except the last one."""
        driver: Driver = (
            InvocationDriver(program, self._declared)
            if isinstance(program, SteeredInvocation)
            else CallerDriver(program)
        )
        assert program.history is not None
        for answered in program.history.in_order()[:-1]:
            driver.resume(answered.now, answered.answer)
        return driver

    def _continue(self, driver: Driver, program: SteeredInvocation | SteeredCaller) -> Step:
        place = program.history
        assert place is not None
        try:
            request = driver.resume(place.now, place.answer)
        except CronstackError as fault:
            driver.close()
            return Step(None, fails=driver.fails, end=fault)
        if isinstance(request, Ended | Returned):
            driver.close()
            return Step(None, fails=driver.fails, end=request)
        self._suspended[place.exact] = driver
        if len(self._suspended) > MOST_SUSPENDED:
            self._suspended.popitem(last=False)[1].close()
        return Step(request, _request_text(request), driver.in_handler, driver.fails)

    def close(self) -> None:
        """Stop all programs."""
        for driver in self._suspended.values():
            driver.close()
        self._suspended.clear()


def _request_text(request: Request) -> str:
    """Return a text that is equal for equal requests: without the attempt of ``Work``, whose text is its address."""
    return str(request._replace(open=None) if isinstance(request, Work) else request)


class _Chance:
    """A source of fixed numbers, so that a replayed program gets the same ones."""

    def __init__(self, number: int) -> None:
        self._number = number

    def getrandbits(self, k: int, /) -> int:
        return self._number

    def random(self) -> float:
        return 0.5


class InvocationDriver:
    """The driver of an invocation's program, with its clocks."""

    def __init__(self, invocation: SteeredInvocation, declared: Job) -> None:
        self.now, self.fails, self._work = invocation.began, False, Work(0, 0)
        self._deadline = invocation.deadline
        self.invoked_function_arn = invocation.invoked_function_arn
        self._chance = _Chance(invocation.number)
        self._program = Program(declared._replace(function=self._handler), invocation.event.body, self, self._shell)

    aws_request_id = InvocationRecord.aws_request_id

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the deadline, counted from the time of the last answer."""
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

    def _handler(self, run: Run) -> None:
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


class CallerDriver:
    """The driver of a call of application code."""

    in_handler = False

    def __init__(self, caller: SteeredCaller) -> None:
        self.fails = False
        self.now, self._ends = caller.began, caller.began + CALL_TIMEOUT * 1000
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
    raise AssertionError("a scene contains no sweep")
