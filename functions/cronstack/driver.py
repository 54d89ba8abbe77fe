"""The driver of steps: carries out the requests of a protocol's generator (see ``steps``), one after another.

One rule holds for faults in Lambda, in application code and in simulations. If carrying out a request raises, the
exception is thrown into the steps at this request. So the steps can record it (a commit is then in doubt, the log line
names the fault) before it leaves them. ``drive`` does everything at once. A simulator that stops before each request
uses ``resume`` and ``carry_out``.

No request may hang longer than half of the time left: the other half is for sending it again. If a settlement hung
until Lambda killed the attempt, the handler would run twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from cronstack.steps import Call, Request, Sleep, Steps, Work

if TYPE_CHECKING:
    from cronstack.steps import Failed, Succeeded
    from cronstack.transport import Transport

_T = TypeVar("_T")
LONGEST: Final = 10.0
"""Seconds after which a request counts as lost, however much time is left."""


def request_limit(left: float) -> float:
    """Return the seconds that a request may take when ``left`` seconds remain."""
    return min(LONGEST, max(left, 0.0) / 2)


class Raised:
    """Argument of ``resume`` instead of an answer: the exception that carrying out the request raised."""

    __slots__ = ("fault",)

    def __init__(self, fault: BaseException) -> None:
        self.fault = fault


class Returned(Generic[_T]):
    """The end of the steps, with their result."""

    __slots__ = ("result",)
    __match_args__ = ("result",)

    def __init__(self, result: _T) -> None:
        self.result = result


def no_handler(work: Work) -> Succeeded | Failed:
    """Raise AssertionError. The default of ``drive``: only the steps of a delivery request ``Work``."""
    raise AssertionError(f"these steps have no handler to run: {work}")


def drive(
    steps: Steps[_T],
    transport: Transport,
    *,
    left: Callable[[], float],
    sleep: Callable[[float], object],
    run_handler: Callable[[Work], Succeeded | Failed] = no_handler,
) -> _T:
    """Carry out all requests of the steps and return their result. Raises what the steps raise.

    ``left`` returns the seconds until the deadline.
    """
    answer: Any = None
    while not isinstance(request := resume(steps, answer), Returned):
        answer = carry_out(request, transport, left=left, sleep=sleep, run_handler=run_handler)
    return request.result


def resume(steps: Steps[_T], answer: Any) -> Request | Returned[_T]:
    """Send the steps the answer to their last request, or its ``Raised``. Return the next request or ``Returned``.

    ``answer`` is None at the start.
    """
    try:
        return steps.throw(answer.fault) if isinstance(answer, Raised) else steps.send(answer)
    except StopIteration as end:
        return Returned(end.value)


def carry_out(
    request: Request,
    transport: Transport,
    *,
    left: Callable[[], float],
    sleep: Callable[[float], object],
    run_handler: Callable[[Work], Succeeded | Failed] = no_handler,
) -> Any:
    """Carry out one request and return the answer for ``resume``. Never raises."""
    try:
        match request:
            case Call(operation, parameters):
                return transport(operation, parameters, request_limit(left()))
            case Sleep(seconds):
                return sleep(seconds)
            case Work():
                return run_handler(request)
    except BaseException as fault:  # the steps decide about every failure, also SystemExit
        return Raised(fault)
