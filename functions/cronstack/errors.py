"""Every exception that Cronstack raises on purpose, in one tree.

    CronstackError
    ├── DeclarationError (ValueError)   a job is declared wrongly; raised by discovery, never in Lambda
    ├── ScheduleError (ValueError)      an expression, a zone or a span that is not a schedule
    ├── EventError (ValueError)         an event that is not Cronstack's, is malformed, or is too old
    ├── LeaseLost                       this attempt no longer holds the right to run; Cronstack never catches it
    ├── OutOfTime                       too little of this invocation is left to start; Lambda delivers the event again
    ├── Unavailable                     AWS gave no usable answer; nothing was run, Lambda delivers the event again
    ├── PermanentError                  raised by a handler (or a subclass of it): no retry can help
    │   └── MisuseError (ValueError)    a handler called a method of its run wrongly: too large, too late, twice
    ├── RetryLater                      raised by ``run.retry(after=…)``: start the next attempt then
    ├── OnceError (ValueError)          a call of ``once`` is invalid: no key, no zone, a past time
    ├── OnceConflict                    the key is already used for another plan; nothing was changed
    ├── CommitRefused                   a condition of the handler's own writes did not hold; nothing was written
    └── OperationError                  an operator's command cannot be carried out

A duplicate, an overlap or a miss is a value, not an exception: see ``guard.decision``.
Each message states what is wrong, where, why, and what to do. ``remedy`` may hold the last part.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class CronstackError(Exception):
    """Root of the tree.

    ``remedy`` is one sentence that describes what to do, or "".
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = str(self.args[0]) if self.args else ""
        return f"{message}\n  {self.remedy}" if self.remedy else message


class DeclarationError(CronstackError, ValueError):
    """A job is declared wrongly. ``where`` is "file:line", the file alone, or "" if neither is known."""

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, remedy=remedy)
        self.where = where


class ScheduleError(CronstackError, ValueError):
    """An expression, a time zone or a span that EventBridge Scheduler would refuse, or that never fires."""


class EventError(CronstackError, ValueError):
    """An event that this function must not run. ``reason`` is the error type in its dead letter."""

    def __init__(self, reason: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class LeaseLost(CronstackError):
    """Another attempt took over the lease. This attempt must not write any more."""


class OutOfTime(CronstackError):
    """This invocation was frozen or slow, and it is too late to claim. Lambda delivers the event again."""


class Unavailable(CronstackError):
    """AWS gave no usable answer. Repeat the call with the same key and content: each call is safe to repeat.

    ``certain``: the request was not carried out; otherwise that is unknown. ``passing``: the fault is temporary.
    """

    def __init__(self, message: str, *, remedy: str = "", certain: bool = False, passing: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.certain, self.passing = certain, passing


class PermanentError(CronstackError):
    """Raised by handlers when no retry can help. The occurrence is dead at once, with a dead letter."""


class MisuseError(PermanentError, ValueError):
    """A handler called a method of its run wrongly; nothing was sent. A retry would be as wrong, so it is permanent."""


class RetryLater(CronstackError):
    """Raised by ``run.retry(after=…)``; a handler must not catch it. ``after`` is in seconds."""

    def __init__(self, after: float, why: str) -> None:
        super().__init__(why or f"the handler requested a retry in {after:g} s")
        self.after = after


class CommitRefused(CronstackError):
    """A condition among the writes of ``run.commit`` did not hold. Nothing was written, and the run is not settled.

    ``index`` counts the handler's writes from 0. ``item`` is the existing item in DynamoDB's own form, if the write
    requested it by ReturnValuesOnConditionCheckFailure.
    """

    def __init__(self, index: int, item: dict[str, object] | None) -> None:
        super().__init__(
            f"the condition of write {index} did not hold, so none of the writes was carried out",
            remedy="Let it pass, and the attempt counts as failed; or catch it and decide.",
        )
        self.index, self.item = index, item


class Argument(NamedTuple):
    """An argument of ``once`` in the text of an error."""

    name: str
    value: object

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}"


class Method(NamedTuple):
    """A method of ``once`` in the text of an error."""

    name: str

    def __str__(self) -> str:
        return f"once.{self.name}(…)"


Part = str | Argument | Method


class _OnceFailure(CronstackError):
    """An error of ``once``, whose text each interface can write in its own form.

    ``parts`` and ``remedy_parts`` are the text in pieces. ``str(error)`` joins them as Python code; the command line
    writes an ``Argument`` as an option and a ``Method`` as a command.
    """

    def __init__(self, *parts: Part, remedy: str | Iterable[Part] = "") -> None:
        self.parts = parts
        self.remedy_parts: tuple[Part, ...] = (remedy,) if isinstance(remedy, str) else tuple(remedy)
        super().__init__("".join(map(str, parts)), remedy="".join(map(str, self.remedy_parts)))


class OnceError(_OnceFailure, ValueError):
    """A call of ``once`` has an invalid key, time or input; nothing was sent."""


class OnceConflict(_OnceFailure):
    """The key was planned with another time or input, was cancelled, or has started; nothing was changed."""


class OperationError(CronstackError):
    """An operator's command cannot be carried out; nothing was changed."""
