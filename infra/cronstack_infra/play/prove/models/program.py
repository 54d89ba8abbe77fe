"""An invocation that can be stopped: before each request, those that its handler asks for included.

The runtime's steps are a generator; the user's handler is a plain function in the middle of them. It runs in a
greenlet, so that a request inside it, a commit or a checkpoint, suspends the whole invocation like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from cronstack.driver import Raised, Returned, resume
from cronstack.runtime import Ended, Invocation, Shell
from cronstack.seam import Request, Sleep, Steps, Work

if TYPE_CHECKING:
    from cronstack.declaration import Job

Made = Callable[[Callable[[Steps[None]], None]], Shell]
"""A function that makes the shell, given the function that runs the requests of a handler."""


class Program:
    """One invocation. ``resume`` with the answer to the last request gives the next one, or how it ended."""

    __slots__ = ("_handler", "_invocation", "_over", "_steps")

    def __init__(self, job: Job, event: object, context: object, shell: Made) -> None:
        self._invocation = Invocation(job, event, context, shell(self._drive))
        self._steps = self._invocation.steps()
        self._handler: greenlet | None = None
        self._over = False

    def resume(self, answer: Any) -> Request | Ended:
        """Return the next request, or the end. Raise what the invocation raises."""
        if self._handler is not None:
            asked: Request = self._handler.switch(answer)
            if not self._handler.dead:
                return asked
            self._handler, answer = None, asked
        came = resume(self._steps, answer)
        if isinstance(came, Returned):
            ended: Ended = came.result
            return ended
        return came

    @property
    def in_handler(self) -> bool:
        """Whether the handler sent the last request."""
        return self._handler is not None

    def begin_handler(self, work: Work) -> Request | Ended:
        """Answer ``Work``: run the handler up to its first request, or to its end and on from there."""
        self._handler = greenlet(self._invocation.run_handler)
        return self.resume(work)

    def close(self) -> None:
        """End it. Requests that the handler sends while it unwinds are dropped.

        The garbage collector would do the same, but at any moment, in the middle of other steps.
        """
        self._over = True
        if self._handler is not None:
            self._handler.throw(GreenletExit)
            self._handler = None
        self._steps.close()

    def _drive(self, steps: Steps[None]) -> None:
        """Drive what a handler requests (see ``Shell.drive``): each leaves it, and its answer comes back."""
        answer: Any = None
        while not isinstance(request := resume(steps, answer), Returned):
            try:
                answer = self.ask(request)
            except BaseException as fault:
                answer = Raised(fault)

    def ask(self, request: Request) -> Any:
        """Send a request from within the handler, and return the answer."""
        if self._over:
            raise GreenletExit
        return getcurrent().parent.switch(request)

    def wait(self, milliseconds: float) -> None:
        """Be busy for so long, from within the handler."""
        self.ask(Sleep(milliseconds / 1000))
