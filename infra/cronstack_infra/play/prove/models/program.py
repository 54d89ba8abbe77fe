"""An invocation that stops before each request, also before those of its handler.

The runtime's steps are a generator; the user's handler is a plain function in the middle of them. It runs in a
greenlet, so that a request inside it, a commit or a checkpoint, suspends the whole invocation like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from cronstack.driver import Returned, resume
from cronstack.runtime import Ended, Shell
from cronstack.steps import Call, Request, Sleep, Work
from cronstack_infra.play.prove.models.code import TODAY, Code

if TYPE_CHECKING:
    from cronstack.declaration import Job
    from cronstack.transport import Answer


class Program:
    """One invocation. ``resume`` takes the answer to the last request and returns the next request, or the end."""

    __slots__ = ("_handler", "_invocation", "_over", "_steps")

    def __init__(
        self, job: Job, event: object, context: object, shell_of: Callable[[Program], Shell], code: Code = TODAY
    ) -> None:
        """``shell_of`` creates the shell, with the ``transport`` and the ``sleep`` of this program."""
        self._invocation = code.invocation(job, event, context, shell_of(self))
        self._steps = self._invocation.steps()
        self._handler: greenlet | None = None
        self._over = False

    def resume(self, answer: Any) -> Request | Ended:
        """Return the next request, or the end. Raise what the invocation raises."""
        if self._handler is not None:
            request: Request = self._handler.switch(answer)
            if not self._handler.dead:
                return request
            self._handler, answer = None, request
        result = resume(self._steps, answer)
        if isinstance(result, Returned):
            ended: Ended = result.result
            return ended
        return result

    @property
    def in_handler(self) -> bool:
        """Whether the handler sent the last request."""
        return self._handler is not None

    def begin_handler(self, work: Work) -> Request | Ended:
        """Answer ``Work``: run the handler up to its first request, or beyond its end up to the next one."""
        self._handler = greenlet(self._invocation.run_handler)
        return self.resume(work)

    def close(self) -> None:
        """End the program. Requests that the handler sends while it unwinds are dropped.

        The garbage collector would do the same, but at any moment, in the middle of other steps.
        """
        self._over = True
        if self._handler is not None:
            self._handler.throw(GreenletExit)
            self._handler = None
        self._steps.close()

    # The runtime sends the requests of a handler through these two methods.

    def transport(self, operation: str, parameters: Mapping[str, Any], timeout: float = 0.0) -> Answer:
        """``timeout``: optional, because another version of the runtime may not pass it."""
        answer: Answer = self._ask(Call(operation, parameters))
        return answer

    def sleep(self, seconds: float) -> None:
        self._ask(Sleep(seconds))

    def _ask(self, request: Request) -> Any:
        """Send a request from within the handler, and return the answer."""
        if self._over:
            raise GreenletExit
        return getcurrent().parent.switch(request)

    def wait(self, milliseconds: float) -> None:
        """Wait, from within the handler."""
        self.sleep(milliseconds / 1000)
